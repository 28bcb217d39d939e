"""What a subscriber gets: each visible patch once, in log order, at the reader's pace (spec 01, 05)."""

import asyncio
import random
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol.envelope import MAX_FILTERS, Filter
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.protocol.signing import PrivateKey
from minirelay.protocol.sizes import MAX_FRAME_BYTES, MAX_PUSH_BYTES
from minirelay.relay import subscription as module
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import Counts
from tests.limits import OUTBOX
from tests.raw_client import Line, RawClient, Refused, Spec, all_leaves, payload
from tests.relay.house import (
    SHOP,
    TIMEOUT_S,
    House,
    images,
    listing,
    order,
    relay_limits,
    running_relay,
    until,
)
from tests.relay.legacy_sets import leaves_of, write_legacy_sets
from tests.relay.naive import VISITOR, NaiveLog, Viewer

LISTING, TAG, ORDER, ACCOUNT, MANIFEST, INVENTORY = (Filter(one) for one in ObjectType)
PUBLIC_FILTERS = (LISTING, TAG, ACCOUNT, MANIFEST)


def single(object_type: ObjectType, number: int) -> Filter:
    return Filter(object_type, number.to_bytes(8))


def touch(number: int) -> Spec:
    """Return a patch that changes nothing of an open order."""
    return ("replace", ("Orders", number, "State"), 1)


def leave(number: int) -> Spec:
    return ("remove", ("Orders", number), None)


async def take_all(client: RawClient, count: int) -> list[SequencedPartialPatchSet]:
    """Take pushes until that many patches have come, and make sure that no more are under way."""
    sets: list[SequencedPartialPatchSet] = []
    while sum(len(one.patches) for one in sets) < count:
        sets += (await client.next_push()).sets
    await client.quiet()
    assert client.pushes.empty()
    return sets


@dataclass
class Shop:
    """A shop with a history in which ids of orders are used by several cards, one after the other."""

    house: House
    clerk: RawClient
    guests: list[RawClient]
    log: NaiveLog = field(default_factory=NaiveLog)

    async def read_log(self) -> NaiveLog:
        """Read the whole log as a clerk."""
        reader = await self.house.line(await self.house.enrol())
        await reader.subscribe()
        hosted = await self.house.relay.shops.find(SHOP)
        assert hosted is not None
        self.log = NaiveLog()
        self.log.append(await reader.sets_until(hosted.feed.seq))
        return self.log

    def viewer(self, who: str) -> Viewer:
        if who == "visitor":
            return VISITOR
        client = self.clerk if who == "clerk" else self.guests[int(who)]
        assert client.key is not None
        return Viewer("clerk" if who == "clerk" else "guest", client.key.public_key)

    async def session(self, who: str) -> RawClient:
        if who == "visitor":
            return await self.house.visitor()
        return self.clerk if who == "clerk" else self.guests[int(who)]


async def a_shop(house: House) -> Shop:
    clerk = await house.clerk()
    first, second = await house.guest(), await house.guest()
    tag: Spec = ("add", ("Tags", "sale"), {"Name": "sale", "ListingIDs": [1]})
    history: list[tuple[RawClient, list[Spec]]] = [
        (clerk, [listing(1), ("add", ("Inventory", 1), 5), order(90), tag, listing(2)]),
        (first, [order(1), order(2)]),
        (second, [order(3)]),
        (clerk, [touch(1), touch(3), touch(90), ("replace", ("Listings", 1, "Price"), 5), touch(2)]),
        (first, [leave(1)]),
        (second, [order(1), touch(1), touch(3)]),
        (clerk, [touch(1), ("increment", ("Inventory", 1), 1)]),
        (second, [leave(1), touch(3)]),
        (first, [order(1), touch(2), leave(2), order(2)]),
        (clerk, [leave(90), order(90), touch(2)]),
        (clerk, [leave(3), ("append", ("Tags", "sale", "ListingIDs"), 2)]),
        (clerk, [order(3), ("replace", ("Listings", 2, "Price"), 5)]),
    ]
    for client, patches in history:
        await client.write(*patches)
    return Shop(house, clerk, [first, second])


