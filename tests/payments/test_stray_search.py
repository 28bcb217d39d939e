"""Money at payment addresses that nobody asked for, on the request's own chain and on others."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from minirelay.payments import stray_search
from minirelay.payments.stray_search import MOST_PAIRS, SEARCHED_S
from minirelay.shop.issued_requests import DAY_S, RequestState
from minirelay.store.errors import StoreUnavailable
from tests.payments.model_chain import address_of
from tests.payments.test_decisions import dismiss_watched
from tests.payments.watching import ELSEWHERE, Watching, searches_of, watching, watching_again
from tests.relay.fixed_facts import CHAIN
from tests.shop.patching import NATIVE, TOKEN

STRAYS = "SELECT chain_id, token, amount FROM payment_transfer WHERE kind = 'stray' ORDER BY chain_id, token"
SEARCHED = "SELECT chain_id, is_read FROM stray_search ORDER BY chain_id"


def chain_bytes(chain_id: int) -> bytes:
    return chain_id.to_bytes(8)


async def strays(one: Watching) -> list[tuple[int | None, bytes, int]]:
    """Where strays were found, in what, and how much."""
    found = await one.shop.rows(STRAYS)
    return [
        (int.from_bytes(chain) if chain else None, token, int.from_bytes(amount))
        for chain, token, amount in found
    ]


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
        await one.poll(5)
        assert await one.state() == "paid"
        assert await one.shop.alerts() == [("stray", 77, 0)]
        assert await one.shop.rows("SELECT address FROM alert") == [(TOKEN,)]
        assert await strays(one) == [(None, TOKEN, 77)]
        assert await one.shop.rows(SEARCHED) == [(chain_bytes(CHAIN), 1), (chain_bytes(ELSEWHERE), 1)]


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
        await one.poll(5)
        assert await one.shop.rows("SELECT kind, address FROM alert") == [("stray", NATIVE)]


@pytest.mark.parametrize("is_paid", [False, True])
@pytest.mark.parametrize("coin", [NATIVE, None], ids=["coins", "token"])
async def test_coins_on_another_chain_are_found_there_at_expiry_and_when_it_is_paid(
    tmp_path: Path, coin: bytes | None, is_paid: bool
) -> None:
    async with watching(tmp_path, coin=coin) as one:
        request = (await one.request()).request
        one.elsewhere.transfer(request, 9, token=NATIVE)
        if is_paid:
            one.chain.transfer(request, request.amount)
        else:
            one.chain.pass_time(DAY_S + 1000)
        await one.poll(5)
        assert await one.state() == ("paid" if is_paid else "expired")
        assert await one.shop.alerts() == [("stray elsewhere", 9, 0)]
        # It says on which chain.
        assert await one.shop.rows("SELECT chain_id, address FROM alert") == [
            (chain_bytes(ELSEWHERE), NATIVE)
        ]
        assert await strays(one) == [(ELSEWHERE, NATIVE, 9)]


async def test_coins_on_several_chains_are_told_of_one_by_one(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        one.chain.transfer(request, 7, token=NATIVE)
        one.elsewhere.transfer(request, 9, token=NATIVE)
        one.chain.transfer(request, request.amount)
        await one.poll(5)
        assert sorted(await one.shop.alerts()) == [("stray", 7, 0), ("stray elsewhere", 9, 0)]
        assert await strays(one) == [(None, NATIVE, 7), (ELSEWHERE, NATIVE, 9)]


async def test_each_address_is_searched_once_and_nothing_is_written_where_nothing_is(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.poll(8)
        # The token here, and coins there.
        assert (one.chain.searched, one.elsewhere.searched) == (1, 1)
        assert await one.shop.rows("SELECT count(*) FROM alert") == [(0,)]


async def test_what_is_dismissed_is_not_searched(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        request = (await one.request()).request
        one.chain.transfer(request, 77, token=NATIVE)
        one.elsewhere.transfer(request, 9, token=NATIVE)
        await dismiss_watched(one)
        one.chain.pass_time(DAY_S + 1000)
        await one.poll(5)
        assert await one.state() == "dismissed"
        assert (one.chain.searched, one.elsewhere.searched) == (0, 0)
        assert await one.shop.alerts() == []


async def test_a_token_that_does_not_say_is_given_up_in_the_end_and_that_is_stored(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        one.chain.faults = {TOKEN: "no gas left"}
        request = (await one.request()).request
        one.chain.transfer(request, request.amount)
        await one.poll(5)
        asked, search = (TOKEN, address_of(request)), one.search_of(CHAIN)
        assert asked in search.balances(one.chain.time)
        one.chain.mine(at=one.chain.time + SEARCHED_S + 1)
        await one.poll(2)
        assert asked not in search.balances(one.chain.time)
        assert await one.shop.rows(SEARCHED) == [(chain_bytes(CHAIN), 0), (chain_bytes(ELSEWHERE), 1)]


async def test_a_chain_that_does_not_answer_delays_nothing_and_is_searched_when_it_does(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path) as one:
        one.elsewhere.is_unreachable = True
        request = (await one.request()).request
        one.chain.transfer(request, 77, token=TOKEN)
        one.elsewhere.transfer(request, 9, token=NATIVE)
        one.chain.transfer(request, request.amount)
        await one.poll(5)
        assert await one.state() == "paid"
        assert await one.shop.alerts() == [("stray", 77, 0)]
        # However long that takes.
        one.chain.mine(at=one.chain.time + 10 * SEARCHED_S)
        one.elsewhere.is_unreachable = False
        await one.poll(4)
        assert await strays(one) == [(None, TOKEN, 77), (ELSEWHERE, NATIVE, 9)]


@pytest.mark.parametrize("polls", [1, 2, 3, 4])
async def test_a_search_that_ends_with_the_relay_goes_on_after_a_restart(tmp_path: Path, polls: int) -> None:
    """Its order is paid for good, so nothing else looks at the request any more."""
    async with watching(tmp_path) as one:
        one.chain.final_depth = 1
        request = (await one.request()).request
        one.chain.transfer(request, 77, token=TOKEN)
        one.elsewhere.transfer(request, 9, token=NATIVE)
        one.chain.transfer(request, request.amount)
        for _ in range(polls):
            await one.chain.poll(one.watch)
        assert await one.shop.alerts() == []
        chain, elsewhere = one.chain, one.elsewhere
    async with watching_again(tmp_path, chain, elsewhere) as again:
        await again.poll(5)
        assert await again.state() == "paid"
        assert sorted(await again.shop.alerts()) == [("stray", 77, 0), ("stray elsewhere", 9, 0)]
    async with watching_again(tmp_path, chain, elsewhere) as again:
        searched = chain.searched, elsewhere.searched
        await again.poll(5)
        # And it is over then.
        assert (chain.searched, elsewhere.searched) == searched
        assert sorted(await again.shop.alerts()) == [("stray", 77, 0), ("stray elsewhere", 9, 0)]


async def test_what_can_not_be_stored_is_looked_at_again(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        issued, failures = await one.request(), [StoreUnavailable("the disk is full")]

        def disk() -> None:
            if failures:
                raise failures.pop()

        search = searches_of(one.shop, one.chain, disk).of_chain(ELSEWHERE)
        assert search is not None
        one.elsewhere.transfer(issued.request, 9, token=NATIVE)
        search.begin(1, issued, address_of(issued.request))
        for _ in range(2):
            await one.elsewhere.search(search)
        assert (failures, await strays(one), len(search)) == ([], [], 1)
        await one.elsewhere.search(search)
        assert (await strays(one), len(search)) == ([(ELSEWHERE, NATIVE, 9)], 0)


async def test_who_is_not_answered_comes_behind_the_others(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        search = one.search_of(CHAIN)
        issued = await one.request()
        one.chain.faults = {TOKEN: "no gas left"}
        for number in range(MOST_PAIRS + 50):
            search.begin(1, replace(issued, id=number.to_bytes(32)), bytes(12) + number.to_bytes(8))
        seen: set[bytes] = set()
        for _ in range(4):
            await one.chain.search(search)
            listed = search.balances(one.chain.time)
            assert len(listed) <= MOST_PAIRS
            seen |= {holder for _, holder in listed}
        assert len(seen) == MOST_PAIRS + 50


async def test_what_is_too_much_is_given_up_and_the_paid_ones_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stray_search, "MOST_WAITING", 3)
    async with watching(tmp_path) as one:
        search = one.search_of(CHAIN)
        issued = await one.request()
        states = [RequestState.PAID, RequestState.EXPIRED, RequestState.OVER, RequestState.EXPIRED]
        for number, state in enumerate(states):
            search.begin(1, replace(issued, id=number.to_bytes(32), state=state), number.to_bytes(20))
        assert len(search) == 3
        for number in range(10, 20):
            search.begin(
                1, replace(issued, id=number.to_bytes(32), state=RequestState.EXPIRED), number.to_bytes(20)
            )
        await one.chain.search(search)
        assert {holder for _, holder in search.balances(0)} >= {bytes(20), (2).to_bytes(20)}
