"""What becomes of requests when something was found, or nothing that comes later matters."""

from pathlib import Path

import pytest

from minirelay.payments.expiry import LATE_DAYS_S
from minirelay.shop.issued_requests import DAY_S
from minirelay.shop.order_states import OrderState
from minirelay.store.payment_records import Rests
from tests.payments.watching import Watching, watching
from tests.relay.fixed_facts import CHAIN
from tests.shop.patching import NATIVE

PAID, CANCELED = OrderState.PAID, OrderState.CANCELED


async def test_late_money_is_watched_for_thirty_days_and_then_no_more(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.pass_time(DAY_S + 100)
        await one.poll(2)
        assert await one.order() is CANCELED
        one.chain.pass_time(LATE_DAYS_S - DAY_S)
        await one.poll()
        one.chain.transfer(request, 5)
        await one.poll(2)
        assert await one.state() == "late"
        one.chain.pass_time(2 * DAY_S)
        await one.poll(3)
        assert len(one.watch.requests) == 0
        assert await one.shop.house.store.reader.watched_requests(Rests(CHAIN)) == []


@pytest.mark.parametrize("way", ["call", "address"])
async def test_what_is_dropped_after_it_was_paid_is_reverted_until_it_comes_back(
    tmp_path: Path, way: str
) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        request = (await one.request()).request
        one.chain.pay(request, way)
        await one.poll(2)
        assert await one.state() == "paid"
        dropped = one.chain.reorganise(1)
        one.chain.mine()
        await one.poll()
        one.chain.mine()
        await one.poll(2)
        assert (await one.order(), await one.state()) == (PAID, "reverted")
        assert await one.told() == ["reverted"]
        one.chain.again(dropped[0])
        await one.settle()
        await one.settle()
        assert await one.state() == "paid"
        details = (await one.shop.order())["TxDetails"]
        assert details["BlockHash"] in {block.header.hash for block in one.chain.blocks}


async def test_what_a_sweep_leaves_at_the_address_of_a_paid_order_is_urgent(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.settle()
        assert (await one.state(), await one.told()) == ("paid", [])
        one.chain.sweep(request, says=False, leaves=True)
        await one.settle()
        await one.settle()
        assert (await one.order(), await one.state()) == (PAID, "paid")
        assert await one.shop.alerts() == [("left", request.amount, 1)]


async def test_what_is_swept_as_it_should_be_leaves_nothing_to_tell(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.settle()
        one.chain.sweep(request)
        await one.settle()
        await one.settle()
        assert (await one.state(), await one.told()) == ("paid", [])


@pytest.mark.parametrize("times", [1, 3])
async def test_dust_on_a_token_that_is_paid_and_not_swept_is_urgent_however_final_that_is(
    tmp_path: Path, times: int
) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.settle()
        assert (await one.order(), await one.state()) == (PAID, "paid")
        for _ in range(times):
            one.chain.pass_time(3600)
            await one.poll(2)
        one.chain.transfer(request, 1)
        # It is looked at once a minute by now.
        one.chain.pass_time(120)
        await one.settle()
        assert (await one.order(), await one.state()) == (PAID, "over")
        assert await one.shop.alerts() == [("over", request.amount + 1, 1)]
        await one.settle()
        assert await unwatched(one)


@pytest.mark.parametrize("end", ["its time is over", "it is swept"])
async def test_a_token_that_is_paid_is_watched_until_more_of_it_locks_nothing(
    tmp_path: Path, end: str
) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.settle()
        await one.settle()
        assert await one.state() == "paid"
        assert not await unwatched(one)
        if end == "it is swept":
            one.chain.sweep(request)
        else:
            one.chain.pass_time(DAY_S + 100)
        await one.settle()
        await one.settle()
        assert await one.state() == "paid"
        assert await unwatched(one)
        assert await one.told() == []


@pytest.mark.parametrize(("coin", "way"), [(NATIVE, "address"), (NATIVE, "call"), (None, "call")])
async def test_what_more_of_can_lock_nothing_is_watched_until_its_payment_is_final(
    tmp_path: Path, coin: bytes | None, way: str
) -> None:
    async with watching(tmp_path, coin=coin) as one:
        request = (await one.request()).request
        if way == "call":
            one.chain.event(request)
        else:
            one.chain.transfer(request, request.amount)
        await one.settle()
        await one.settle()
        assert await one.state() == "paid"
        assert await unwatched(one)


async def unwatched(one: Watching) -> bool:
    """Return whether the newest request is not watched any more."""
    newest = await one.request()
    watched = await one.shop.house.store.reader.watched_requests(Rests(CHAIN))
    assert (one.watch.requests.get(newest.id) is None) == (
        newest.id not in {row.issued.id for row in watched}
    )
    return one.watch.requests.get(newest.id) is None