SUBSCRIPTIONS: list[tuple[str, tuple[Filter, ...]]] = [
    ("clerk", ()),
    ("clerk", (ORDER,)),
    ("clerk", (INVENTORY,)),
    ("clerk", (single(ObjectType.ORDER, 1), single(ObjectType.LISTING, 2))),
    ("clerk", (single(ObjectType.INVENTORY, 1), Filter(ObjectType.TAG, b"sale"))),
    ("clerk", (single(ObjectType.ORDER, 77),)),
    ("clerk", (LISTING, single(ObjectType.LISTING, 1), single(ObjectType.ORDER, 90))),
    ("clerk", (ORDER, single(ObjectType.ORDER, 90))),
    ("0", ()),
    ("0", (ORDER,)),
    ("0", (single(ObjectType.ORDER, 1),)),
    ("0", (single(ObjectType.ORDER, 1), single(ObjectType.ORDER, 2), TAG)),
    ("0", (TAG, single(ObjectType.ORDER, 2), ORDER)),
    ("0", (ORDER, LISTING, single(ObjectType.LISTING, 1))),
    ("0", (ACCOUNT, MANIFEST)),
    ("1", ()),
    ("1", (ORDER,)),
    ("1", (Filter(ObjectType.TAG, b"none"),)),
    ("visitor", ()),
    ("visitor", (LISTING, LISTING)),
    ("visitor", PUBLIC_FILTERS),
    ("visitor", (single(ObjectType.LISTING, 2), MANIFEST)),
    ("visitor", (single(ObjectType.LISTING, 77),)),
]


@pytest.mark.parametrize(("who", "filters"), SUBSCRIPTIONS)
async def test_every_role_and_filter_gets_what_a_full_scan_says(
    house: House, who: str, filters: tuple[Filter, ...]
) -> None:
    shop = await a_shop(house)
    log = await shop.read_log()
    client = await shop.session(who)
    for start in (0, 3, 8, log.end - 1, log.end, 0, 9):
        expected = log.visible(shop.viewer(who), filters, start)
        client.received.clear()
        subscription_id = await client.subscribe(start, *filters)
        sets = await take_all(client, len(expected))
        assert all_leaves(sets) == expected
        # From now on as it is read from the log; the first round was from memory.
        if start == log.end:
            house.forget_recent_sets()
        # The answer first, right behind it the sync status, then the pushes.
        answer, status, *rest = client.received
        assert answer.message == wire.Success(subscription_id)
        number = int.from_bytes(subscription_id, "big")
        assert status.message == wire.SyncStatusRequest(number, len(expected))
        assert not any(isinstance(one.message, wire.SyncStatusRequest) for one in rest)
        await client.cancel(subscription_id)


@pytest.mark.parametrize(("who", "filters"), SUBSCRIPTIONS)
async def test_what_comes_live_is_what_a_full_scan_says(
    house: House, who: str, filters: tuple[Filter, ...]
) -> None:
    shop = await a_shop(house)
    start = (await shop.read_log()).end
    client = await shop.session(who)
    await client.subscribe(start, *filters)
    first, second = shop.guests
    writes: list[tuple[RawClient, list[Spec]]] = [
        (shop.clerk, [listing(3), touch(1), ("increment", ("Inventory", 1), 1)]),
        (first, [leave(1)]),
        (second, [order(1), order(4)]),
        (shop.clerk, [touch(1), touch(90), ("replace", ("Tags", "sale", "ListingIDs"), [3])]),
        (second, [leave(1)]),
        (first, [order(1), touch(2)]),
    ]
    for author, patches in writes:
        await author.write(*patches)
    log = await shop.read_log()
    expected = log.visible(shop.viewer(who), filters, start)
    assert all_leaves(await take_all(client, len(expected))) == expected


async def test_the_order_of_filters_does_not_matter(house: House) -> None:
    shop = await a_shop(house)
    log = await shop.read_log()
    filters = [ORDER, single(ObjectType.ORDER, 1), LISTING, single(ObjectType.LISTING, 1), TAG]
    expected = log.visible(shop.viewer("0"), filters)
    draw = random.Random(5)
    for _ in range(6):
        draw.shuffle(filters)
        house.forget_recent_sets()
        subscription_id = await shop.guests[0].subscribe(0, *filters)
        assert all_leaves(await take_all(shop.guests[0], len(expected))) == expected
        await shop.guests[0].cancel(subscription_id)


async def test_a_subscription_keeps_the_role_of_its_moment(house: House) -> None:
    clerk = await house.clerk()
    await clerk.write(listing(1), order(1))
    key = await house.enrol()
    late = await house.visitor(key)
    as_visitor = await late.subscribe(1)
    await late.authenticate()
    as_clerk = await late.subscribe(1)
    await clerk.write(order(2), listing(2))
    log = await Shop(house, clerk, []).read_log()
    sets: dict[bytes, list[SequencedPartialPatchSet]] = {as_visitor: [], as_clerk: []}
    expected = {as_visitor: log.visible(VISITOR, (), 1), as_clerk: log.visible(Viewer("clerk"), (), 1)}
    while any(len(all_leaves(sets[one])) < len(expected[one]) for one in sets):
        push = await late.next_push()
        sets[push.subscription_id] += push.sets
    assert {one: all_leaves(sets[one]) for one in sets} == expected


