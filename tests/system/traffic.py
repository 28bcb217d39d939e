"""Clients of a shop that write and subscribe for as long as a test wants, whatever becomes of the relay."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from aiohttp import ClientSession, TCPConnector
from yarl import URL

from minirelay.client import (
    Backoff,
    ConnectionLost,
    EnrolmentRefused,
    Filter,
    Follower,
    KnownRelays,
    NewPatch,
    ObjectType,
    PrivateKey,
    ReceivedSet,
    RelayClient,
    RelayInfo,
    RelayRefused,
    RelayUnreachable,
    patches,
    select,
)
from minirelay.client.http import EnrolmentRequest, enrol
from minirelay.client.received import open_received
from minirelay.shop.objects import Listing, ListingMetadata, OrderedItem, ViewState
from tests.relay.naive import VISITOR, Viewer
from tests.system.ledger import NOT_STORED, Asked, Seen, WholeLog, is_nonce_used
from tests.system.serving import OWNER_KEY

TIMEOUT_S = 60.0
IN_FLIGHT = 6
QUICK = Backoff(first_s=0.01, most_s=0.1)
SLOW_S, SLOW_SETS = 0.02, 20
"""A slow reader takes so long for so many sets; what has been pushed meanwhile waits unacknowledged."""
WRITE_PAUSE_S = 0.1
ENROLMENT_PAUSE_S = 0.05
UNAVAILABLE, CONFLICT = 503, 409
SMALL_BUFFER_BYTES = 20_000
EVERYBODYS_LISTING = 1


class Place(Protocol):
    """A relay that serves somewhere, and a shop."""

    @property
    def url(self) -> str: ...

    @property
    def shop_id(self) -> int: ...


def listing(number: int, description: str = "Written in a hurry") -> list[NewPatch]:
    metadata = ListingMetadata(title=f"Listing {number}", description=description)
    return patches.add_listing(
        Listing(id=number, price=number, metadata=metadata, view_state=ViewState.PUBLISHED)
    )


@dataclass(eq=False)
class Writer:
    """One session that writes, several sets at a time, until it is told to end; it survives lost connections.

    What was not answered is sent again, in order, as it was. Some of its writes will be refused.
    """

    client: RelayClient
    public_key: bytes
    draw: random.Random
    is_guest: bool
    numbers: "count[int]"
    answered: Callable[[Asked], None]
    asked: list[Asked] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    connections_lost: int = 0
    is_over: bool = False

    async def run(self) -> None:
        """Write until the end."""
        while not self.is_over or self._unanswered():
            await self.client.reconnect()
            try:
                await self._send_again()
                await self._try_to_reuse()
                while not self.is_over:
                    async with asyncio.TaskGroup() as tasks:
                        for _ in range(IN_FLIGHT):
                            tasks.create_task(self._write_something())
                    await asyncio.sleep(self.draw.uniform(0, WRITE_PAUSE_S))
            except* ConnectionLost:
                self.connections_lost += 1

    async def _write_something(self) -> None:
        kind = self.draw.random()
        if kind < 0.1:
            await self._write_refused()
        elif self.is_guest or kind < 0.3:
            await self._write_order()
        else:
            await self._write_listings()

    async def _write_listings(self) -> None:
        many = self.draw.choice([1, 1, 1, 2, 8])
        first = next(self.numbers)
        all_patches = []
        for number in (first, *(next(self.numbers) for _ in range(many - 1))):
            all_patches += listing(number, "x" * self.draw.choice([1, 10, 10, 3000]))
            all_patches += patches.add_stock(number, 5) if many > 1 else []
        if many > 2:
            all_patches += patches.add_tag(f"tag {first}", [first])
        asked = await self.write(all_patches)
        if asked.root_hash is not None and self.draw.random() < 0.2:
            await self.write(patches.set_price(first, self.draw.randrange(1000)))

    async def _write_order(self) -> None:
        if self.orders and self.draw.random() < 0.7:
            number = self.draw.choice(self.orders)
            if self.draw.random() < 0.3:
                self.orders.remove(number)
                await self.write([NewPatch("remove", ("Orders", number))])
            else:
                await self.write(patches.add_item(number, OrderedItem(listing_id=1, quantity=1)))
            return
        number = next(self.numbers)
        asked = await self.write(patches.add_order(number, [OrderedItem(listing_id=1, quantity=2)]))
        if asked.root_hash is not None:
            self.orders.append(number)

    async def _write_refused(self) -> None:
        """Write what is refused: with luck because of something that is under way itself."""
        if self.is_guest:
            await self.write(listing(next(self.numbers)))
        elif self.draw.random() < 0.3:
            await self.write(patches.take_stock(EVERYBODYS_LISTING, 1))
        else:
            number = next(self.numbers)
            first, again = await asyncio.gather(
                self.write(listing(number)), self.write(listing(number, "A second one"))
            )
            again.rests_on = first

    async def write(self, all_patches: list[NewPatch]) -> Asked:
        """Write a set. Raises ConnectionLost."""
        # Nothing comes between sealing and sending, so that the sets leave in the order of their nonces.
        asked = Asked(self.public_key, self.client.seal(all_patches, may_reveal=True))
        self.asked.append(asked)
        try:
            asked.root_hash = await self.client.write_sealed(asked.sealed)
        except RelayRefused as refused:
            asked.refusal = refused
        self.answered(asked)
        return asked

    def _unanswered(self) -> list[Asked]:
        return [
            one for one in self.asked if one.root_hash is None and one.refusal is None and not one.is_spent
        ]

    async def _send_again(self) -> None:
        for asked in self._unanswered():
            try:
                asked.root_hash = await self.client.write_sealed(asked.sealed)
            except RelayRefused as refused:
                asked.is_spent = is_nonce_used(refused)
                asked.refusal = None if asked.is_spent else refused

    async def _try_to_reuse(self) -> None:
        """Write again what was acknowledged: its nonce is used, whatever happened since."""
        acknowledged = [one for one in self.asked if one.root_hash is not None]
        for one in {self.draw.choice(acknowledged), acknowledged[-1]} if acknowledged else ():
            try:
                await self.client.write_sealed(one.sealed)
            except RelayRefused as refused:
                if not is_nonce_used(refused) and refused.message != NOT_STORED:
                    raise
            else:
                raise AssertionError("a set was applied twice")


@dataclass(eq=False)
class Watcher:
    """A subscription to all that somebody sees, or to what the filters select, and what came of it."""

    viewer: Viewer
    filters: tuple[Filter, ...] = ()
    is_slow: bool = False
    seen: list[Seen] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def start(self, reading: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Read in a task of its own."""
        self.task = asyncio.create_task(reading)
        self.task.add_done_callback(lambda _: self.changed.set())
        return self.task

    def take(self, seen: Seen) -> None:
        self.seen.append(seen)
        self.changed.set()

    async def read(self, client: RelayClient) -> None:
        """Subscribe and let the library resume."""
        async for received in client.subscribe(filters=self.filters):
            self.take(Seen.of(received))
            await self._dawdle()

    async def read_raw(self, client: RelayClient, shop_id: int) -> None:
        """Subscribe and resume by hand: from the number before the last set, which comes a second time."""
        while True:
            await client.reconnect()
            known = self.seen[-1] if self.seen else None
            start = known.seq - 1 if known else 0
            try:
                async for pushed in client.subscribe_unverified(start, filters=self.filters, resume=False):
                    one = Seen.of(open_received(pushed, shop_id))
                    if known is None:
                        self.take(one)
                    else:
                        assert one == known, "the last set that was pushed does not come again"
                        known = None
                    await self._dawdle()
            except ConnectionLost:
                pass

    async def _dawdle(self) -> None:
        if self.is_slow and len(self.seen) % SLOW_SETS == 0:
            await asyncio.sleep(SLOW_S)

    def take_applied(self, follower: Follower, received: ReceivedSet) -> None:
        """Note what a follower has made of a set."""
        self.take(Seen.of(received, follower.root_hash))

    async def has_reached(self, log: WholeLog) -> None:
        """Wait until what is last in this log, of all that should come, has come."""
        expected = log.naive.visible(self.viewer, self.filters)
        async with asyncio.timeout(TIMEOUT_S):
            while not self.seen or (self.seen[-1].seq, self.seen[-1].leaves[-1]) < expected[-1]:
                if self.task is not None and self.task.done():
                    self.task.result()
                    raise AssertionError("the subscription ended")
                self.changed.clear()
                await self.changed.wait()

    async def has_all(self, log: WholeLog) -> None:
        """Wait until everything has come that should; then check it."""
        with suppress(TimeoutError):  # what is missing says more
            await self.has_reached(log)
        log.check_pushes(self.seen, log.naive.visible(self.viewer, self.filters))


