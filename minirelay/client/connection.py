"""One WebSocket connection to a relay, from its opening to its end (spec 01). It never comes back.

Whatever the relay asks is answered here at once, except for pushes, which wait in an `Inbox` until a
subscriber takes them. Frames leave in the order in which they were handed in, by one task.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
from aiohttp import ClientError as HttpError
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSMessage,
    WSMsgType,
    WSServerHandshakeError,
)
from yarl import URL

from minirelay.client.errors import (
    ConnectionLost,
    RelayMisbehaved,
    RelayRefused,
    RelayUnreachable,
)
from minirelay.client.frame_sender import FrameSender
from minirelay.client.inbox import Inbox, Inboxes
from minirelay.errors import Code, ProtocolViolation
from minirelay.protocol.envelope import (
    ClientRequest,
    Failure,
    PingRequest,
    Response,
    SubscriptionCancelRequest,
    SubscriptionPushRequest,
    SubscriptionRequest,
    Success,
    SyncStatusRequest,
    decode_envelope,
    encode_envelope,
    encode_response_ok,
)

MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
"""The relay's frames are below 1 MiB (spec 01); one above this ends the connection."""

MAX_OPEN_REQUESTS: Final = 1024
"""What the relay answers at a time; more wait here."""

CLOSE_TIMEOUT_S: Final = 2.0
NORMAL_CLOSURE: Final = 1000
PROTOCOL_ERROR: Final = 1002

_SUCCESS: Final = Success()
_UNWANTED: Final = Failure(Code.CLOSE_SUBSCRIPTION, "not wanted any more, or not for now")

Ending = partial[ConnectionLost] | partial[RelayMisbehaved]
"""Makes what to raise: a new one for each caller that waits."""


class _Request(msgspec.Struct, frozen=True):
    """A request that waits for its answer. inbox: of a subscription that is asked for."""

    answer: "asyncio.Future[bytes]"
    inbox: Inbox | None