async def test_a_guest_sees_an_order_that_it_creates_later(house: House) -> None:
    clerk, guest = await house.clerk(), await house.guest()
    await guest.subscribe(2)
    await guest.subscribe(2, ORDER)
    await guest.write(order(5))
    await clerk.write(touch(5))
    pushed = [(await guest.next_push()) for _ in range(4)]
    assert sorted((one.subscription_id, one.sets[0].seq) for one in pushed) == [
        (b"\0\1", 3),
        (b"\0\1", 4),
        (b"\0\2", 3),
        (b"\0\2", 4),
    ]


# -- what is refused


@pytest.mark.parametrize(
    ("who", "filters", "code", "words"),
    [
        ("visitor", (ORDER,), Code.INVALID, "not allowed"),
        ("visitor", (single(ObjectType.ORDER, 1),), Code.INVALID, "not allowed"),
        ("visitor", (INVENTORY,), Code.INVALID, "not allowed"),
        ("0", (INVENTORY,), Code.INVALID, "not allowed"),
        ("0", (single(ObjectType.INVENTORY, 1),), Code.INVALID, "not allowed"),
        ("0", (single(ObjectType.ORDER, 3),), Code.NOT_AUTHENTICATED, ""),
        ("0", (single(ObjectType.ORDER, 90),), Code.NOT_AUTHENTICATED, ""),
        ("0", (single(ObjectType.ORDER, 77),), Code.NOT_AUTHENTICATED, ""),
        ("1", (single(ObjectType.ORDER, 1),), Code.NOT_AUTHENTICATED, ""),
        ("1", (ORDER, single(ObjectType.ORDER, 1)), Code.NOT_AUTHENTICATED, ""),
        ("1", (single(ObjectType.ORDER, 3),), Code.NOT_AUTHENTICATED, ""),
        ("clerk", (Filter(0),), Code.INVALID, ""),
        ("clerk", (LISTING, Filter(7)), Code.INVALID, ""),
        ("clerk", (Filter(ObjectType.LISTING, b""),), Code.INVALID, ""),
        ("clerk", (Filter(ObjectType.ORDER, bytes(7)),), Code.INVALID, ""),
        ("clerk", (Filter(ObjectType.INVENTORY, bytes(9)),), Code.INVALID, ""),
        ("clerk", (Filter(ObjectType.ACCOUNT, bytes(19)),), Code.INVALID, ""),
        ("clerk", (Filter(ObjectType.TAG, b""),), Code.INVALID, ""),
        ("clerk", (Filter(ObjectType.MANIFEST, b"x"),), Code.INVALID, ""),
        ("clerk", (LISTING,) * (MAX_FILTERS + 1), Code.INVALID, "filters"),
    ],
)
async def test_one_refused_filter_refuses_the_subscription(
    house: House, who: str, filters: tuple[Filter, ...], code: Code, words: str
) -> None:
    shop = await a_shop(house)
    client = await shop.session(who)
    with pytest.raises(Refused) as refused:
        await client.subscribe(0, *filters)
    assert refused.value.code == code
    assert words in refused.value.message
    assert await client.subscribe() == b"\0\1"


async def test_a_removed_order_counts_as_one_that_does_not_exist(house: House) -> None:
    await house.enrol()
    guest = await house.guest()
    for _ in range(2):
        await guest.write(order(1))
        await guest.cancel(await guest.subscribe(0, single(ObjectType.ORDER, 1)))
        await guest.write(leave(1))
        with pytest.raises(Refused) as refused:
            await guest.subscribe(0, single(ObjectType.ORDER, 1))
        assert refused.value.code == Code.NOT_AUTHENTICATED


async def test_as_many_filters_as_allowed(house: House) -> None:
    clerk = await house.clerk()
    await clerk.write(listing(1))
    filters = [single(ObjectType.LISTING, number) for number in range(1, MAX_FILTERS)]
    await clerk.subscribe(0, *filters, ACCOUNT)
    assert [one.seq for one in await clerk.sets_until(2)] == [1, 2]


async def test_a_subscription_starts_no_later_than_the_end(house: House) -> None:
    await house.enrol()
    visitor = await house.visitor()
    await visitor.subscribe(1)
    for beyond in (2, 2**40, 2**64 - 1):
        with pytest.raises(Refused) as refused:
            await visitor.subscribe(beyond)
        assert refused.value.code == Code.NOT_FOUND


