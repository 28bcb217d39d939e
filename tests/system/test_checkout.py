"""Checkout on a real relay: how existing clients get to Unpaid, and what holds whoever does what."""

import asyncio
import logging
import random
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from minirelay.errors import Code
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.patch import Patch, decode_patch
from minirelay.relay.audit import audit, read_signers
from minirelay.relay.sequencer import LOOP_WORK
from minirelay.shop import canonical
from minirelay.shop.objects import Order
from minirelay.shop.order_states import OrderState
from minirelay.shop.quote import Rate
from minirelay.shop.relay_sets import OrderPatches, cancel_patches
from minirelay.shop.state import inventory_key
from minirelay.shop.work import LOOKUP
from minirelay.store.database import open_readonly
from tests.limits import RELAY, WRITES
from tests.raw_client import RawClient, Refused, payload
from tests.relay import selling
from tests.relay.fixed_facts import FixedFacts
from tests.relay.house import SHOP, running_relay
from tests.relay.selling import CAP, SHIRT, STOCK, Selling, known_facts, write
from tests.shop.checkouts import (
    ADDRESS,
    add_order,
    address,
    buy,
    cancel,
    choose,
    currency,
    item,
    move,
    payee,
)
from tests.shop.patching import ORDER, OTHER_PAYEE, patch

ROOT = Path(__file__).parent.parent.parent
UNPAID, CANCELED, COMMITTED = OrderState.UNPAID, OrderState.CANCELED, OrderState.COMMITTED
PLAIN = inventory_key(CAP)
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time

    @property
    def seconds(self) -> int:
        return int(self.time.timestamp())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def facts() -> FixedFacts:
    return known_facts()


@pytest.fixture
async def shop(tmp_path: Path, facts: FixedFacts, clock: Clock) -> AsyncIterator[Selling]:
    async with running_relay(tmp_path, facts=facts, now=clock) as house:
        yield await Selling.start(house)
    await assert_verified(tmp_path)


async def assert_verified(directory: Path) -> None:
    """Replay the log without any checkout: it comes to what is stored."""
    async with await open_readonly(directory) as store:
        row = await store.reader.shop(SHOP)
        assert row is not None
        await audit(store.reader, row, await read_signers(store.reader), lambda _: None)


def by_add(order: int) -> list[Patch]:
    return [
        patch("add", "Orders", order, "ChosenCurrency", value=currency()),
        patch("add", "Orders", order, "ChosenPayee", value=payee()),
    ]


def by_replace(order: int) -> list[Patch]:
    return choose(order)[:2]


