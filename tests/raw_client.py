"""The tests' own client of the protocol: it says and takes what it is told to, and believes everything.

`RawClient` is the client without a connection: requests, answers, pushes. A `Talker` has a real WebSocket and
reads all the time. A `Line` is connected to a relay in this process and reads a frame when the test says so,
which makes a slow reader exact. The client that verifies is `minirelay.client`; one that shares no code with
the relay is in `tests/system/test_existing_clients.py`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol.cbor import Value
from minirelay.protocol.mmr import verify_proof
from minirelay.protocol.patch_set import NewPatch, Op, decode_header, seal_patch_set
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.connection import Connection

ANSWER_TIMEOUT_S = 20.0

Spec = tuple[Op, tuple[str | int | bytes, ...], Value]


class SessionEnded(ConnectionError):
    """The session ended before the answer came."""


@dataclass
class Refused(Exception):
    """The relay answered with an error."""

    code: Code
    message: str
    object_id: int | None


@dataclass
class RawClient:
    """What a raw client does, whatever carries its frames.

    Pushes are acknowledged at once unless `acknowledges` is False. One that `is_mute` answers nothing at all.
    One that keeps nothing remembers only what it waits for. timeout_s: how long it waits for an answer.
    """

    key: PrivateKey | None = None
    shop_id: int = 0
    acknowledges: bool = True
    is_mute: bool = False
    keeps: bool = True
    timeout_s: float = ANSWER_TIMEOUT_S
    answers: dict[int, asyncio.Future[wire.Envelope]] = field(default_factory=dict)
    pushes: asyncio.Queue[wire.SubscriptionPushRequest] = field(default_factory=asyncio.Queue)
    unacknowledged: deque[int] = field(default_factory=deque)
    sync_statuses: list[wire.SyncStatusRequest] = field(default_factory=list)
    received: list[wire.Envelope] = field(default_factory=list)
    pings: int = 0
    next_id: int = 0
    nonce: int = 0

    async def send(self, frame: bytes) -> None:
        raise NotImplementedError

    async def take(self, envelope: wire.Envelope) -> None:
        """Deal with one envelope from the relay."""
        if self.keeps:
            self.received.append(envelope)
        match envelope.message:
            case wire.Success() | wire.Failure():
                self.answers.pop(envelope.request_id).set_result(envelope)
            case wire.SubscriptionPushRequest() as push:
                if self.keeps:
                    self.pushes.put_nowait(push)
                self.unacknowledged.append(envelope.request_id)
                if self.acknowledges and not self.is_mute:
                    await self.acknowledge()
            case wire.SyncStatusRequest() as status:
                self.sync_statuses.append(status)
            case wire.PingRequest():
                self.pings += 1
                if self.is_mute:
                    return
                await self.send(wire.encode_envelope(envelope.request_id, wire.Success()))

    async def acknowledge(self, count: int | None = None) -> None:
        """Answer the oldest pushes that are not answered, or all of them."""
        for _ in range(len(self.unacknowledged) if count is None else count):
            await self.send(wire.encode_envelope(self.unacknowledged.popleft(), wire.Success()))

    async def start(
        self, message: wire.Message, request_id: int | None = None
    ) -> asyncio.Future[wire.Envelope]:
        """Send a request; the future gives the answer, and is cancelled if the session ends before."""
        if request_id is None:
            self.next_id += 1
            request_id = self.next_id
        answer: asyncio.Future[wire.Envelope] = asyncio.get_running_loop().create_future()
        self.answers[request_id] = answer
        await self.send(wire.encode_envelope(request_id, message))
        return answer

    async def start_write(self, *patches: Spec) -> asyncio.Future[wire.Envelope]:
        """Send a patch set; the future gives the answer."""
        return await self.start(wire.PatchSetWriteRequest(self.seal(*patches)))

    async def ask(self, message: wire.Message, request_id: int | None = None) -> bytes:
        """Send a request and give the payload of its answer. Raises Refused, SessionEnded, TimeoutError."""
        answer = await self.start(message, request_id)
        async with asyncio.timeout(self.timeout_s):
            await asyncio.wait([answer])
        if answer.cancelled():
            raise SessionEnded
        return payload(answer.result())

    async def authenticate(self) -> None:
        assert self.key is not None
        challenge = await self.ask(wire.AuthenticateRequest(self.key.public_key))
        assert len(challenge) == 32
        await self.ask(wire.ChallengeSolvedRequest(self.key.sign(challenge)))

    def seal(
        self,
        *patches: Spec,
        nonce: int | None = None,
        shop_id: int | None = None,
        key: PrivateKey | None = None,
        ahead: timedelta = timedelta(0),
    ) -> bytes:
        """Make a patch set, by default as it should be."""
        assert self.key is not None
        self.nonce = self.nonce + 1 if nonce is None else nonce
        return seal_patch_set(
            [NewPatch(*patch) for patch in patches],
            shop_id=self.shop_id if shop_id is None else shop_id,
            key_card_nonce=self.nonce,
            timestamp=datetime.now(UTC) + ahead,
            key=key or self.key,
        )

    async def write(self, *patches: Spec) -> bytes:
        """Write a patch set; give the root hash. Raises Refused."""
        return await self.write_sealed(self.seal(*patches))

    async def write_sealed(self, sealed: bytes) -> bytes:
        """Write the bytes of a patch set; give the root hash. Raises Refused."""
        return await self.ask(wire.PatchSetWriteRequest(sealed))

    async def subscribe(self, start: int = 0, *filters: wire.Filter, shop_id: int | None = None) -> bytes:
        wanted = self.shop_id if shop_id is None else shop_id
        return await self.ask(wire.SubscriptionRequest(wanted.to_bytes(32), start, filters))

    async def cancel(self, subscription_id: bytes) -> bytes:
        return await self.ask(wire.SubscriptionCancelRequest(subscription_id))

    async def next_push(self) -> wire.SubscriptionPushRequest:
        return await asyncio.wait_for(self.pushes.get(), ANSWER_TIMEOUT_S)

    async def sets_until(self, seq: int) -> list[SequencedPartialPatchSet]:
        """Take pushes until a set with this number has come."""
        sets: list[SequencedPartialPatchSet] = []
        while not sets or sets[-1].seq < seq:
            sets += (await self.next_push()).sets
        return sets

    async def quiet(self) -> None:
        """Wait until everything that was under way here has arrived: an answer comes after it."""
        with suppress(Refused):
            await self.cancel(b"\xff\xff")


@dataclass
class Talker(RawClient):
    """One raw session over a real WebSocket."""

    socket: ClientWebSocketResponse = field(kw_only=True)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    reader: asyncio.Task[None] | None = None

    @classmethod
    async def connect(
        cls,
        http: ClientSession,
        url: str,
        *,
        key: PrivateKey | None = None,
        shop_id: int = 0,
        is_mute: bool = False,
        keeps: bool = True,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> Self:
        """Open a session. url: of the relay's session endpoint. Raises what `ws_connect` does."""
        socket = await http.ws_connect(url, max_msg_size=0)
        talker = cls(key, shop_id, is_mute=is_mute, keeps=keeps, timeout_s=timeout_s, socket=socket)
        talker.reader = asyncio.create_task(talker.read())
        return talker

    async def read(self) -> None:
        """Take everything that comes, to the end."""
        try:
            async for message in self.socket:
                assert message.type is WSMsgType.BINARY, f"a frame of type {message.type!r}"
                await self.take(wire.decode_envelope(message.data))
        finally:
            self.closed.set()
            for answer in self.answers.values():
                answer.cancel()

    async def send(self, frame: bytes) -> None:
        await self.socket.send_bytes(frame)

    @property
    def transport(self) -> asyncio.Transport:
        connection = self.socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        return connection.transport

    def abort(self) -> None:
        """Tear the TCP connection down, without a word, if there still is one."""
        connection = self.socket._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()

    async def end(self) -> int:
        """Wait until the relay has closed the session; give the close code."""
        await asyncio.wait_for(self.closed.wait(), ANSWER_TIMEOUT_S)
        assert self.socket.close_code is not None
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        if self.reader is not None:
            await self.reader


