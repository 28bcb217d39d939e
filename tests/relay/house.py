"""A real relay for the tests: a real SQLite file, a real WebSocket; only the registry is left out.

Key cards are enrolled behind the HTTP edge, where the registry has already said yes.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol.cbor import Value
from minirelay.protocol.patch_set import NewPatch, Op, seal_patch_set
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.messages import Enrolment
from minirelay.relay.relay import Relay, RelayLimits
from minirelay.store.database import Store
from minirelay.web.sessions import serve_session

RELAY_KEY = PrivateKey.from_bytes(b"\x77" * 32)
SHOP = 4711
TIMEOUT_S = 20.0

Spec = tuple[Op, tuple[str | int | bytes, ...], Value]


def new_key() -> PrivateKey:
    return PrivateKey.from_bytes(secrets.token_bytes(32))


def listing(number: int, **fields: Value) -> Spec:
    value: dict[str | int | bytes, Value] = {
        "ID": number,
        "Price": 100,
        "Metadata": {"Title": f"Listing {number}", "Description": "Something for sale"},
        "ViewState": 1,
    }
    value.update(fields)
    return ("add", ("Listings", number), value)


def order(number: int) -> Spec:
    return ("add", ("Orders", number), {"ID": number, "Items": [], "State": 1})


@dataclass
class Refused(Exception):
    """The relay answered with an error."""

    code: Code
    message: str
    object_id: int | None


@dataclass
class Talker:
    """One raw session. Pushes are acknowledged at once unless `acknowledges` is False."""

    socket: ClientWebSocketResponse
    key: PrivateKey | None = None
    shop_id: int = SHOP
    acknowledges: bool = True
    answers: dict[int, asyncio.Future[wire.Envelope]] = field(default_factory=dict)
    pushes: asyncio.Queue[wire.SubscriptionPushRequest] = field(default_factory=asyncio.Queue)
    unacknowledged: deque[int] = field(default_factory=deque)
    sync_statuses: list[wire.SyncStatusRequest] = field(default_factory=list)
    received: list[wire.Envelope] = field(default_factory=list)
    pings: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    next_id: int = 0
    nonce: int = 0
    reader: asyncio.Task[None] | None = None

    async def read(self) -> None:
        async for message in self.socket:
            if message.type is not WSMsgType.BINARY:
                continue
            envelope = wire.decode_envelope(message.data)
            self.received.append(envelope)
            await self._take(envelope)
        self.closed.set()
        for answer in self.answers.values():
            if not answer.done():
                answer.cancel()

    async def _take(self, envelope: wire.Envelope) -> None:
        match envelope.message:
            case wire.Success() | wire.Failure():
                self.answers.pop(envelope.request_id).set_result(envelope)
            case wire.SubscriptionPushRequest() as push:
                self.pushes.put_nowait(push)
                self.unacknowledged.append(envelope.request_id)
                if self.acknowledges:
                    await self.acknowledge()
            case wire.SyncStatusRequest() as status:
                self.sync_statuses.append(status)
            case wire.PingRequest():
                self.pings += 1
                await self.send(wire.encode_envelope(envelope.request_id, wire.Success()))

    async def acknowledge(self) -> None:
        while self.unacknowledged:
            await self.send(wire.encode_envelope(self.unacknowledged.popleft(), wire.Success()))

    async def send(self, frame: bytes) -> None:
        await self.socket.send_bytes(frame)

    async def start(
        self, message: wire.Message, request_id: int | None = None
    ) -> asyncio.Future[wire.Envelope]:
        """Send a request; the future gives the answer."""
        if request_id is None:
            self.next_id += 1
            request_id = self.next_id
        answer: asyncio.Future[wire.Envelope] = asyncio.get_running_loop().create_future()
        self.answers[request_id] = answer
        await self.send(wire.encode_envelope(request_id, message))
        return answer

    async def ask(self, message: wire.Message, request_id: int | None = None) -> bytes:
        """Send a request and give the payload of its answer. Raises Refused."""
        return payload(await asyncio.wait_for(await self.start(message, request_id), TIMEOUT_S))

    async def authenticate(self) -> None:
        assert self.key is not None
        challenge = await self.ask(wire.AuthenticateRequest(self.key.public_key))
        assert len(challenge) == 32
        await self.ask(wire.ChallengeSolvedRequest(self.key.sign(challenge)))

    def seal(self, *patches: Spec, nonce: int | None = None, shop_id: int | None = None) -> bytes:
        assert self.key is not None
        self.nonce = self.nonce + 1 if nonce is None else nonce
        return seal_patch_set(
            [NewPatch(*patch) for patch in patches],
            shop_id=self.shop_id if shop_id is None else shop_id,
            key_card_nonce=self.nonce,
            timestamp=datetime.now(UTC),
            key=self.key,
        )

    async def write(self, *patches: Spec) -> bytes:
        """Write a patch set; give the root hash."""
        return await self.ask(wire.PatchSetWriteRequest(self.seal(*patches)))

    async def subscribe(self, start: int = 0, *filters: wire.Filter, shop_id: int = SHOP) -> bytes:
        return await self.ask(wire.SubscriptionRequest(shop_id.to_bytes(32), start, filters))

    async def next_push(self) -> wire.SubscriptionPushRequest:
        return await asyncio.wait_for(self.pushes.get(), TIMEOUT_S)

    async def sets_until(self, seq: int) -> list[SequencedPartialPatchSet]:
        """Take pushes until a set with this number has come."""
        sets: list[SequencedPartialPatchSet] = []
        while not sets or sets[-1].seq < seq:
            sets += (await self.next_push()).sets
        return sets

    async def quiet(self) -> None:
        """Wait until everything that was under way here has arrived: an answer comes after it."""
        with_refusal = await self.start(wire.SubscriptionCancelRequest(b"\xff\xff"))
        await asyncio.wait_for(with_refusal, TIMEOUT_S)

    async def close(self) -> None:
        await self.socket.close()
        if self.reader is not None:
            await self.reader


def payload(answer: wire.Envelope) -> bytes:
    """Give the payload of an answer. Raises Refused."""
    match answer.message:
        case wire.Success(data):
            return data
        case wire.Failure(code, message, object_id):
            assert message
            raise Refused(Code(code), message, object_id)
    raise AssertionError(answer)


@dataclass
class House:
    """A running relay. talkers are closed with it."""

    relay: Relay
    store: Store
    url: str
    http: ClientSession
    talkers: list[Talker] = field(default_factory=list)

    async def enrol(self, *, is_guest: bool = False, shop_id: int = SHOP) -> PrivateKey:
        """Enrol a new key card."""
        key = new_key()
        wallet = bytes(20) if is_guest else secrets.token_bytes(20)
        await self.relay.admit(Enrolment(shop_id, wallet, key.public_key, is_guest))
        return key

    async def visitor(self, key: PrivateKey | None = None, shop_id: int = SHOP) -> Talker:
        """Open a session that has not authenticated."""
        socket = await self.http.ws_connect(self.url, max_msg_size=0)
        talker = Talker(socket, key, shop_id)
        talker.reader = asyncio.create_task(talker.read())
        self.talkers.append(talker)
        return talker

    async def session(self, key: PrivateKey, shop_id: int = SHOP) -> Talker:
        """Open a session and authenticate."""
        talker = await self.visitor(key, shop_id)
        await talker.authenticate()
        return talker

    async def clerk(self, shop_id: int = SHOP) -> Talker:
        return await self.session(await self.enrol(shop_id=shop_id), shop_id)

    async def guest(self, shop_id: int = SHOP) -> Talker:
        return await self.session(await self.enrol(is_guest=True, shop_id=shop_id), shop_id)


@asynccontextmanager
async def running_relay(
    directory: Path, limits: RelayLimits | None = None, *, registry_chain: int = 31337
) -> AsyncIterator[House]:
    """Run a relay on this directory while the block runs."""
    async with await Store.open(directory) as store:
        relay = Relay(
            store,
            await store.reader.next_rows(),
            wallet=RELAY_KEY,
            registry_chain=registry_chain,
            limits=limits or RelayLimits(),
        )
        app = web.Application()

        async def sessions(request: web.Request) -> web.StreamResponse:
            return await serve_session(request, relay.connect)

        app.router.add_get("/v4/sessions", sessions)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v4/sessions"
        async with ClientSession() as http:
            house = House(relay, store, url, http)
            try:
                yield house
            finally:
                await close_all(house.talkers)
                await relay.drain()
                relay.close_connections(1001, "the test ends")
                await runner.cleanup()


async def close_all(talkers: Sequence[Talker]) -> None:
    await asyncio.gather(*(talker.close() for talker in talkers))
