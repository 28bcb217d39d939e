"""A relay that does what a test tells it to: a real WebSocket server whose answers the test writes."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from minirelay.errors import Code
from minirelay.protocol.envelope import (
    AuthenticateRequest,
    ChallengeSolvedRequest,
    Envelope,
    Failure,
    Message,
    Response,
    SubscriptionPushRequest,
    SubscriptionRequest,
    Success,
    SyncStatusRequest,
    decode_envelope,
    encode_envelope,
)
from minirelay.protocol.push import SequencedPartialPatchSet

WAIT_S = 30.0
CHALLENGE = bytes(range(32))

M = TypeVar("M")
T = TypeVar("T")


class Session:
    """The relay's side of one connection."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.requests: asyncio.Queue[Envelope] = asyncio.Queue()
        self.ended = asyncio.Event()
        self._responses: dict[int, asyncio.Future[Response]] = {}
        self._own_ids = itertools.count(-1, -1)

    async def serve(self) -> None:
        """Sort what the client sends."""
        async for frame in self.socket:
            assert frame.type is WSMsgType.BINARY
            envelope = decode_envelope(frame.data)
            if isinstance(envelope.message, Success | Failure):
                self._responses[envelope.request_id].set_result(envelope.message)
            else:
                self.requests.put_nowait(envelope)
        self.ended.set()

    async def expect(self, kind: type[M]) -> tuple[int, M]:
        """Wait for the client's next request, which is of this kind. Returns its id, too."""
        envelope = await within(self.requests.get())
        assert isinstance(envelope.message, kind), envelope
        return envelope.request_id, envelope.message

    async def send(self, request_id: int, message: Message) -> None:
        """Send any message."""
        await self.socket.send_bytes(encode_envelope(request_id, message))

    async def answer(self, request_id: int, payload: bytes = b"") -> None:
        """Answer with a success."""
        await self.send(request_id, Success(payload))

    async def refuse(
        self, request_id: int, code: Code, message: str = "no", object_id: int | None = None
    ) -> None:
        """Answer with an error."""
        await self.send(request_id, Failure(code, message, object_id))

    async def ask(self, message: Message, request_id: int | None = None) -> "asyncio.Future[Response]":
        """Send a request of the relay's own. Returns what will be the client's answer."""
        request_id = next(self._own_ids) if request_id is None else request_id
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._responses[request_id] = answer
        await self.send(request_id, message)
        return answer

    async def push(
        self, subscription_id: bytes, *sets: SequencedPartialPatchSet
    ) -> "asyncio.Future[Response]":
        """Push sets. Returns what will be the client's answer."""
        return await self.ask(SubscriptionPushRequest(subscription_id, sets))

    async def sync_status(self, subscription_id: bytes, unpushed: int) -> "asyncio.Future[Response]":
        """Return how much is still to come."""
        return await self.ask(SyncStatusRequest(int.from_bytes(subscription_id), unpushed))

    async def authenticate(self) -> None:
        """Let the client authenticate."""
        request_id, _ = await self.expect(AuthenticateRequest)
        await self.answer(request_id, CHALLENGE)
        request_id, _ = await self.expect(ChallengeSolvedRequest)
        await self.answer(request_id)

    async def subscribe(
        self, subscription_id: bytes, sets: Sequence[SequencedPartialPatchSet] = ()
    ) -> SubscriptionRequest:
        """Let the client subscribe; push it what it asked for, of these sets."""
        request_id, request = await self.expect(SubscriptionRequest)
        await self.answer(request_id, subscription_id)
        wanted = [one for one in sets if one.seq > request.start_shop_seq_no]
        await self.sync_status(subscription_id, sum(len(one.patches) for one in wanted))
        for one in wanted:
            await self.push(subscription_id, one)
        return request

    async def drop(self) -> None:
        """Break the connection off, without a word."""
        transport = self.socket._req.transport  # type: ignore[union-attr]
        assert transport is not None
        transport.abort()
        await within(self.ended.wait())


class ScriptedRelay:
    """Accepts connections and leaves the rest to the test."""

    def __init__(self) -> None:
        self.app = web.Application()
        self.app.router.add_get("/v4/sessions", self._serve)
        self.turn_away: list[web.Response] = []
        """Answers, in this order, instead of WebSockets."""
        self._sessions: asyncio.Queue[Session] = asyncio.Queue()
        self._open: list[Session] = []
        self._server = TestServer(self.app)

    @property
    def url(self) -> str:
        """Return where it is."""
        return str(self._server.make_url("/")).rstrip("/")

    @property
    def has_waiting_session(self) -> bool:
        """Return whether a connection has come that was not accepted."""
        return not self._sessions.empty()

    async def accept(self) -> Session:
        """Wait for the next connection."""
        return await within(self._sessions.get())

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedRelay"]:
        """Serve while the block runs."""
        await self._server.start_server()
        try:
            yield self
        finally:
            for session in self._open:
                await session.socket.close()
            await self._server.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.turn_away:
            return self.turn_away.pop(0)
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        session = Session(socket)
        self._open.append(session)
        self._sessions.put_nowait(session)
        try:
            await session.serve()
        finally:
            session.ended.set()
            self._open.remove(session)
        return socket


async def within(awaitable: Awaitable[T], seconds: float = WAIT_S) -> T:
    """Wait, but not for ever."""
    async with asyncio.timeout(seconds):
        return await awaitable