async def test_a_shop_id_may_have_leading_zeros_or_not(house: House) -> None:
    await house.enrol()
    visitor = await house.visitor()
    raw = SHOP.to_bytes(2)
    for shop_id in (raw, bytes(1) + raw, bytes(30) + raw):
        await visitor.ask(wire.SubscriptionRequest(shop_id))
        assert (await visitor.next_push()).sets[0].seq == 1
    for shop_id in (b"", bytes(32), raw + b"\0", b"\xff" * 32):
        with pytest.raises(Refused) as refused:
            await visitor.ask(wire.SubscriptionRequest(shop_id))
        assert refused.value.code == Code.NOT_FOUND
    for shop_id in (bytes(31) + raw, bytes(33), b"\xff" * 5000):
        with pytest.raises(Refused) as refused:
            await visitor.ask(wire.SubscriptionRequest(shop_id))
        assert refused.value.code == Code.INVALID


async def test_a_guests_order_is_its_own_once_that_is_on_disk(house: House) -> None:
    await house.enrol()
    guest = await house.guest()
    async with house.disk_held():
        created = await guest.start_write(order(1))
        asked = await guest.start(
            wire.SubscriptionRequest(SHOP.to_bytes(2), 0, (single(ObjectType.ORDER, 1),))
        )
        unknown = await guest.start(
            wire.SubscriptionRequest(SHOP.to_bytes(2), 0, (single(ObjectType.ORDER, 2),))
        )
        await guest.quiet()
        assert not asked.done()
        assert not unknown.done()
    payload(await asyncio.wait_for(created, TIMEOUT_S))
    assert payload(await asyncio.wait_for(asked, TIMEOUT_S)) == b"\0\1"
    with pytest.raises(Refused) as refused:
        payload(await asyncio.wait_for(unknown, TIMEOUT_S))
    assert refused.value.code == Code.NOT_AUTHENTICATED
    async with house.disk_full():
        with pytest.raises(Refused):
            await guest.write(*(order(number) for number in range(10, 4000)))
        with pytest.raises(Refused) as refused:
            await guest.subscribe(0, single(ObjectType.ORDER, 20))
        assert refused.value.code == Code.NOT_AUTHENTICATED


# -- backlog and live


async def test_no_gap_and_no_repeat_between_backlog_and_live_while_others_write(house: House) -> None:
    writers = [await house.clerk() for _ in range(3)]
    readers = [await house.visitor() for _ in range(3)]
    count = 60

    async def write(writer: RawClient, base: int) -> None:
        for number in range(count):
            await writer.write(listing(base + number))

    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    feed = hosted.feed

    async def read(reader: RawClient, after: int) -> list[int]:
        await until(lambda: feed.seq >= after)
        await reader.subscribe(3)
        return [one.seq for one in await reader.sets_until(3 + 3 * count)]

    writing = [asyncio.create_task(write(one, 1000 * n + 1)) for n, one in enumerate(writers)]
    reading = [asyncio.create_task(read(one, 40 * n)) for n, one in enumerate(readers)]
    for seqs in await asyncio.wait_for(asyncio.gather(*reading), 3 * TIMEOUT_S):
        assert seqs == list(range(4, 4 + 3 * count))
    await asyncio.gather(*writing)


async def test_the_sync_status_counts_what_became_durable_while_it_counted(house: House) -> None:
    clerk = await house.clerk()
    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    count = hosted.feed.counts
    line = await house.line()
    reader = house.store.reader
    counts_at = reader.counts_at
    before = (await counts_at(hosted.row.row_id, 1)).total

    async def slow(shop: int, seq: int) -> Counts:
        counts = await counts_at(shop, seq)
        await clerk.write(listing(1))
        await clerk.write(listing(2))
        return counts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "counts_at", slow)
        await line.subscribe(1)
    await line.read_until(lambda: bool(line.sync_statuses))
    assert line.sync_statuses[0].unpushed_patches == count.total - before + 2


def kinds(line: Line) -> list[str]:
    """Return the kinds of the frames that have come, with the numbers of the sets in a push."""
    return [
        " ".join(["push", *(str(pushed.seq) for pushed in one.message.sets)])
        if isinstance(one.message, wire.SubscriptionPushRequest)
        else type(one.message).__name__
        for one in line.received
    ]


