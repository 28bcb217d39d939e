"""Up to when it is known what came, and what a restart makes of it."""

from pathlib import Path

import pytest

from minirelay.chain.findings import Marks
from minirelay.payments.look_progress import KNOWN_PER_S, SLACK_S, LookProgress, with_slack
from minirelay.payments.watched_requests import WatchedRequests
from minirelay.shop.issued_requests import DAY_S
from minirelay.shop.order_states import OrderState
from minirelay.store.chain_rows import looked_at_key
from minirelay.store.payment_records import WatchedRequest
from minirelay.store.writes import MetaRow
from tests.payments.found import block, lies
from tests.payments.model_chain import ModelTarget
from tests.payments.watching import Watching, watching, watching_again
from tests.relay.test_audit import audited
from tests.shop.issued import CHAIN, NOW, issued
from tests.shop.patching import NATIVE

PAID = OrderState.PAID


def progress(requests: int = 0) -> tuple[LookProgress, WatchedRequests]:
    ones = WatchedRequests(CHAIN, ModelTarget())
    ones.load([WatchedRequest(3, issued(number)) for number in range(requests)], (), 0)
    return LookProgress(CHAIN, ones), ones


def marks(head: int, scanned: int | None = None) -> Marks:
    scanned = head if scanned is None else scanned
    return Marks(block(head), scanned=scanned, deep=0, deep_block=None, final=0, final_time=0)


def note(at: int) -> tuple[MetaRow, ...]:
    return (MetaRow(looked_at_key(CHAIN), at.to_bytes(8)),)


async def test_each_poll_that_read_all_is_noted_once() -> None:
    one, _ = progress()
    assert await one.note(marks(5)) == note(50)
    assert await one.note(marks(5)) == ()
    assert await one.note(marks(6)) == note(60)
    assert one.looked_at == 60


async def test_a_poll_that_did_not_read_up_to_the_head_is_no_progress() -> None:
    one, _ = progress()
    assert (await one.note(marks(5, scanned=4)), one.looked_at) == ((), 0)


async def test_what_is_not_known_of_one_request_holds_the_note_back() -> None:
    one, ones = progress(2)
    first, second = ones
    first.balance.look(lies(0), block(7))
    second.balance.look(lies(0), block(3))
    assert await one.note(marks(7)) == note(30)
    assert one.looked_at == 70


async def test_very_many_requests_are_gone_through_less_often() -> None:
    one, ones = progress(20 * KNOWN_PER_S)
    for request in ones:
        request.balance.looked_at = NOW
    assert await one.note(marks(5)) == note(50)
    assert (await one.note(marks(6)), one.looked_at) == ((), 60)
    assert await one.note(marks(7)) == note(70)


async def test_after_a_reorganisation_no_more_is_known_than_up_to_its_head() -> None:
    one, ones = progress(20 * KNOWN_PER_S)
    for request in ones:
        request.balance.looked_at = NOW
    assert await one.note(marks(5)) == note(50)
    one.go_back(40)
    assert one.looked_at == 40
    # At once, however many there are.
    assert await one.note(marks(4)) == note(40)


async def test_after_a_restart_what_was_noted_counts_but_for_a_little() -> None:
    one, _ = progress()
    one.load(1000)
    assert one.looked_at == with_slack(1000) == 1000 - SLACK_S
    assert await one.note(marks(100)) == ()
    assert with_slack(SLACK_S - 1) == 0


# -- restarts


async def poll_noting(one: Watching) -> None:
    """Poll, and store what the poll gives to store."""
    for note in await one.chain.poll(one.watch):
        await one.shop.house.store.writer.put_meta(note.key, note.value)


@pytest.mark.parametrize("coin", [NATIVE, None], ids=["coins", "token"])
@pytest.mark.parametrize("way", ["call", "address"])
async def test_what_was_paid_in_time_while_the_relay_was_down_over_the_ttl_is_paid(
    tmp_path: Path, way: str, coin: bytes | None
) -> None:
    async with watching(tmp_path, coin=coin) as one:
        chain, request = one.chain, (await one.request()).request
        chain.mine()
        (note,) = await chain.poll(one.watch)
        await one.shop.house.store.writer.put_meta(note.key, note.value)
    chain.pay(request, way)
    chain.pass_time(3 * DAY_S)
    async with watching_again(tmp_path, chain) as again:
        await again.poll(2)
        assert await again.order() is PAID
    await audited(tmp_path)


@pytest.mark.parametrize("coin", [NATIVE, None], ids=["coins", "token"])
async def test_what_was_seen_in_time_and_is_not_deep_when_the_relay_ends_is_in_time_when_it_is_back(
    tmp_path: Path, coin: bytes | None
) -> None:
    async with watching(tmp_path, confirmations=30, coin=coin) as one:
        chain, request = one.chain, (await one.request()).request
        chain.final_depth = 100
        chain.mine(at=request.ttl - 100)
        chain.transfer(request, request.amount)
        for _ in range(20):
            await poll_noting(one)
            chain.mine(at=chain.time + 60)
        assert await one.state() == "seen"
    chain.forget_balances()
    async with watching_again(tmp_path, chain) as again:
        for _ in range(40):
            chain.mine()
            await again.poll()
        assert (await again.order(), await again.state()) == (PAID, "paid")
        assert await again.told() == []


async def test_a_poll_that_could_not_look_at_an_address_does_not_make_what_is_there_late(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path, coin=None) as one:
        chain, request = one.chain, (await one.request()).request
        await poll_noting(one)
        chain.transfer(request, request.amount)
    chain.pass_time(3 * DAY_S)
    async with watching_again(tmp_path, chain) as again:
        chain.faults = {request.currency: "out of gas"}
        await poll_noting(again)
    chain.faults = {}
    async with watching_again(tmp_path, chain) as again:
        await again.poll(2)
        assert await again.order() is PAID
    await audited(tmp_path)
