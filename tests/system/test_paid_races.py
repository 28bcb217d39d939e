"""Many guests and few pieces, and much dust: what is sold is never more than there is."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from minirelay.errors import Code
from minirelay.protocol.patch import Patch
from minirelay.shop.order_states import OrderState
from minirelay.shop.state import inventory_key
from minirelay.store.payment_records import Rests
from tests.payments.model_chain import ModelChain
from tests.payments.settling import settling
from tests.payments.watching import Watching, watch_of, watching
from tests.raw_client import Refused, Talker
from tests.relay.fixed_facts import CHAIN
from tests.relay.selling import CAP, write
from tests.shop.checkouts import buy, cancel, choose, item
from tests.shop.patching import NATIVE, patch

PIECES, GUESTS, CARDS = 100, 200, 5
ORDERS = range(100, 100 + GUESTS)


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
        watching_all = Watching(shop, chain, watch_of(shop, chain))
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