async def live_line(house: House, start: int, *filters: Filter, key: PrivateKey | None = None) -> Line:
    """Open a session whose subscription is live."""
    line = await house.line(key or await house.enrol())
    await line.subscribe(start, *filters)
    await line.read_until(lambda: bool(line.sync_statuses))
    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    await until(lambda: hosted.feed.is_followed)
    line.received.clear()
    return line


async def test_the_echo_of_a_write_leaves_right_before_its_answer(house: House) -> None:
    line = await live_line(house, 1)
    for number in range(1, 4):
        line.received.clear()
        answer = await line.start_write(listing(number))
        await line.read()
        # Nothing has turned the loop since the echo left, and the answer is there.
        assert len(line.connection.outbox.frames) == 1
        await line.read()
        assert answer.done()
        assert kinds(line) == [f"push {number + 1}", "Success"]


async def test_each_write_of_a_commit_has_its_echo_before_its_answer(house: House) -> None:
    other = await house.clerk()
    line = await live_line(house, 2)
    await other.subscribe(2)
    async with house.disk_held():
        await line.start_write(listing(1))
        await until(lambda: house.store.writer.is_writing)
        answers = [await line.start_write(listing(number)) for number in (2, 3)]
        answers.append(await other.start_write(listing(4)))
        await until(lambda: house.open_requests(other.key) == 1)
        await asyncio.sleep(0)
        answers.append(await line.start_write(("replace", ("Listings", 99, "Price"), 5)))
        answers.append(await line.start_write(listing(5)))
        await until(lambda: house.open_requests(line.key) == 5)
    await line.read_until(lambda: all(answer.done() for answer in answers if answer is not answers[2]))
    assert kinds(line) == [
        *("push 3", "Success"),
        *("push 4", "Success"),
        *("push 5", "Success"),
        "Failure",
        *("push 6", "push 7", "Success"),
    ]
    # Another one gets all of a commit at once, but for its own write and what comes before it.
    assert [[one.seq for one in (await other.next_push()).sets] for _ in range(4)] == [[3], [4, 5], [6], [7]]


async def test_every_subscription_that_sees_a_write_has_its_echo_before_the_answer(house: House) -> None:
    await house.enrol(shop_id=SHOP + 1)
    line = await live_line(house, 1, LISTING)
    await line.subscribe(1)
    await line.subscribe(1, TAG)
    await line.subscribe(1, shop_id=SHOP + 1)
    await line.read_until(lambda: len(line.sync_statuses) == 4)
    line.received.clear()
    answer = await line.start_write(listing(1))
    await line.read_until(answer.done)
    assert kinds(line) == ["push 2", "push 2", "Success"]
    pushes = [await line.next_push() for _ in range(line.pushes.qsize())]
    assert {push.subscription_id for push in pushes[-2:]} == {b"\0\1", b"\0\2"}


async def test_a_refused_write_and_one_of_another_session_have_no_echo(house: House) -> None:
    line = await live_line(house, 1)
    clerk = await house.clerk()
    await clerk.write(listing(1))
    with pytest.raises(Refused):
        await line.write(listing(1))
    await line.quiet()
    assert kinds(line) == ["push 2", "push 3", "Failure", "Failure"]


async def test_all_of_one_commit_fills_one_push(house: House) -> None:
    clerk, reader = await house.clerk(), await house.visitor()
    await reader.subscribe(1)
    async with house.disk_held():
        await clerk.start_write(listing(1))
        await until(lambda: house.store.writer.is_writing)
        answers = [await clerk.start_write(listing(number)) for number in range(2, 30)]
        await until(lambda: house.open_requests(clerk.key) == 29)
    await asyncio.wait_for(asyncio.gather(*answers), TIMEOUT_S)
    pushes = [await reader.next_push() for _ in range(2)]
    assert [[one.seq for one in push.sets] for push in pushes] == [[2], list(range(3, 31))]


async def test_a_backlog_comes_in_pushes_of_up_to_64_patches(house: House) -> None:
    clerk = await house.clerk()
    for number in range(1, 131):
        await clerk.start_write(listing(number))
    await clerk.write(listing(1000))
    house.forget_recent_sets()
    visitor = await house.visitor()
    await visitor.subscribe(1)
    shapes: list[int] = []
    while sum(shapes) < 131:
        shapes.append(len((await visitor.next_push()).sets))
    assert shapes == [64, 64, 3]


# -- readers who are slow