@dataclass(eq=False)
class Enroller:
    """Somebody who enrols one guest's card after the other."""

    http: ClientSession
    url: URL
    relay: RelayInfo
    shop_id: int
    enrolled: list[PrivateKey] = field(default_factory=list)
    not_stored: list[PrivateKey] = field(default_factory=list)
    is_over: bool = False

    async def enrol(self, key: PrivateKey) -> None:
        """Enrol a guest's card. Raises EnrolmentRefused, RelayUnreachable."""
        request = EnrolmentRequest(self.relay, self.shop_id, key.public_key, is_guest=True)
        await enrol(self.http, self.url, request, OWNER_KEY, self.url)

    async def run(self) -> None:
        """Enrol until the end; a card of which nothing is known is tried again."""
        key = None
        while not self.is_over or key is not None:
            is_again, key = key is not None, key or PrivateKey.from_bytes(secrets.token_bytes(32))
            try:
                await self.enrol(key)
            except RelayUnreachable:
                await asyncio.sleep(ENROLMENT_PAUSE_S)
                continue
            except EnrolmentRefused as refused:
                if refused.status == UNAVAILABLE:
                    self.not_stored.append(key)
                elif refused.status == CONFLICT and is_again:
                    self.enrolled.append(key)
                else:
                    raise
            else:
                self.enrolled.append(key)
            key = None
            await asyncio.sleep(ENROLMENT_PAUSE_S)


