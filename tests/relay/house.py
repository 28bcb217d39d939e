"""A real relay for the tests: a real SQLite file, a real WebSocket; only the registry is left out.

Key cards are enrolled behind the HTTP edge, where the registry has already said yes.
"""

import asyncio
import secrets
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from aiohttp import ClientSession, TCPConnector, web

from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.protocol.cbor import Value
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.clock import utc_now
from minirelay.relay.connection import Connection
from minirelay.relay.facts_source import FactsSource, NoChains
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
from tests.raw_client import Line, RawClient, Spec, Talker

RELAY_KEY = PrivateKey.from_bytes(b"\x77" * 32)
SHOP = 4711
TIMEOUT_S = 20.0
NOON = 1_800_000_000
"""A full minute in 2027, in unix seconds: when logs are restored."""


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
    """Return that many large patches, each to a listing of its own."""
    return [
        ("append", ("Listings", first + number, "Metadata", "Images"), "x" * size) for number in range(count)
    ]


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

    def connection_of(self, client: RawClient) -> Connection:
        """Return the relay's end of an authenticated session."""
        assert client.key is not None
        for connection in self.relay.live_cards:
            card = connection.session.card
            if card is not None and card.public_key == client.key.public_key:
                return connection
        raise AssertionError("this client has no session")

    async def durable_seq(self, shop_id: int = SHOP) -> int:
        """Return the number of the last set of the log."""
        hosted = await self.relay.shops.find(shop_id)
        assert hosted is not None
        return hosted.feed.seq

    def forget_recent_sets(self) -> None:
        """Let subscriptions read everything from the log, as if it had come long ago."""
        for hosted in self.relay.shops:
            hosted.feed.forget_recent()

    async def visitor(self, key: PrivateKey | None = None, shop_id: int = SHOP) -> Talker:
        """Open a session that has not authenticated."""
        talker = await Talker.connect(self.http, self.url, key=key, shop_id=shop_id)
        self.talkers.append(talker)
        return talker

    @asynccontextmanager
    async def disk_held(self) -> AsyncIterator[None]:
        """Keep the writing thread busy: what is written meanwhile waits for its commit."""
        go_on = threading.Event()

        def wait(_: sqlite3.Connection) -> None:
            go_on.wait(TIMEOUT_S)

        self.store.writer.connection.post(wait)
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

        await self.store.writer.connection.run(lambda db: limit(db, None))
        try:
            yield
        finally:
            await self.store.writer.connection.run(lambda db: limit(db, 10**6))

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
    facts: FactsSource | None = None,
    now: Callable[[], datetime] = utc_now,
    is_disk_low: Callable[[], bool] = lambda: False,
) -> AsyncIterator[House]:
    """Run a relay on this directory while the block runs. facts: by default it has no chain."""
    async with await Store.open(directory) as store:
        relay = Relay(
            store,
            await store.reader.next_rows(),
            wallet=wallet,
            registry_chain=registry_chain,
            limits=limits or RELAY,
            facts=facts or NoChains(),
            upload_tokens=UploadTokens("http://localhost", 64, time.monotonic),
            now=now,
            is_disk_low=is_disk_low,
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
                await asyncio.gather(*(talker.close() for talker in house.talkers))
                await relay.drain(TIMEOUT_S)
                relay.close_connections(1001, "the test ends")
                await runner.cleanup()