@dataclass
class Line(RawClient):
    """A session of a real relay without a network: nothing leaves the relay until the test reads it."""

    connection: Connection = field(kw_only=True)

    async def send(self, frame: bytes) -> None:
        self.connection.receive(frame)

    async def read(self) -> wire.Envelope:
        """Take the next frame that leaves."""
        frame = await self.connection.next_frame()
        assert frame is not None, self.connection.hang_up
        self.connection.sent([frame])
        envelope = wire.decode_envelope(frame)
        await self.take(envelope)
        return envelope

    async def ask(self, message: wire.Message, request_id: int | None = None) -> bytes:
        answer = await self.start(message, request_id)
        await self.read_until(answer.done)
        return payload(answer.result())

    async def read_until(self, condition: Callable[[], bool]) -> None:
        """Read until something holds that a frame brings about."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while not condition():
                await self.read()

    async def next_push(self) -> wire.SubscriptionPushRequest:
        await self.read_until(lambda: not self.pushes.empty())
        return self.pushes.get_nowait()


def payload(answer: wire.Envelope) -> bytes:
    """Return the payload of an answer. Raises Refused."""
    match answer.message:
        case wire.Success(data):
            return data
        case wire.Failure(code, message, object_id):
            assert message
            raise Refused(Code(code), message, object_id)
    raise AssertionError(answer)


def all_leaves(sets: Sequence[SequencedPartialPatchSet]) -> list[tuple[int, int]]:
    """Check the proofs of pushed sets; give sequence number and leaf index of every patch, as they came."""
    leaves = []
    for one in sets:
        root = decode_header(one.header).root_hash
        indexes = [
            verify_proof(patch, proof, root) for patch, proof in zip(one.patches, one.proofs, strict=True)
        ]
        assert indexes == sorted(set(indexes))
        assert indexes[0] == one.leaf_index
        leaves += [(one.seq, index) for index in indexes]
    return leaves
