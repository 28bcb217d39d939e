"""Many guests and few pieces, and much dust: what is sold is never more than there is."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.client import NewPatch, PrivateKey, RelayClient, payment_request
from minirelay.client.errors import RelayRefused
from minirelay.dev.chain.blockchain import MULTICALL3_ADDRESS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.errors import Code
from minirelay.protocol.abi import load_abi
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.patch import Patch
from minirelay.protocol.signing import checksum_address
from minirelay.shop.order_states import OrderState
from minirelay.shop.payment_request import PaymentRequest
from minirelay.shop.state import inventory_key
from minirelay.store.database import FILE_NAME
from minirelay.store.payment_records import Rests
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS
from tests.dev.contracts.contract_calls import PAYER, send
from tests.payments.model_chain import ModelChain
from tests.payments.settling import settling
from tests.payments.watching import watch_of, watching
from tests.raw_client import Refused, Talker
from tests.relay.fixed_facts import CHAIN
from tests.relay.selling import CAP, write
from tests.shop.checkouts import buy, cancel, choose, item
from tests.shop.patching import NATIVE, patch
from tests.system.paid_orders import PAID, UNPAID, PaidOrders, choosing, committing, paid_orders
from tests.system.payers import Payer

PIECES, GUESTS, CARDS = 100, 200, 5
ORDERS = range(100, 100 + GUESTS)
PAID_TIMEOUT_S = 60.0


async def is_taken(guest: Talker, patches: list[Patch]) -> bool:
    """Write; return False if there is no stock left."""
    try:
        await write(guest, patches)
    except Refused as refused:
        if refused.code is not Code.OUT_OF_STOCK:
            raise
        return False
    return True


async def race(cards: list[Talker], wanted: dict[int, list[Patch]]) -> set[int]:
    """Let each card write for its orders, all at once; return the orders that were taken."""
    taken = set[int]()

    async def run(place: int) -> None:
        for order, patches in wanted.items():
            if order % CARDS == place and await is_taken(cards[place], patches):
                taken.add(order)

    await asyncio.gather(*map(run, range(CARDS)))
    return taken


async def test_guests_who_race_and_choose_again_at_expiry_never_get_more_than_there_is(
    tmp_path: Path,
) -> None:
    times = [datetime.now(UTC)]
    async with settling(tmp_path, now=lambda: times[0]) as shop:
        await write(shop.guest, cancel(5))
        await write(shop.shop.clerk, [patch("replace", "Inventory", CAP, value=PIECES)])
        cards = [await shop.house.guest() for _ in range(CARDS)]
        first = await race(cards, {order: buy(order, item(CAP)) for order in ORDERS})
        assert len(first) == PIECES
        # The reservations lapse; half of all come again, those who had nothing with a new order.
        times[0] += timedelta(minutes=61)
        again = {
            order: choose(order, NATIVE) if order in first else buy(order, item(CAP))
            for order in ORDERS
            if order // CARDS % 2
        }
        second = await race(cards, again)
        key, now = inventory_key(CAP), int(times[0].timestamp())
        assert await shop.shop.reserved(key, now) == len(second) <= PIECES
        issued = [one for order in first | second for one in await shop.shop.requests(order)]
        chain = ModelChain(min(one.issued_at for one in issued))
        watching_all = watch_of(shop, chain)
        watching_all.watch.load(await shop.house.store.reader.watched_requests(Rests(CHAIN)), (), 0)
        # The reserved ones last: those who have none may not take what they wait for.
        for order in sorted(first | second, key=lambda one: one in second):
            request = (await watching_all.request(order=order)).request
            chain.transfer(request, request.amount)
        await watching_all.settle()
        paid = {order for order in first | second if await watching_all.order(order) is OrderState.PAID}
        assert paid == first | second
        assert await watching_all.stock() == 0
        kinds = await watching_all.told()
        assert ("stock missing" in kinds) == (len(paid) > PIECES)


async def test_a_thousand_payments_of_dust_hide_no_alert_and_hold_no_stock(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        for number in range(1000):
            one.chain.transfer(request, 1)
            if number % 20 == 0:
                await one.poll()
        await one.settle()
        assert await one.state() == "short"
        assert await one.told() == []
        assert await one.shop.rows("SELECT hold FROM reservation") == [(0,)]
        ((rows,),) = await one.shop.rows("SELECT count(*) FROM payment_transfer")
        assert rows <= 1
        await write(one.shop.guest, buy(6, item(CAP)))
        other = (await one.request(order=6)).request
        one.chain.transfer(other, other.amount // 2)
        await one.settle()
        assert await one.shop.alerts() == [("short", other.amount // 2, 0)]


# -- the same on a whole relay, over a real chain, the contract in both variants


@pytest.fixture(params=VARIANTS)
def orders(
    tmp_path: Path,
    dev_chain: DevChain,
    deployment: Deployment,
    contracts: Contracts,
    w3: Web3,
    request: pytest.FixtureRequest,
) -> PaidOrders:
    return paid_orders(tmp_path / "data", dev_chain, deployment, contracts, w3, request.param)


KEYS = [PrivateKey.from_bytes(bytes([number]) * 32) for number in range(1, 1 + CARDS)]


@asynccontextmanager
async def cards_of(orders: PaidOrders, *, are_new: bool) -> AsyncIterator[list[RelayClient]]:
    """Connect a client for each key card of the guests."""
    assert orders.serving is not None
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(orders.serving.client(key, guest=are_new)) for key in KEYS]


async def race_of_guests(cards: list[RelayClient], wanted: dict[int, list[NewPatch]]) -> set[int]:
    """Let each card write for its orders, all at once; return the orders that were taken."""
    taken = set[int]()

    async def run(place: int) -> None:
        for order, patches in wanted.items():
            if order % CARDS != place:
                continue
            try:
                await cards[place].write(patches)
            except RelayRefused as refused:
                if refused.code is not Code.OUT_OF_STOCK:
                    raise
            else:
                taken.add(order)

    await asyncio.gather(*map(run, range(CARDS)))
    return taken


async def pay_all(orders: PaidOrders, wanted: Iterable[int]) -> None:
    """Pay orders, each second one by its address, and wait until all are paid."""
    assert orders.serving is not None
    await orders.clerk_view.caught_up()
    made = list(wanted)
    routes = {
        (False, 0): Payer.by_address,
        (False, 1): Payer.by_call,
        (True, 0): Payer.token_by_address,
        (True, 1): Payer.token_by_call,
    }
    for order in made:
        found = orders.clerk_view.order(order)
        assert found is not None
        request = payment_request(found, orders.serving.shop_id)
        route = routes[request.currency != NATIVE_COIN, order % 2]
        await asyncio.to_thread(route, orders.payer, request, request.amount)
    async with asyncio.timeout(PAID_TIMEOUT_S):
        await orders.clerk_view.wait_for(lambda _: {orders.clerk_state(one) for one in made} == {PAID})


@pytest.mark.slow
async def test_on_a_real_chain_guests_who_race_never_get_more_than_there_is(orders: PaidOrders) -> None:
    async with orders.relay(), cards_of(orders, are_new=True) as cards:
        await orders.clerk.write([NewPatch("replace", ("Inventory", CAP), PIECES)])
        first = await race_of_guests(
            cards, {order: [*committing(order), *choosing(order)] for order in ORDERS}
        )
        assert len(first) == PIECES
    # While the relay is down, the reservations lapse.
    with closing(sqlite3.connect(orders.directory / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE reservation SET ends_at = ends_at - 3660")
    # At each block a poll looks at all that is open; here so much is mined that nothing else would be done.
    async with orders.relay(chains__31337__poll_interval="2s"), cards_of(orders, are_new=False) as cards:
        # Half of all come again: to pay in another coin, or, if they had nothing, with a new order.
        again = {
            order: choosing(order, orders.eddies)
            if order in first
            else [*committing(order), *choosing(order)]
            for order in ORDERS
            if order // CARDS % 2
        }
        second = await race_of_guests(cards, again)
        held = orders.rows(f"SELECT count(*) FROM reservation WHERE ends_at > {int(time.time())}")
        assert held == [(len(second),)]
        assert len(second) <= PIECES
        # Those who have no reservation may not take what the others wait for.
        await pay_all(orders, first - second)
        missing = {kind for kind, _ in orders.alerts()}
        await pay_all(orders, second)
        paid = first | second
        assert {kind for kind, _ in orders.alerts()} == missing
        assert ("stock missing" in missing) == (len(paid) > PIECES)
        await orders.clerk_view.wait_for(lambda view: view.stock(CAP) == max(0, PIECES - len(paid)))


DUSTY, GRAINS = 50, 20


def scatter(payer: Payer, requests: list[PaymentRequest]) -> None:
    """Put one wei at each of these addresses, so many times that it is a thousand payments."""
    address = Web3.to_checksum_address(checksum_address(MULTICALL3_ADDRESS))
    multicall = payer.w3.eth.contract(address=address, abi=load_abi("Multicall3").entries)
    for start in range(0, len(requests), 5):
        some = [payer.address_of(one) for one in requests[start : start + 5]]
        calls = [(to, False, 1, b"") for to in some for _ in range(GRAINS)]
        send(multicall.functions.aggregate3Value(calls), PAYER, len(calls))


@pytest.mark.slow
async def test_on_a_real_chain_a_thousand_payments_of_dust_hide_no_alert_of_the_same_guest(
    orders: PaidOrders,
) -> None:
    async with orders.relay():
        made = [await orders.order() for _ in range(DUSTY)]
        requests = [request for _, request in made]
        await asyncio.to_thread(scatter, orders.payer, requests)
        for request in requests:
            await orders.until_row(request, "short")
        assert orders.payer.w3.eth.get_balance(orders.payer.address_of(requests[0])) == GRAINS
        assert orders.alerts() == []
        assert set(orders.rows("SELECT hold FROM reservation")) == {(0,)}
        _, other = await orders.order()
        await asyncio.to_thread(orders.payer.by_address, other, other.amount // 2)
        await orders.until_row(other, "short")
        assert orders.alerts() == [("short", other.amount // 2)]
        await orders.polled()
        assert {orders.state(order) for order, _ in made} == {UNPAID}
