"""Money at payment addresses that nobody asked for."""

from pathlib import Path

import pytest

from minirelay.payments.stray_search import SEARCHED_S
from minirelay.shop.issued_requests import DAY_S
from tests.payments.model_chain import address_of
from tests.payments.watching import watching
from tests.shop.patching import NATIVE, TOKEN


@pytest.mark.parametrize("final_depth", [1, 4])
async def test_the_wrong_token_at_the_address_of_a_paid_order_is_told_and_listed(
    tmp_path: Path, final_depth: int
) -> None:
    """With a depth of 1 it is watched no more as soon as it is paid."""
    async with watching(tmp_path) as one:
        one.chain.final_depth = final_depth
        request = (await one.request()).request
        one.chain.transfer(request, 77, token=TOKEN)
        one.chain.transfer(request, request.amount)
        await one.poll(4)
        assert await one.state() == "paid"
        assert await one.shop.alerts() == [("stray", 77, 0)]
        assert await one.shop.rows("SELECT address FROM alert") == [(TOKEN,)]
        assert await one.shop.rows("SELECT token FROM payment_transfer WHERE kind = 'stray'") == [(TOKEN,)]


async def test_the_wrong_token_is_found_at_expiry(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        request = (await one.request()).request
        one.chain.transfer(request, 77, token=TOKEN)
        one.chain.pass_time(DAY_S + 1000)
        await one.poll(5)
        assert await one.state() == "expired"
        assert await one.shop.alerts() == [("stray", 77, 0)]


async def test_coins_where_a_token_was_asked_for_are_told_as_coins(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        one.chain.transfer(request, 77, token=NATIVE)
        one.chain.transfer(request, request.amount)
        await one.poll(4)
        assert await one.shop.rows("SELECT kind, address FROM alert") == [("stray", NATIVE)]


async def test_each_address_is_searched_once_and_nothing_is_written_where_nothing_is(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        asked, listed = (TOKEN, address_of(request)), []
        for _ in range(6):
            listed += [pair for pair in one.watch.balances(one.chain.time) if pair == asked]
            await one.poll()
        assert len(listed) == 1
        assert await one.shop.rows("SELECT count(*) FROM alert") == [(0,)]


async def test_a_token_that_does_not_say_is_given_up_in_the_end(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        one.chain.faults = {TOKEN: "no gas left"}
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.poll(4)
        asked = TOKEN, address_of(request)
        assert asked in one.watch.balances(one.chain.time)
        one.chain.mine(at=one.chain.time + SEARCHED_S + 1)
        await one.poll()
        assert asked not in one.watch.balances(one.chain.time)