async def test_unacknowledged_pushes_are_limited_and_go_on_with_each_acknowledgement(tmp_path: Path) -> None:
    async with running_relay(tmp_path, relay_limits(unacknowledged_pushes=3)) as house:
        clerk = await house.clerk()
        for number in range(1, 500):
            await clerk.start_write(listing(number))
        await clerk.write(listing(1000))
        house.forget_recent_sets()
        line = await house.line()
        line.acknowledges = False
        await line.subscribe()
        sets = [one for _ in range(3) for one in (await line.next_push()).sets]
        await line.quiet()
        assert line.pushes.empty()
        for _ in range(2):
            await line.acknowledge(1)
            sets += (await line.next_push()).sets
            await line.quiet()
            assert line.pushes.empty()
        line.acknowledges = True
        await line.acknowledge()
        sets += await line.sets_until(501)
        assert [one.seq for one in sets] == list(range(1, 502))


async def test_a_live_reader_without_room_falls_back_says_so_and_goes_on(tmp_path: Path) -> None:
    async with running_relay(tmp_path, relay_limits(unacknowledged_pushes=2)) as house:
        clerk = await house.clerk()
        line = await house.line()
        line.acknowledges = False
        await line.subscribe(1)
        await line.read_until(lambda: bool(line.sync_statuses))
        for number in range(1, 9):
            await clerk.write(listing(number), listing(100 + number))
        await line.quiet()
        assert [push.sets[0].seq for push in [await line.next_push() for _ in range(2)]] == [2, 3]
        assert line.pushes.empty()
        # Once when it began, once when it fell back: two patches of set 4 were the first without room.
        assert [one.unpushed_patches for one in line.sync_statuses] == [0, 2]
        line.acknowledges = True
        await line.acknowledge()
        assert [one.seq for one in await line.sets_until(9)] == list(range(4, 10))
        await clerk.write(listing(50))
        assert [one.seq for one in await line.sets_until(10)] == [10]
        assert len(line.sync_statuses) == 2


async def test_a_reader_who_does_not_read_costs_a_cursor_and_no_memory(house: House) -> None:
    clerk = await house.clerk()
    await clerk.write(*(listing(number) for number in range(1, 41)))
    for _ in range(12):
        await clerk.write(*images(1, 40, 15_000))
    line = await house.line()
    readers = [await line.subscribe() for _ in range(4)]
    live = [await line.subscribe(14) for _ in range(2)]
    connection = line.connection
    # All that fits has been queued when every subscription waits for its turn or for room.
    await until(
        lambda: connection.outbox.size_bytes > OUTBOX.push_bytes and connection.outbox.is_being_filled
    )
    most = OUTBOX.push_bytes + MAX_PUSH_BYTES
    assert connection.outbox.size_bytes <= most
    for _ in range(5):
        await clerk.write(*images(1, 40, 15_000))
        assert connection.outbox.size_bytes <= most
    seqs: dict[bytes, list[int]] = {one: [] for one in (*readers, *live)}
    while any(not got or got[-1] < 19 for got in seqs.values()):
        push = await line.next_push()
        seqs[push.subscription_id] += [one.seq for one in push.sets]
        assert connection.outbox.size_bytes <= most
    assert all(seqs[one] == list(range(1, 20)) for one in readers)
    assert all(seqs[one] == list(range(15, 20)) for one in live)


async def test_a_live_reader_who_does_not_read_is_no_different(house: House) -> None:
    clerk = await house.clerk()
    await clerk.write(*(listing(number) for number in range(1, 6)))
    line = await house.line()
    await line.subscribe(2)
    await line.read_until(lambda: bool(line.sync_statuses))
    for _ in range(15):
        # Not so large that it would be read from the log anyway.
        await clerk.write(*images(1, 2, 60_000))
        assert line.connection.outbox.size_bytes <= OUTBOX.push_bytes + 130_000
    assert line.connection.outbox.size_bytes > OUTBOX.push_bytes // 2
    assert [one.seq for one in await line.sets_until(17)] == list(range(3, 18))


async def test_a_reader_who_stops_within_a_large_set_holds_no_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = await house.clerk()
    await clerk.write(*(listing(number) for number in range(1, 41)))
    await clerk.write(*images(1, 36, 50_000))
    await clerk.write(listing(100))
    read: list[tuple[str, int]] = []

    def note(question: str) -> None:
        ask = getattr(house.store.reader, question)

        async def noted(*args: Any, **kwargs: Any) -> Any:
            read.append((question, kwargs["after_seq"]))
            return await ask(*args, **kwargs)

        monkeypatch.setattr(house.store.reader, question, noted)

    note("page_of_types")
    note("page")
    line = await house.line()
    await line.subscribe(2)
    large_sets = house.relay.large_sets
    sets: list[SequencedPartialPatchSet] = []
    while not sets or sets[-1].seq < 4:
        await until(lambda: bool(line.connection.outbox.frames))
        # While it waits for room, all turns are free for others.
        assert large_sets.under_way == 0
        sets += (await line.next_push()).sets
    assert all_leaves(sets) == [(3, leaf) for leaf in range(36)] + [(4, 0)]
    assert len(sets) > 2
    # A page, which ends before it, then the set itself; and what comes behind it.
    assert read == [("page_of_types", 2), ("page", 2), *read[2:]]
    assert ("page", 2) not in read[2:]


