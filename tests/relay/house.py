"""A real relay for the tests: a real SQLite file, a real WebSocket; only the registry is left out.

Key cards are enrolled behind the HTTP edge, where the registry has already said yes.
"""

import asyncio
import secrets
import sqlite3
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol.cbor import Value
from minirelay.protocol.mmr import verify_proof
from minirelay.protocol.patch_set import NewPatch, Op, decode_header, seal_patch_set
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.connection import Connection
from minirelay.relay.limits import RelayLimits
from minirelay.relay.messages import Enrolment
from minirelay.relay.relay import Relay
from minirelay.relay.session import SessionLimits
from minirelay.store.connection import connect_to_write
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.errors import StoreUnavailable
from minirelay.store.gaps import treat_as_restored
from minirelay.web.sessions import serve_session
from tests.limits import CONNECTION, OUTBOX, RELAY, SESSION, reading

RELAY_KEY = PrivateKey.from_bytes(b"\x77" * 32)
SHOP = 4711
TIMEOUT_S = 20.0
NOON = 1_800_000_000
"""A full minute in 2027, in unix seconds: when logs are restored."""

Spec = tuple[Op, tuple[str | int | bytes, ...], Value]


def new_key() -> PrivateKey:
    return PrivateKey.from_bytes(secrets.token_bytes(32))


def relay_limits(
    *,
    open_requests: int = SESSION.open_requests,
    unacknowledged_pushes: int = SESSION.unacknowledged_pushes,
    ping_interval_s: float = SESSION.ping_interval_s,
    kick_timeout_s: float = SESSION.kick_timeout_s,
    subscriptions: int = CONNECTION.subscriptions,
    unsent_pushes: int = OUTBOX.push_bytes,
    guest_cards: int = RELAY.guest_cards_per_shop,
    shop_memory_bytes: int = RELAY.shop_memory_bytes,
    session_memory_bytes: int = RELAY.session_memory_bytes,
) -> RelayLimits:
    session = SessionLimits(open_requests, unacknowledged_pushes, ping_interval_s, kick_timeout_s)
    outbox = replace(OUTBOX, push_bytes=unsent_pushes)
    return replace(
        RELAY,
        connection=replace(CONNECTION, session=session, outbox=outbox, subscriptions=subscriptions),
        guest_cards_per_shop=guest_cards,
        shop_memory_bytes=shop_memory_bytes,
        session_memory_bytes=session_memory_bytes,
    )


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds that has no event of its own."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


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


def images(first: int, count: int, size: int) -> list[Spec]:
    """Give that many large patches, each to a listing of its own."""
    return [
        ("append", ("Listings", first + number, "Metadata", "Images"), "x" * size) for number in range(count)
    ]


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


@dataclass
class Refused(Exception):
    """The relay answered with an error."""

    code: Code
    message: str
    object_id: int | None


@dataclass
class Client:
    """What a raw client does, whatever carries its frames.

    Pushes are acknowledged at once unless `acknowledges` is False. One that `is_mute` answers nothing at all.
    """

    key: PrivateKey | None = None
    shop_id: int = SHOP
    acknowledges: bool = True
    is_mute: bool = False
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
        self.received.append(envelope)
        match envelope.message:
            case wire.Success() | wire.Failure():
                self.answers.pop(envelope.request_id).set_result(envelope)
            case wire.SubscriptionPushRequest() as push:
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
        """Send a request and give the payload of its answer. Raises Refused."""
        return payload(await asyncio.wait_for(await self.start(message, request_id), TIMEOUT_S))

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
        return await asyncio.wait_for(self.pushes.get(), TIMEOUT_S)

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
class Talker(Client):
    """One raw session over a real WebSocket."""

    socket: ClientWebSocketResponse = field(kw_only=True)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    reader: asyncio.Task[None] | None = None

    async def read(self) -> None:
        async for message in self.socket:
            assert message.type is WSMsgType.BINARY
            await self.take(wire.decode_envelope(message.data))
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
        """Tear the TCP connection down, without a word."""
        self.transport.abort()

    async def end(self) -> int:
        """Wait until the relay has closed the session; give the close code."""
        await asyncio.wait_for(self.closed.wait(), TIMEOUT_S)
        assert self.socket.close_code is not None
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        if self.reader is not None:
            await self.reader


