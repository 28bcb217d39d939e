"""Requests that rest in the database, and what becomes of money for them."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from minirelay.payments.resting_requests import TURN_S, RestingRequests
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.shop.issued_requests import DAY_S, IssuedRequest, RequestState
from minirelay.store.payment_records import UNPROVEN_LATER_S, Rests, WatchedRequest
from minirelay.store.payment_rows import PaymentTransfer
from tests.payments.watching import Watching, watching, watching_again
from tests.relay.fixed_facts import CHAIN
from tests.relay.selling import CAP, write
from tests.shop.checkouts import buy, item
from tests.shop.issued import issued

ORDERS = range(6, 12)


class EmptyStore:
    """Where nothing rests."""

    async def resting_requests(
        self, rests: Rests, after: tuple[int, int], most: int
    ) -> tuple[list[WatchedRequest], tuple[int, int]]:
        return [], (0, 0)

    async def find_watched(self, ids: Iterable[bytes]) -> list[WatchedRequest]:
        return []

    async def payment_transfers(self, ids: Iterable[bytes]) -> list[PaymentTransfer]:
        return []


async def expire(one: Watching) -> list[IssuedRequest]:
    """Let some orders expire, and a day pass, so that all but two requests rest."""
    for order in ORDERS:
        await write(one.shop.guest, buy(order, item(CAP)))
    await one.poll()
    one.chain.pass_time(DAY_S + 1000)
    await one.poll(2)
    one.chain.pass_time(DAY_S + 1)
    await one.poll(3)
    rows = [await one.request(order=order) for order in ORDERS]
    assert {row.state for row in rows} == {RequestState.EXPIRED}
    return rows


async def take_turns(one: Watching, count: int = 8) -> None:
    for _ in range(count):
        one.chain.mine(at=one.chain.time + TURN_S)
        await one.poll(2)


async def test_few_are_in_memory_and_the_others_rest(tmp_path: Path) -> None:
    async with watching(tmp_path, most_awake=2) as one:
        await expire(one)
        count = len(one.watch.requests)
        assert count == 2
        assert len(one.watch.requests.resting) == len(ORDERS) + 2 - count
        assert len(one.watch.requests.schedule) == count


async def test_money_that_comes_for_one_that_rests_is_found_in_its_turn(tmp_path: Path) -> None:
    async with watching(tmp_path, most_awake=2) as one:
        rows = await expire(one)
        for row in rows:
            one.chain.transfer(row.request, row.request.amount)
        await take_turns(one)
        assert {await one.state(order=order) for order in ORDERS} == {"late"}
        assert await one.told() == ["late"] * len(ORDERS)
        assert len(one.watch.requests) <= 4


async def test_an_event_about_one_that_rests_is_heard_at_once(tmp_path: Path) -> None:
    async with watching(tmp_path, most_awake=2, coin=None) as one:
        rows = await expire(one)
        for row in rows:
            one.chain.event(row.request)
        await one.settle()
        assert {await one.state(order=order) for order in ORDERS} == {"late"}


async def test_what_rests_is_let_go_after_thirty_days(tmp_path: Path) -> None:
    async with watching(tmp_path, most_awake=2) as one:
        await expire(one)
        one.chain.pass_time(30 * DAY_S)
        await take_turns(one)
        assert await one.shop.rows("SELECT count(*) FROM payment_request WHERE is_watched") == [(0,)]
        assert (len(one.watch.requests), len(one.watch.requests.resting)) == (0, 0)


async def test_looking_at_those_that_rest_writes_nothing(tmp_path: Path) -> None:
    async with watching(tmp_path, most_awake=2) as one:
        await expire(one)
        await take_turns(one)
        commits = one.shop.house.store.writer.epoch
        await take_turns(one)
        assert one.shop.house.store.writer.epoch == commits


async def test_after_a_restart_they_rest_on(tmp_path: Path) -> None:
    async with watching(tmp_path, most_awake=2) as one:
        rows = await expire(one)
        chain, final = one.chain, one.chain.time
        await one.shop.rows(f"INSERT INTO chain_mark VALUES (x'{CHAIN:016x}', 0, 0, 0, {final})")
    async with watching_again(tmp_path, chain) as one:
        assert (len(one.watch.requests), len(one.watch.requests.resting)) == (0, len(ORDERS) + 2)
        chain.event(rows[0].request)
        chain.transfer(rows[1].request, 5)
        await take_turns(one)
        states = [await one.state(order=order) for order in ORDERS]
        assert states == ["late", "late", *["expired"] * (len(ORDERS) - 2)]


@pytest.mark.parametrize("state", [RequestState.EXPIRED, RequestState.UNPROVEN, RequestState.WAITING])
def test_only_what_settles_nothing_rests_and_unproven_ones_later(state: RequestState) -> None:
    row = replace(issued(1), state=state)
    one, ttl = WatchedPayment(1, row, b"", 0), row.request.ttl
    resting = RestingRequests(CHAIN, EmptyStore())
    later = DAY_S + (UNPROVEN_LATER_S if state is RequestState.UNPROVEN else 0)
    assert not resting.may_rest(one, ttl + later)
    assert resting.may_rest(one, ttl + later + 1) is (state is not RequestState.WAITING)
    assert not RestingRequests(CHAIN, None).may_rest(one, ttl + later + 1)


def test_which_rest_is_known_by_eight_bytes_each() -> None:
    resting = RestingRequests(CHAIN, None)
    ids = [bytes([number]) * 32 for number in (7, 3, 200)]
    resting.load(b"".join([one[:8] for one in ids[:2]]))
    resting.rest(ids[2])
    resting.rest(ids[2])
    assert len(resting) == 3
    assert [resting.may_have(one) for one in (*ids, b"\x04" * 32)] == [True, True, True, False]
    resting.wake(ids[0])
    resting.wake(ids[0])
    assert (len(resting), resting.may_have(ids[0])) == (2, False)