async def a_log_with_legacy_sets(directory: Path) -> tuple[PrivateKey, dict[int, bytes]]:
    """Make a log with sets whose headers would no longer be accepted; give a clerk's key, and roots."""
    async with running_relay(directory) as house:
        key = await house.enrol()
    return key, await write_legacy_sets(directory, [(10, 1), (918_000, 1500), (910_000, 6000), (10, 3)])


async def test_a_set_with_a_header_of_a_megabyte_is_pushed_in_few_parts(tmp_path: Path) -> None:
    key, roots = await a_log_with_legacy_sets(tmp_path)
    async with running_relay(tmp_path) as house:
        listings = single(ObjectType.LISTING, 7)
        for client, filters, expected in (
            (await house.line(key), (), {2: 1, 3: 1500, 4: 6000, 5: 3}),
            (await house.line(), (), {3: 1000, 4: 4000, 5: 2}),
            (await house.line(), (listings, TAG), {3: 20, 4: 80}),
        ):
            await client.subscribe(1, *filters)
            sets: list[SequencedPartialPatchSet] = []
            while sum(len(one.patches) for one in sets) < sum(expected.values()):
                push = await client.next_push()
                sets += push.sets
            got = {
                seq: leaves_of([one for one in sets if one.seq == seq], roots[seq])
                for seq in sorted({one.seq for one in sets})
            }
            assert {seq: len(leaves) for seq, leaves in got.items()} == expected
            assert all(leaves == sorted(set(leaves)) for leaves in got.values())
            pushed = sum(len(one.header) + sum(map(len, one.patches + one.proofs)) for one in sets)
            assert len(sets) < 40
            assert pushed < 40_000_000


async def test_slow_readers_of_such_sets_take_no_more_memory_than_their_pushes(tmp_path: Path) -> None:
    key, _ = await a_log_with_legacy_sets(tmp_path)
    async with running_relay(tmp_path) as house:
        lines = [await house.line(key)] + [await house.line() for _ in range(24)]
        tracemalloc.start()
        try:
            for number, line in enumerate(lines):
                filters = (single(ObjectType.LISTING, number),) if number else ()
                await line.subscribe(1, *filters)
            await until(lambda: all(line.connection.outbox.size_bytes > 900_000 for line in lines))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        queued = sum(line.connection.outbox.size_bytes for line in lines)
        assert queued < len(lines) * (MAX_FRAME_BYTES + 1000)
        # Beside what waits to be sent: what is kept, and a few sets and pushes that are being made.
        assert peak < queued + 40_000_000


@pytest.mark.parametrize("who", ["clerk", "visitor"])
@pytest.mark.parametrize("limit", [1, 1024])
async def test_a_set_beyond_900_kib_comes_in_parts(tmp_path: Path, who: str, limit: int) -> None:
    async with running_relay(tmp_path, relay_limits(unacknowledged_pushes=limit)) as house:
        clerk = await house.clerk()
        keys = [await house.enrol() for _ in range(2)]
        await clerk.write(*(listing(number) for number in range(1, 41)))
        live, backlog = [await house.line(key if who == "clerk" else None) for key in keys]
        await live.subscribe(4)
        await live.read_until(lambda: bool(live.sync_statuses))
        await clerk.write(*images(1, 36, 50_000), ("add", ("Inventory", 1), 3))
        await clerk.write(listing(100))
        await backlog.subscribe(4)
        expected = [(5, leaf) for leaf in range(36 + (who == "clerk"))] + [(6, 0)]
        for line in (live, backlog):
            sets: list[SequencedPartialPatchSet] = []
            while len(all_leaves(sets)) < len(expected):
                push = await line.next_push()
                assert len(push.sets) == 1
                sets += push.sets
            assert all_leaves(sets) == expected
            parts = sets[:-1]
            assert len(parts) > 1
            assert len({(one.header, one.signature) for one in parts}) == 1
            assert parts[1].leaf_index == len(parts[0].patches)
        # One when it began, one when it fell back; the last set may have been durable by then.
        fallen_back = [one.unpushed_patches for one in live.sync_statuses]
        assert fallen_back in ([0, len(expected) - 1], [0, len(expected)])
        assert [one.unpushed_patches for one in backlog.sync_statuses] == [len(expected)]