@dataclass
class Line(Client):
    """A session of a real relay without a network: nothing leaves the relay until the test reads it."""

    connection: Connection = field(kw_only=True)

    async def send(self, frame: bytes) -> None:
        self.connection.receive(frame)

    async def read(self) -> wire.Envelope:
        """Take the next frame that leaves."""
        frame = await self.connection.next_frame()
        assert frame is not None, self.connection.hang_up
        self.connection.sent(frame)
        envelope = wire.decode_envelope(frame)
        await self.take(envelope)
        return envelope

    async def ask(self, message: wire.Message, request_id: int | None = None) -> bytes:
        answer = await self.start(message, request_id)
        await self.read_until(answer.done)
        return payload(answer.result())

    async def read_until(self, condition: Callable[[], bool]) -> None:
        """Read until something holds that a frame brings about."""
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():
                await self.read()

    async def next_push(self) -> wire.SubscriptionPushRequest:
        await self.read_until(lambda: not self.pushes.empty())
        return self.pushes.get_nowait()


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
    """A running relay. talkers are closed with it. wallets: by the public key of the card."""

    relay: Relay
    store: Store
    url: str
    http: ClientSession
    talkers: list[Talker] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    wallets: dict[bytes, bytes] = field(default_factory=dict)

    async def enrol(
        self, *, is_guest: bool = False, shop_id: int = SHOP, wallet: bytes | None = None
    ) -> PrivateKey:
        """Enrol a new key card, of a new wallet unless it is given."""
        key = new_key()
        wallet = wallet or (bytes(20) if is_guest else secrets.token_bytes(20))
        await self.relay.admit(Enrolment(shop_id, wallet, key.public_key, is_guest))
        self.wallets[key.public_key] = wallet
        return key

    async def fill_up(self, enrolment: Enrolment) -> None:
        """Enrol other cards until that fails, then this one, which fails too."""
        with suppress(StoreUnavailable):
            while True:
                await self.enrol(shop_id=enrolment.shop_id)
        await self.relay.admit(enrolment)

    def open_requests(self, key: PrivateKey | None) -> int:
        """Count the requests of this card's session that are not answered."""
        for connection in self.relay.live_cards:
            card = connection.session.card
            if card is not None and key is not None and card.public_key == key.public_key:
                return connection.session.open_requests
        return 0

    def connection_of(self, client: Client) -> Connection:
        """Give the relay's end of an authenticated session."""
        assert client.key is not None
        for connection in self.relay.live_cards:
            card = connection.session.card
            if card is not None and card.public_key == client.key.public_key:
                return connection
        raise AssertionError("this client has no session")

    async def durable_seq(self, shop_id: int = SHOP) -> int:
        """Give the number of the last set of the log."""
        hosted = await self.relay.shops.find(shop_id)
        assert hosted is not None
        return hosted.feed.seq

    def forget_recent_sets(self) -> None:
        """Let subscriptions read everything from the log, as if it had come long ago."""
        for hosted in self.relay.shops:
            hosted.feed.forget_recent()

    async def visitor(self, key: PrivateKey | None = None, shop_id: int = SHOP) -> Talker:
        """Open a session that has not authenticated."""
        socket = await self.http.ws_connect(self.url, max_msg_size=0)
        talker = Talker(key, shop_id, socket=socket)
        talker.reader = asyncio.create_task(talker.read())
        self.talkers.append(talker)
        return talker

    @asynccontextmanager
    async def disk_held(self) -> AsyncIterator[None]:
        """Keep the writing thread busy: what is written meanwhile waits for its commit."""
        go_on = threading.Event()

        def wait(_: sqlite3.Connection) -> None:
            go_on.wait(TIMEOUT_S)

        self.store.writer._connection.post(wait)
        try:
            yield
        finally:
            go_on.set()

    @asynccontextmanager
    async def disk_full(self) -> AsyncIterator[None]:
        """Let the database file grow no more."""

        def limit(db: sqlite3.Connection, pages: int | None) -> None:
            now = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {now if pages is None else pages}")

        await self.store.writer._connection.run(lambda db: limit(db, None))
        try:
            yield
        finally:
            await self.store.writer._connection.run(lambda db: limit(db, 10**6))

    async def session(self, key: PrivateKey, shop_id: int = SHOP) -> Talker:
        """Open a session and authenticate."""
        talker = await self.visitor(key, shop_id)
        await talker.authenticate()
        return talker

    async def line(self, key: PrivateKey | None = None, shop_id: int = SHOP) -> Line:
        """Open a session without a network; it authenticates if it has a key."""
        line = Line(key, shop_id, connection=self.relay.connect())
        self.lines.append(line)
        if key is not None:
            await line.authenticate()
        return line

    async def clerk(self, shop_id: int = SHOP) -> Talker:
        return await self.session(await self.enrol(shop_id=shop_id), shop_id)

    async def guest(self, shop_id: int = SHOP) -> Talker:
        return await self.session(await self.enrol(is_guest=True, shop_id=shop_id), shop_id)


def restore(directory: Path, at: int = NOON) -> None:
    """Let all logs go on behind a gap, as after a restore. at: unix seconds. Only while no relay runs."""
    with closing(connect_to_write(directory / FILE_NAME)) as connection:
        treat_as_restored(connection, at)


@asynccontextmanager
async def running_relay(
    directory: Path,
    limits: RelayLimits | None = None,
    *,
    registry_chain: int = 31337,
    wallet: PrivateKey = RELAY_KEY,
) -> AsyncIterator[House]:
    """Run a relay on this directory while the block runs."""
    async with await Store.open(directory) as store:
        relay = Relay(
            store,
            await store.reader.next_rows(),
            wallet=wallet,
            registry_chain=registry_chain,
            limits=limits or RELAY,
        )
        app = web.Application()
        read_limits = reading()

        async def sessions(request: web.Request) -> web.StreamResponse:
            return await serve_session(request, relay.connect, read_limits)

        app.router.add_get("/v4/sessions", sessions)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v4/sessions"
        async with ClientSession(connector=TCPConnector(limit=0)) as http:
            house = House(relay, store, url, http)
            try:
                yield house
            finally:
                for line in house.lines:
                    line.connection.lost()
                await close_all(house.talkers)
                await relay.drain(TIMEOUT_S)
                relay.close_connections(1001, "the test ends")
                await runner.cleanup()


async def close_all(talkers: Sequence[Talker]) -> None:
    await asyncio.gather(*(talker.close() for talker in talkers))