class Traffic:
    """All clients of a shop in one test."""

    def __init__(self, place: Place, relay_address: bytes, draw: random.Random) -> None:
        self.writers: list[Writer] = []
        self.watchers: list[Watcher] = []
        self.enroller: Enroller
        self.acknowledged = 0
        self.not_stored = 0
        self._place = place
        self._relays = KnownRelays(relay_address)
        self._draw = draw
        self._clients = AsyncExitStack()
        self._http: ClientSession
        self._tasks: list[asyncio.Task[None]] = []
        self._writing: list[asyncio.Task[None]] = []
        self._answered = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def at(cls, place: Place, relay_address: bytes, draw: random.Random) -> AsyncIterator["Traffic"]:
        """Have clients as long as the block runs; what goes wrong in one of them is raised at its end."""
        traffic = cls(place, relay_address, draw)
        async with traffic._clients:
            traffic._http = await traffic._clients.enter_async_context(
                ClientSession(connector=TCPConnector(limit=0))
            )
            try:
                yield traffic
            finally:
                for task in traffic._tasks:
                    task.cancel()
                await asyncio.gather(*traffic._tasks, return_exceptions=True)
            traffic.check_alive()

    async def begin(self) -> None:
        """Enrol all key cards, once for all, and let everybody begin."""
        clerks = [await self.client() for _ in range(2)]
        await clerks[0][0].write(listing(EVERYBODYS_LISTING))
        self.enroller = Enroller(
            self._http, URL(self._place.url), await clerks[0][0].info(), self._place.shop_id
        )
        self._writing.append(asyncio.create_task(self.enroller.run()))
        self._tasks.append(self._writing[-1])
        for number, (client, viewer) in enumerate(
            [*clerks, *[await self.client(guest=True) for _ in range(2)]]
        ):
            self._write(client, viewer, number)
            self._watch(Watcher(viewer), client)
        # Readers that do not write: their cards are their own.
        client, viewer = await self.client()
        self._watch(Watcher(viewer, (select(ObjectType.ORDER), select(ObjectType.INVENTORY)), True), client)
        client, viewer = await self.client()
        self._watch_raw(Watcher(viewer), client)
        client, viewer = await self.client(guest=True)
        self._watch_raw(Watcher(viewer, (select(ObjectType.LISTING), select(ObjectType.ORDER)), True), client)
        self._watch_raw(Watcher(VISITOR), await self.visitor())
        client, viewer = await self.client()
        await self._follow(Watcher(viewer), client)

    async def visitor(self, buffer_bytes: int = SMALL_BUFFER_BYTES) -> RelayClient:
        """Connect somebody without a key card."""
        return await self._connect(None, buffer_bytes)

    async def client(self, *, guest: bool = False) -> tuple[RelayClient, Viewer]:
        """Enrol a key card and connect with it."""
        key = PrivateKey.from_bytes(secrets.token_bytes(32))
        client = await self._connect(key)
        await client.enrol(OWNER_KEY, guest=guest)
        await client.authenticate()
        return client, Viewer("guest" if guest else "clerk", key.public_key)

    async def watch_as_guest(self) -> None:
        """Authenticate with the card that was enrolled last, and follow from the beginning."""
        key = self.enroller.enrolled[-1]
        client = await self._connect(key)
        await client.authenticate()
        self._watch(Watcher(Viewer("guest", key.public_key)), client)

    async def watch_as_visitor(self) -> None:
        """Connect without a card, and follow from the beginning."""
        self._watch(Watcher(VISITOR), await self.visitor())

    async def _connect(self, key: PrivateKey | None, buffer_bytes: int = SMALL_BUFFER_BYTES) -> RelayClient:
        return await self._clients.enter_async_context(
            RelayClient.connect(
                self._place.url,
                shop_id=self._place.shop_id,
                key_card=key,
                relay_signers=self._relays,
                backoff=QUICK,
                buffer_bytes=buffer_bytes,
                http=self._http,
            )
        )

    def _write(self, client: RelayClient, viewer: Viewer, number: int) -> None:
        writer = Writer(
            client,
            viewer.public_key,
            random.Random(self._draw.random()),
            viewer.role == "guest",
            count((number + 1) * 10**9),
            self._note,
        )
        self.writers.append(writer)
        self._writing.append(asyncio.create_task(writer.run()))
        self._tasks.append(self._writing[-1])

    def _watch(self, watcher: Watcher, client: RelayClient) -> None:
        self.watchers.append(watcher)
        self._tasks.append(watcher.start(watcher.read(client)))

    def _watch_raw(self, watcher: Watcher, client: RelayClient) -> None:
        self.watchers.append(watcher)
        self._tasks.append(watcher.start(watcher.read_raw(client, self._place.shop_id)))

    async def _follow(self, watcher: Watcher, client: RelayClient) -> None:
        self.watchers.append(watcher)
        await self._clients.enter_async_context(await client.follow(on_applied=watcher.take_applied))

    def _note(self, asked: Asked) -> None:
        self.acknowledged += asked.root_hash is not None
        self.not_stored += asked.was_not_stored
        self._answered.set()

    # -- what a test waits for

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds that the answer to a write brings about, or a later one shows."""
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():
                self.check_alive()
                self._answered.clear()
                await self._answered.wait()

    async def more_acknowledged(self, number: int) -> None:
        """Wait until so many further writes were acknowledged."""
        wanted = self.acknowledged + number
        await self.until(lambda: self.acknowledged >= wanted)

    async def more_not_stored(self, number: int) -> None:
        """Wait until so many further writes were refused because they could not be stored."""
        wanted = self.not_stored + number
        await self.until(lambda: self.not_stored >= wanted)

    async def more_not_enrolled(self, number: int) -> None:
        """Wait until so many further enrolments were refused for that reason."""
        wanted = len(self.enroller.not_stored) + number
        await self.until(lambda: len(self.enroller.not_stored) >= wanted)

    async def first_pushes(self, number: int) -> None:
        """Subscribe to the whole log as a new visitor; done when that many sets have come."""
        try:
            client = await self.visitor()
            subscription = client.subscribe_unverified(resume=False)
            for _ in range(number):
                await anext(subscription)
        except (ConnectionLost, RelayUnreachable) as error:
            raise AssertionError("the relay is gone, and nobody killed it") from error

    async def end_writing(self) -> None:
        """Let everybody finish what is under way."""
        self.enroller.is_over = True
        for writer in self.writers:
            writer.is_over = True
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.gather(*self._writing)

    async def check(self, log: WholeLog) -> None:
        """Hold all answers and all pushes against the log, once writing has ended."""
        for writer in self.writers:
            log.check_answers(writer.asked)
        log.check_enrolments(
            [key.public_key for key in self.enroller.enrolled],
            [key.public_key for key in self.enroller.not_stored],
        )
        for watcher in self.watchers:
            await watcher.has_all(log)
        self.check_alive()

    def check_alive(self) -> None:
        """Raise what went wrong in a client, if anything did."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()