CHOSEN = OrderState.PAYMENT_CHOSEN
SEQUENCES: dict[str, Sequence[Sequence[Patch]]] = {
    "everything in one set": [buy(5, item(CAP, 2))],
    "in five sets, by add": [
        [add_order(5, item(CAP, 2))],
        [move(5, COMMITTED)],
        [address(5)],
        by_add(5),
        [move(5, CHOSEN)],
    ],
    "in five sets, by replace": [
        [add_order(5, item(CAP, 2)), address(5)],
        [move(5, COMMITTED)],
        [address(5, "replace", Name="Eva")],
        by_replace(5),
        [move(5, CHOSEN)],
    ],
    "a new order is committed already": [
        [add_order(5, item(CAP, 2), state=int(COMMITTED))],
        [address(5), *by_replace(5)],
        [move(5, CHOSEN)],
    ],
    "with the invoice address alone": [
        [add_order(5, item(CAP, 2), InvoiceAddress=ADDRESS), move(5, COMMITTED)],
        [*by_add(5), move(5, CHOSEN)],
    ],
    "a half cancel in between": [
        [add_order(5, item(CAP, 2)), address(5), move(5, COMMITTED)],
        cancel(5)[:1],
        choose(5),
    ],
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("is_guest", [True, False])
async def test_what_existing_clients_write_leads_to_payment_details(
    shop: Selling, clock: Clock, name: str, is_guest: bool
) -> None:
    customer = await (shop.house.guest() if is_guest else shop.house.clerk())
    for patches in SEQUENCES[name]:
        root_hash = await write(customer, patches)
    order = await shop.order(5)
    assert order["State"] == UNPAID
    details = order["PaymentDetails"]
    assert details["Total"] == 2000
    assert details["TTL"] == clock.seconds + 86_400
    assert details["ShopSignature"] == bytes(65)
    assert [one.id for one in await shop.requests(5)] == [details["PaymentID"]]
    assert await shop.reserved(PLAIN, clock.seconds) == 2
    head = await shop.head()
    assert (head.state.root_hash, head.seq) == (root_hash, await shop.house.durable_seq())


async def test_what_becomes_of_payments_is_told_whoever_looks_closely(
    shop: Selling, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "minirelay")
    guest = await shop.house.guest()
    await write(guest, buy(5, item(CAP, 2)))
    told = [vars(one) for one in caplog.records if one.getMessage() == "an order is to be paid"]
    assert [(one["order"], one["total"], one["shop"]) for one in told] == [(5, 2000, str(SHOP))]
    await write(guest, choose(5))
    # The same request was written again.
    assert [one.getMessage() for one in caplog.records].count("an order is to be paid") == 1


async def test_a_half_cancel_that_is_completed_gives_the_stock_back(shop: Selling, clock: Clock) -> None:
    guest = await shop.house.guest()
    await write(guest, buy(5, item(CAP, STOCK)))
    await write(guest, cancel(5)[:1])
    assert await shop.reserved(PLAIN, clock.seconds) == STOCK
    await write(guest, cancel(5)[1:])
    assert await shop.reserved(PLAIN, clock.seconds) == 0
    assert await shop.requests(5) == ()
    assert await shop.order_state(5) is CANCELED
    await write(guest, buy(6, item(CAP, STOCK)))


async def test_a_reloaded_payment_page_gets_the_same_details_whatever_the_rate(
    shop: Selling, facts: FixedFacts, clock: Clock
) -> None:
    await shop.clerk.write(
        ("replace", ("Manifest", "PricingCurrency"), {"ChainID": 1337, "Address": NATIVE_COIN})
    )
    await shop.clerk.write(("replace", ("Listings", CAP, "Price"), 10**18))
    guest = await shop.house.guest()
    await write(guest, buy(5, item(CAP)))
    first = (await shop.order(5))["PaymentDetails"]
    for step in range(5):
        clock.time += timedelta(minutes=1)
        await facts.learn(rate=Rate(1000 + step, 1))
        await write(guest, choose(5))
        assert (await shop.order(5))["PaymentDetails"] == first
        assert await shop.order_state(5) is UNPAID
    assert len(await shop.requests(5)) == 1


async def test_two_equal_orders_in_one_second_do_not_share_a_payment(shop: Selling) -> None:
    guest = await shop.house.guest()
    await write(guest, [*buy(5, item(CAP)), *buy(6, item(CAP))])
    first, second = [(await shop.order(order))["PaymentDetails"] for order in (5, 6)]
    assert (first["Total"], first["TTL"] + 1) == (second["Total"], second["TTL"])
    assert first["PaymentID"] != second["PaymentID"]


async def test_clients_get_the_codes_of_the_spec(shop: Selling) -> None:
    guest = await shop.house.guest()
    before = await shop.house.durable_seq()
    for patches, code, object_id in (
        (buy(5, item(CAP, STOCK + 1)), Code.OUT_OF_STOCK, CAP),
        (buy(5, item(SHIRT, 1, "blue")), Code.OUT_OF_STOCK, SHIRT),
        (buy(5, item(CAP, 0)), Code.INVALID, None),
        ([add_order(5, item(CAP)), move(5, UNPAID)], Code.INVALID, None),
    ):
        with pytest.raises(Refused) as refused:
            await write(guest, patches)
        assert (refused.value.code, refused.value.object_id) == (code, object_id)
    assert await shop.house.durable_seq() == before


# -- what leaves, and when


def states_in(sets: Sequence[bytes]) -> list[object]:
    patches = [decode_patch(one) for one in sets]
    return [one.value for one in patches if one.path[2:] == ("State",)]


async def test_what_the_relay_adds_leaves_with_the_writers_echo_before_the_answer(
    shop: Selling,
) -> None:
    guest = await shop.house.guest()
    await guest.subscribe(await shop.house.durable_seq())
    await guest.quiet()
    guest.received.clear()
    await write(guest, buy(5, item(CAP)))
    kinds = [type(one.message).__name__ for one in guest.received]
    assert kinds == ["SubscriptionPushRequest", "Success"]
    push = await guest.next_push()
    own, relays = push.sets
    assert states_in(own.patches)[-1] == int(CHOSEN)
    paths = [decode_patch(one).path[2:] for one in relays.patches]
    assert paths == [("PaymentDetails",), ("State",)]
    assert relays.seq == own.seq + 1
    assert (await shop.head()).state.root_hash == payload(guest.received[-1])


async def test_a_guest_sees_the_relays_patches_of_its_own_orders_and_of_no_others(shop: Selling) -> None:
    guests = [await shop.house.guest() for _ in range(2)]
    start = await shop.house.durable_seq()
    for guest in guests:
        await guest.subscribe(start)
    for number, guest in enumerate(guests, start=5):
        await write(guest, buy(number, item(CAP)))
    # Cancelled by the relay: the patches of both are in one set.
    await write(shop.clerk, [patch("remove", "Listings", CAP)])
    end = await shop.house.durable_seq()
    for number, guest in enumerate(guests, start=5):
        seen = [decode_patch(one) for got in await guest.sets_until(end) for one in got.patches]
        assert {one.path[1] for one in seen if one.path[0] == "Orders"} == {number}
        assert [one.value for one in seen if one.path[2:] == ("State",)][-1] == int(CANCELED)


# -- limits of what anybody can hold


async def test_a_listing_that_very_many_orders_hold_can_be_removed(tmp_path: Path) -> None:
    orders, room = 3000, 20_000
    writes = replace(WRITES, work=200_000, checkout=structs.replace(WRITES.checkout, orders_per_card=orders))
    limits = replace(RELAY, writes=writes)
    async with running_relay(tmp_path, limits, facts=known_facts()) as house:
        shop = await Selling.start(house)
        await write(shop.clerk, [patch("replace", "Inventory", CAP, value=room)])
        for start in range(0, orders, 50):
            numbers = range(1000 + start, 1050 + start)
            await write(
                shop.clerk,
                [
                    one
                    for number in numbers
                    for one in (add_order(number, item(CAP)), move(number, COMMITTED))
                ],
            )
        before = await house.durable_seq()
        await write(shop.clerk, [patch("remove", "Listings", CAP)])
        assert await house.durable_seq() - before == 1 + -(-2 * orders // 1024)
        head = await shop.head()
        assert not head.is_entering
        assert head.records.reservations.rows() == {}
        assert head.records.live_orders.get((1000).to_bytes(8)) is None
        for number in (1000, 1000 + orders - 1):
            assert await shop.order_state(number) is CANCELED
    await assert_verified(tmp_path)


async def test_what_vanishes_from_many_orders_is_canceled_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, on_the_loop = 1500, []

    def cancel_noting_where(*arguments: Any) -> OrderPatches:
        on_the_loop.append(threading.current_thread() is threading.main_thread())
        return cancel_patches(*arguments)

    async with running_relay(tmp_path, facts=known_facts()) as house:
        shop = await Selling.start(house)
        await write(shop.clerk, [patch("replace", "Inventory", CAP, value=orders)])
        for start in range(1, orders, 50):
            bought = [buy(order, item(CAP)) for order in range(start, start + 50)]
            await write(shop.clerk, [one for patches in bought for one in patches])
        monkeypatch.setattr("minirelay.shop.checkout.cancel_patches", cancel_noting_where)
        await write(shop.clerk, [patch("remove", "Listings", CAP)])
    # On the loop it is given up after a few milliseconds, then all of it is done in a thread.
    assert on_the_loop.count(False) == orders
    assert on_the_loop.count(True) <= LOOP_WORK // LOOKUP // 4 < orders


# -- stock


async def test_two_hundred_customers_never_get_more_than_there_is(tmp_path: Path, clock: Clock) -> None:
    draw = random.Random(10)
    async with running_relay(tmp_path, facts=known_facts(), now=clock) as house:
        shop = await Selling.start(house)
        guests = [await house.guest() for _ in range(200)]
        await asyncio.gather(*[haggle(guest, number, draw) for number, guest in enumerate(guests, start=100)])
        for _ in range(3):
            await check_stock(shop, clock, range(100, 300))
            clock.time += HOUR / 2
            await asyncio.gather(
                *[attempt(guest, choose(number)) for number, guest in enumerate(guests, start=100)]
            )
            await check_stock(shop, clock, range(100, 300))
    await assert_verified(tmp_path)


async def haggle(guest: RawClient, order: int, draw: random.Random) -> None:
    await attempt(guest, [add_order(order, item(CAP, draw.randint(1, 3))), address(order)])
    for _ in range(8):
        await attempt(
            guest,
            draw.choice(
                [
                    [move(order, COMMITTED)],
                    [move(order, COMMITTED)],
                    [move(order, OrderState.OPEN)],
                    choose(order),
                    choose(order, to=OTHER_PAYEE),
                    [move(order, COMMITTED), *choose(order)],
                    cancel(order) if draw.random() < 0.3 else [move(order, COMMITTED)],
                ]
            ),
        )


async def refusal(client: RawClient, patches: Sequence[Patch]) -> Refused | None:
    """Write patches as one set; give what it is refused with."""
    try:
        await write(client, patches)
    except Refused as refused:
        return refused
    return None


async def attempt(guest: RawClient, patches: Sequence[Patch]) -> None:
    refused = await refusal(guest, patches)
    assert refused is None or refused.code in (Code.INVALID, Code.OUT_OF_STOCK)


async def check_stock(shop: Selling, clock: Clock, orders: Sequence[int]) -> None:
    """What orders hold, counted one by one, is what is reserved, and no more than there is."""
    head = await shop.head()
    held = 0
    for order in orders:
        row = head.records.reservations.row(order.to_bytes(8))
        held += sum(units for _, units in row.at(clock.seconds).units) if row is not None else 0
    assert held == head.records.reservations.of_stock(PLAIN, clock.seconds) <= STOCK
    holding = [
        order
        for order in orders
        if (row := head.records.reservations.row(order.to_bytes(8))) is not None
        and row.at(clock.seconds).units
    ]
    assert {await shop.order_state(order) for order in holding} <= {COMMITTED, UNPAID}


# -- what is remembered beside the log


async def test_reservations_and_requests_come_back_with_the_shop(
    tmp_path: Path, facts: FixedFacts, clock: Clock
) -> None:
    async with running_relay(tmp_path, facts=facts, now=clock) as house:
        shop = await Selling.start(house)
        key = await house.enrol(is_guest=True)
        guest = await house.session(key)
        await write(guest, buy(5, item(CAP, STOCK)))
        details = (await shop.order(5))["PaymentDetails"]
    async with running_relay(tmp_path, facts=facts, now=clock) as house:
        other = await house.guest()
        with pytest.raises(Refused) as refused:
            await write(other, buy(6, item(CAP)))
        assert refused.value.code == Code.OUT_OF_STOCK
        guest = await house.session(key)
        guest.nonce = 1
        await write(guest, choose(5))
        shop = Selling(house, await house.clerk())
        assert (await shop.order(5))["PaymentDetails"] == details
        clock.time += HOUR
        await write(other, buy(6, item(CAP, STOCK)))
    await assert_verified(tmp_path)


async def test_a_commit_that_fails_takes_its_records_with_it(shop: Selling, clock: Clock) -> None:
    guest = await shop.house.guest()
    await write(shop.clerk, [patch("replace", "Inventory", CAP, value=10**6)])
    async with shop.house.disk_full():
        while (refused := await refusal(shop.clerk, buy(1000 + shop.clerk.nonce, item(CAP)))) is None:
            pass
        assert "could not be stored" in refused.message
    head = await shop.head()
    stored = [key for kind, key, _ in head.state.objects() if kind is ORDER]
    assert sorted(head.records.reservations.rows()) == sorted(stored)
    assert await shop.reserved(PLAIN, clock.seconds) == len(stored)
    await write(guest, buy(5, item(CAP)))
    assert await shop.reserved(PLAIN, clock.seconds) == len(stored) + 1


async def test_what_has_lapsed_is_let_go_of(shop: Selling, clock: Clock) -> None:
    guest = await shop.house.guest()
    await write(guest, [add_order(5, item(CAP)), move(5, COMMITTED)])
    assert len((await shop.head()).records.reservations.rows()) == 1
    clock.time += HOUR
    await write(guest, [add_order(6, item(CAP))])
    assert len((await shop.head()).records.reservations.rows()) == 0


async def test_records_count_in_the_memory_of_the_shop(shop: Selling) -> None:
    guest = await shop.house.guest()
    await write(guest, buy(5, item(CAP)))
    head = await shop.head()
    assert head.records.size_bytes > 1000
    assert head.size_bytes == head.objects_bytes + head.records.size_bytes


async def test_what_a_killed_relay_remembers_is_what_its_log_says(tmp_path: Path) -> None:
    for answers in (1, 10, 60):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", selling.__name__, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        for _ in range(answers):
            await process.stdout.readline()
        process.kill()
        rest = (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
        answered = answers + sum(line.endswith(b"\n") for line in rest)
        await assert_verified(tmp_path)
        assert await check_stored(tmp_path) >= answered


async def check_stored(directory: Path) -> int:
    """Every order has its set of the relay's, and what is remembered of it; return how many there are."""
    async with await open_readonly(directory) as store:
        row = await store.reader.shop(SHOP)
        assert row is not None
        objects = await store.reader.load_objects(row.row_id)
        records = await store.reader.load_checkout(row, objects, 0)
    orders = {one.key: canonical.load(Order, one.value) for one in objects if one.object_type is ORDER}
    unpaid = {order_id for order_id, order in orders.items() if order.state is UNPAID}
    assert {order.state for order in orders.values()} <= {UNPAID, CANCELED}
    assert set(records.reservations.rows()) == unpaid
    for order_id in orders:
        requests = records.requests.of_order(order_id)
        assert [one.details for one in requests] == [orders[order_id].payment_details] * (order_id in unpaid)
    return len(orders)