async def test_a_set_of_ten_thousand_patches_reaches_everybody(house: House) -> None:
    clerk = await house.clerk()
    live, visitor = await house.visitor(), await house.visitor()
    await live.subscribe(1)
    await clerk.write(*(listing(number) for number in range(1, 10_001)))
    await clerk.write(listing(20_000))
    await visitor.subscribe(1)
    expected = [*((2, leaf) for leaf in range(10_000)), (3, 0)]
    for reader in (live, visitor):
        sets: list[SequencedPartialPatchSet] = []
        while sum(len(one.patches) for one in sets) < len(expected):
            sets += (await reader.next_push()).sets
        assert all_leaves(sets) == expected
        assert len(sets) > 5


async def test_an_answer_does_not_wait_for_an_echo_that_has_no_room(tmp_path: Path) -> None:
    async with running_relay(tmp_path, relay_limits(unacknowledged_pushes=1)) as house:
        line = await house.line(await house.enrol())
        line.acknowledges = False
        await line.subscribe()
        await line.next_push()
        for number in range(1, 4):
            assert len(await line.write(listing(number))) == 32
        await line.quiet()
        assert line.pushes.empty()
        line.acknowledges = True
        await line.acknowledge()
        assert [one.seq for one in await line.sets_until(4)] == [2, 3, 4]


async def test_many_slow_readers_of_large_sets_all_get_everything(house: House) -> None:
    clerk = await house.clerk()
    await clerk.write(*(listing(number) for number in range(1, 41)))
    lines = [await house.line() for _ in range(5)]
    for line in lines:
        await line.subscribe(2)
    for number in range(3):
        await clerk.write(*images(1, 36, 50_000))
        await clerk.write(listing(100 + number))
    expected = [(seq, leaf) for seq in (3, 5, 7) for leaf in range(36)]
    expected = sorted([*expected, (4, 0), (6, 0), (8, 0)])
    sets: list[list[SequencedPartialPatchSet]] = [[] for _ in lines]
    draw = random.Random(2)
    while any(not got or got[-1].seq < 8 for got in sets):
        index = draw.randrange(len(lines))
        if not sets[index] or sets[index][-1].seq < 8:
            sets[index] += (await lines[index].next_push()).sets
    assert [all_leaves(got) for got in sets] == [expected] * len(lines)


# -- what can go wrong


async def test_a_log_that_cannot_be_read_ends_the_session_and_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = await house.clerk()
    await clerk.write(listing(1))
    live = await house.visitor()
    await live.subscribe(2)

    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("I/O error")

    reader = await house.visitor()
    house.forget_recent_sets()
    with monkeypatch.context() as patch:
        patch.setattr(house.store.reader, "page_of_types", fail)
        await reader.subscribe()
        assert await reader.end() == 1011
    await clerk.write(listing(2))
    assert [one.seq for one in await live.sets_until(3)] == [3]
    again = await house.visitor()
    await again.subscribe()
    assert [one.seq for one in await again.sets_until(3)] == [1, 2, 3]


async def test_a_count_that_cannot_be_read_refuses_the_subscription(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.enrol()

    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("I/O error")

    visitor = await house.visitor()
    with monkeypatch.context() as patch:
        patch.setattr(house.store.reader, "counts_at", fail)
        with pytest.raises(Refused) as refused:
            await visitor.subscribe(1)
    assert refused.value.code == Code.INVALID
    assert await visitor.subscribe(1) == b"\0\1"


@pytest.mark.parametrize("broken", ["pack", "see"])
async def test_a_bug_ends_the_session_and_is_logged(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    clerk = await house.clerk()
    await clerk.write(listing(1))

    def fail(*_: object) -> Sequence[object]:
        raise ZeroDivisionError

    reader = await house.visitor()
    house.forget_recent_sets()
    with monkeypatch.context() as patch:
        patch.setattr(module, broken, fail)
        await reader.subscribe()
        assert await reader.end() == 1011
    assert "ZeroDivisionError" in caplog.text
    await clerk.write(listing(2))


async def test_a_log_that_ends_too_early_is_an_error(house: House) -> None:
    await house.enrol()
    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    hosted.feed.seq += 1
    house.forget_recent_sets()
    line: Line = await house.line()
    await line.subscribe(1)
    await asyncio.wait_for(line.connection.ended.wait(), TIMEOUT_S)
    assert line.connection.hang_up is not None
    assert line.connection.hang_up.code == 1011