class Connection:
    """A connection that is open until it is lost, for whatever reason."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        """socket: open. See `open`."""
        self._socket = socket
        self._end: Ending | None = None
        self._last_request = 0
        self._requests: dict[int, _Request] = {}
        self._inboxes = Inboxes()
        self._gate = asyncio.Lock()
        self._room = asyncio.Event()
        self._sender = FrameSender(socket, self._room.set)
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, http: ClientSession, url: URL, heartbeat_s: float | None) -> "Connection":
        """Connect to a relay.

        url: of its session endpoint. heartbeat_s: WebSocket pings are sent after that much silence; a relay
        that does not answer within half of it is lost. Raises RelayUnreachable.
        """
        try:
            socket = await http.ws_connect(
                url,
                heartbeat=heartbeat_s,
                max_msg_size=MAX_FRAME_BYTES,
                compress=0,
                timeout=ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
            )
        except WSServerHandshakeError as error:
            raise _turned_away(url, error) from error
        except (HttpError, OSError, TimeoutError) as error:
            raise RelayUnreachable(f"could not connect to {url}: {error or type(error).__name__}") from error
        return cls(socket)

    @property
    def is_open(self) -> bool:
        """Return whether it is not lost."""
        return self._end is None

    def check(self) -> None:
        """Raise ConnectionLost if it is lost."""
        if self._end is not None:
            raise self._end()

    async def request(self, message: ClientRequest | Callable[[], ClientRequest]) -> bytes:
        """Ask the relay and wait for its answer.

        message: what to ask, or what makes it at the moment in which it leaves. Requests leave in the order
        of these calls. Returns the payload. Raises RelayRefused, ConnectionLost.
        """
        return await self._request(message, None)

    async def subscribe(self, message: SubscriptionRequest, inbox: Inbox) -> None:
        """Have pushes put into an inbox, from the very first on. Raises RelayRefused, ConnectionLost."""
        try:
            await self._request(message, inbox)
        except BaseException:
            # If the relay subscribes nonetheless, its first push is turned away.
            inbox.is_abandoned = True
            raise

    async def cancel(self, inbox: Inbox) -> None:
        """End a subscription; nothing of it arrives afterwards. Raises ConnectionLost, RelayRefused."""
        await self.request(SubscriptionCancelRequest(inbox.subscription_id))
        self.forget(inbox)

    def forget(self, inbox: Inbox) -> None:
        """Have further pushes of a subscription that ended turned away."""
        self._inboxes.forget(inbox)

    async def wait_lost(self) -> None:
        """Wait until it is lost, for whatever reason."""
        await asyncio.wait([self._reader])

    async def close(self) -> None:
        """Close in an orderly way.

        What was handed in still leaves; who waits for an answer gets ConnectionLost.
        """
        await self._sender.flush(CLOSE_TIMEOUT_S)
        self._lose(partial(ConnectionLost, "the client closed the connection", NORMAL_CLOSURE))
        await self._socket.close()
        await asyncio.wait([self._reader])
        if not self._reader.cancelled():
            self._reader.result()

    def hang_up(self, reason: str) -> RelayMisbehaved:
        """End the connection because an answer of the relay makes no sense. Returns what to raise."""
        self._lose(partial(RelayMisbehaved, reason, PROTOCOL_ERROR))
        self._reader.cancel()
        return RelayMisbehaved(reason, PROTOCOL_ERROR)

    # -- what leaves

    async def _request(
        self, message: ClientRequest | Callable[[], ClientRequest], inbox: Inbox | None
    ) -> bytes:
        async with self._gate:
            await self._wait_for_room()
            request_id = self._last_request = self._last_request + 1
            # A message that can't be made must not leave a request behind that nobody answers.
            frame = encode_envelope(request_id, message() if callable(message) else message)
            answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self._requests[request_id] = _Request(answer, inbox)
            self._sender.send(frame)
        return await answer

    async def _wait_for_room(self) -> None:
        while self._end is None and (len(self._requests) >= MAX_OPEN_REQUESTS or self._sender.is_full):
            self._room.clear()
            await self._room.wait()
        self.check()

    def _answer(self, request_id: int, response: Response) -> None:
        self._sender.send(
            encode_response_ok(request_id) if response is _SUCCESS else encode_envelope(request_id, response)
        )

    # -- what comes in

    async def _read(self) -> None:
        ended: Ending = partial(ConnectionLost, "the connection broke")
        try:
            while True:
                message = await self._socket.receive()
                if message.type is not WSMsgType.BINARY:
                    ended = _ending(message)
                    return
                self._receive(message.data)
        except RelayMisbehaved as misbehaviour:
            ended = partial(RelayMisbehaved, misbehaviour.reason, PROTOCOL_ERROR)
        finally:
            self._lose(ended)
            await self._sender.stop()
            is_at_fault = self._end is not None and self._end.func is RelayMisbehaved
            await self._socket.close(code=PROTOCOL_ERROR if is_at_fault else NORMAL_CLOSURE)

    def _receive(self, frame: bytes) -> None:
        try:
            envelope = decode_envelope(frame)
        except ProtocolViolation as violation:
            raise RelayMisbehaved(f"the relay sent a frame that is {violation.reason}") from violation
        match envelope.message:
            case Success() | Failure() as response:
                self._settle(envelope.request_id, response)
            case SubscriptionPushRequest() as push:
                self._deliver(envelope.request_id, push, len(frame))
            case PingRequest():
                self._answer(envelope.request_id, _SUCCESS)
            case SyncStatusRequest() as status:
                self._inboxes.note(status)
                self._answer(envelope.request_id, _SUCCESS)
            case _:
                refusal = Failure(Code.INVALID, f"{type(envelope.message).__name__} is for a client to send")
                self._answer(envelope.request_id, refusal)

    def _settle(self, request_id: int, response: Response) -> None:
        request = self._requests.get(request_id)
        if request is None:
            raise RelayMisbehaved(
                f"the relay answered request {request_id}, which does not wait for an answer"
            )
        if request.inbox is not None and isinstance(response, Success):
            self._inboxes.register(request.inbox, response.payload)
        del self._requests[request_id]
        self._room.set()
        if request.answer.done():
            return  # whoever asked was cancelled
        if isinstance(response, Success):
            request.answer.set_result(response.payload)
        else:
            request.answer.set_exception(RelayRefused(response.code, response.message, response.object_id))

    def _deliver(self, request_id: int, push: SubscriptionPushRequest, size: int) -> None:
        if not self._inboxes.deliver(push, size, partial(self._answer, request_id)):
            self._answer(request_id, _UNWANTED)

    # -- the end

    def _lose(self, end: Ending) -> None:
        if self._end is not None:
            return
        self._end = end
        self._sender.end()
        for request in self._requests.values():
            if not request.answer.done():
                request.answer.set_exception(end())
        self._requests.clear()
        self._inboxes.end(end)
        self._room.set()


def _ending(message: WSMessage) -> Ending:
    match message.type:
        case WSMsgType.TEXT:
            return partial(RelayMisbehaved, "the relay sent a text frame", PROTOCOL_ERROR)
        case WSMsgType.CLOSE:
            reason = f": {message.extra}" if message.extra else ""
            return partial(ConnectionLost, f"the relay closed the connection{reason}", message.data)
        case WSMsgType.ERROR:
            return partial(ConnectionLost, f"the connection broke: {message.data or 'no answer to a ping'}")
        case _:
            return partial(ConnectionLost, "the connection broke")


def _turned_away(url: URL, error: WSServerHandshakeError) -> RelayUnreachable:
    retry_after = error.headers.get("Retry-After", "") if error.headers else ""
    return RelayUnreachable(
        f"{url} answered {error.status} instead of opening a WebSocket",
        error.status,
        float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None,
    )
