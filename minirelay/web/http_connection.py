"""One client's HTTP connection, and what all of them share: who is served, who waits, how all of it ends."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.http import WebSocketReader
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.typedefs import Handler, Middleware

from minirelay.errors import bare
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.web.client_address import FORWARDED
from minirelay.web.connections import Connections, Place
from minirelay.web.errors import OWN_FAULT, failure_at
from minirelay.web.idle_connections import IdleConnections
from minirelay.web.receive_buffer import ReceiveBuffer, Receiver
from minirelay.web.request_parser import MAX_WAITING, BoundedParser

log = logging.getLogger(__name__)

BODY_BYTES: Final = 16 * 1024
"""Of a body, about twice as much is received before it is read."""

WRITE_BUFFER_BYTES: Final = 16 * 1024
"""With more of its answers unread, nothing is done for a connection."""

LINGERING_S: Final = 2.0
"""How long what a client still sends is received, and dropped, behind an answer that it did not wait for."""

CUT_OFF_S: Final = 1.0
"""How long handlers whose connections were cut off may take to notice it."""

NO_HTTP: Final = "this is no request that HTTP/1.1 has"
HEAD_TOO_LARGE: Final = "the head of this request is too large"
NO_HOST: Final = "an HTTP/1.1 request needs a Host header"
_NO_HOST_OF_PARSER: Final = "Missing 'Host' header"
_TOO_MANY_OF_PARSER: Final = "Too many headers"

_LONGEST_TARGET: Final = 64
"""Of what a connection begins with, enough to tell which endpoint it is for."""


class HttpConnection(web.RequestHandler):
    """A connection that gives its place back, and answers in the relay's words what the parser refuses."""

    def __init__(self, server: web.Server, traffic: "Traffic", place: Place) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            logger=log,
            # No client compresses what it sends, so nobody gets to send what expands.
            auto_decompress=False,
            read_bufsize=BODY_BYTES,
            lingering_time=LINGERING_S,
        )
        if self._parser is None:
            raise RuntimeError("a new connection has a parser")
        self._requests = BoundedParser(self._parser, traffic.max_head_bytes)
        self._parser = self._requests  # type: ignore[assignment]
        self._max_msg_queue_size, self._msg_queue_resume_size = MAX_WAITING, MAX_WAITING // 2
        self._account = traffic.memory.open(lambda _: self.give_up())
        self._held_bytes = 0
        self._is_session = False
        self._traffic = traffic
        self._place = place
        self._beginning = b""
        self._own_transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._own_transport = self.transport
        if self._own_transport is not None:
            self._own_transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._traffic.began(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        self._place.leave()
        self._own_transport = None
        self.account()
        self._account.end()
        self._traffic.gone(self)
        super().connection_lost(exc)
        # What is left must not wait for the collector: attackers come and go by the thousand.
        self._requests.forget()
        self._messages.clear()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if not self._beginning:
            self._beginning = bytes(data[:_LONGEST_TARGET])
        super().data_received(data)
        self._strip_failure()
        self.account()

    def pause_writing(self) -> None:
        """Take note that the client does not read its answers."""
        super().pause_writing()
        self.account()

    def resume_writing(self) -> None:
        """Take note that the client reads again."""
        super().resume_writing()
        self.account()

    def set_parser(self, parser: WebSocketReader, data_received_cb: Callable[[], None] | None = None) -> None:
        """Become a session, which accounts for itself."""
        self._is_session = True
        self.account()
        super().set_parser(parser, data_received_cb)

    def account(self) -> None:
        """Note what the connection holds."""
        if self._is_session or self._own_transport is None:
            held_bytes = 0
        else:
            held_bytes = self._requests.held_bytes + self._own_transport.get_write_buffer_size()
        if held_bytes != self._held_bytes:
            self._account.hold(held_bytes - self._held_bytes)
            self._held_bytes = held_bytes

    def force_close(self) -> None:
        """Close it, and wait for nothing more of it."""
        super().force_close()
        if self not in self._traffic.unanswered:
            # aiohttp reads on behind an answer, and fails at a body that is there no more.
            self._requests.end_body()

    def answered(self) -> None:
        """Take note that the answer was sent: what its client still sends keeps no stop waiting."""
        self._traffic.answered(self)

    def give_up(self) -> None:
        """Close it at once, whether its client reads what was sent or not."""
        transport = self._own_transport
        self.force_close()
        if transport is not None:
            # Closing waits until what was sent is read, and who does not read would keep the place.
            transport.abort()

    def asked(self, request: web.Request) -> None:
        """Take note of a whole request."""
        self._beginning = b""
        self._place.asked(is_forwarded=FORWARDED in request.headers)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Answer what no handler of ours has seen, or what it failed at.

        aiohttp's own answers quote what was sent, and its words change.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        response = failure_at(self._path(request), *self._explain(status, exc))
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; aiohttp's own, raised where no middleware is, in the relay's shape."""
        if isinstance(resp, web.HTTPException):
            resp = failure_at(request.path, resp.status, resp.reason)
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            # What came behind a refused upgrade is parsed there.
            self._strip_failure()

    def _strip_failure(self) -> None:
        failure, self._requests.failure = self._requests.failure, None
        if failure is not None:
            # It waits to be answered, and the frames that it came through hold it.
            bare(failure)

    def _explain(self, status: int, error: BaseException | None) -> tuple[int, str]:
        """Return a status and a sentence for an error that came past all handlers."""
        if isinstance(error, HttpProcessingError):
            if isinstance(error, LineTooLong) or _TOO_MANY_OF_PARSER in error.message:
                return 431, HEAD_TOO_LARGE
            return 400, NO_HOST if _NO_HOST_OF_PARSER in error.message else NO_HTTP
        if isinstance(error, UnicodeError | web.RequestPayloadError):
            # Headers that are no text can't be quoted, and aiohttp tries to.
            return 400, NO_HTTP
        log.error("a request failed outside of its handler", exc_info=error)
        return status, OWN_FAULT

    def _path(self, request: web.BaseRequest) -> str:
        """Return what was asked for, also if it could not be parsed."""
        if request.method != "UNKNOWN":
            return request.path
        words = self._beginning.split(b" ")
        return words[1].partition(b"?")[0].decode("ascii", "replace") if len(words) > 1 else ""


class Traffic:
    """All connections of a listener."""

    def __init__(self, connections: Connections, memory: MemoryBudget, clock: Callable[[], float]) -> None:
        """memory: of all that clients make the relay hold. clock: monotonic, in seconds."""
        limits = connections.limits
        self.memory = memory
        self.max_head_bytes = limits.request_head
        self._buffer = ReceiveBuffer(limits.turn_bytes)
        self.idle = IdleConnections(limits.first_request_timeout, limits.idle_timeout, clock)
        self._refusals = connections.refusals
        self._open: set[HttpConnection] = set()
        self.served: dict[HttpConnection, asyncio.Task[object] | None] = {}
        self._answered: set[HttpConnection] = set()
        self._is_stopping = False
        self._all_gone = asyncio.Event()

    def connection(self, server: web.Server, place: Place) -> asyncio.BaseProtocol:
        """Make the protocol of a new connection."""
        return Receiver(HttpConnection(server, self, place), self._buffer)

    def began(self, connection: HttpConnection) -> None:
        """Take note of a new connection."""
        self._open.add(connection)
        self.idle.began(connection)
        if self._is_stopping:  # it was accepted before
            connection.force_close()

    def gone(self, connection: HttpConnection) -> None:
        """Forget a connection."""
        self.idle.gone(connection)
        self._open.discard(connection)
        self._note_end()

    @property
    def unanswered(self) -> set[HttpConnection]:
        """Return those that are being served, and whose answer was not sent."""
        return self.served.keys() - self._answered

    def answered(self, connection: HttpConnection) -> None:
        """Take note that a connection that is being served has its answer."""
        self._answered.add(connection)
        if self._is_stopping:
            connection.force_close()

    def middleware(self) -> Middleware:
        """Make the application's outermost middleware, which notes that a connection is being served."""

        @web.middleware
        async def attend(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = request.protocol
            if not isinstance(connection, HttpConnection):
                return await handler(request)
            self._begin(connection, request)
            try:
                response = await handler(request)
            finally:
                self._end(connection)
            if self._is_stopping and not response.prepared:
                response.force_close()
            return response

        return attend

    async def watch(self) -> None:
        """Close who waits for too long, and say what was refused, again and again, until cancelled."""
        while True:
            await asyncio.sleep(self.idle.check_interval_s)
            try:
                self.idle.close_late()
                self._refusals.say_due()
            except Exception:  # the task's only observer; it is tried again
                log.exception("connections that wait for too long could not be closed because of a bug")

    def stop(self) -> None:
        """Close what waits for nothing; what is being answered is closed behind its answer."""
        self._is_stopping = True
        for connection in self._open - self.unanswered:
            connection.force_close()
        self._note_end()

    async def wait_until_gone(self) -> None:
        """Wait until everything that was in flight has ended."""
        await self._all_gone.wait()

    async def cut_off(self) -> None:
        """End whatever is still there, at once."""
        tasks = [task for task in self.served.values() if task is not None]
        if self._open or tasks:
            log.warning("what was in flight is cut off", extra={"connections": len(self._open)})
        for connection in list(self._open):
            connection.give_up()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CUT_OFF_S)
        self._refusals.say_all()

    def _begin(self, connection: HttpConnection, request: web.Request) -> None:
        connection.asked(request)
        self.served[connection] = asyncio.current_task()
        self.idle.served(connection)

    def _end(self, connection: HttpConnection) -> None:
        self.served.pop(connection, None)
        self._answered.discard(connection)
        if connection in self._open:
            self.idle.answered(connection)
            connection.account()
        self._note_end()

    def _note_end(self) -> None:
        if self._is_stopping and not self._open and not self.served:
            self._all_gone.set()
