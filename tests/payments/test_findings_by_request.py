"""What polls find for one request, and for no other."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from minirelay.chain.findings import BalancesAt, FoundBalance, FoundLog
from minirelay.payments.findings_by_request import FindingsByRequest
from minirelay.payments.open_questions import OpenQuestions
from minirelay.payments.payment_target import PAYMENT_MADE
from minirelay.payments.watched_requests import WatchedRequests
from minirelay.protocol.block_id import BlockId
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.order_states import OrderState
from minirelay.store.payment_records import WatchedRequest
from tests.payments.found import block
from tests.payments.model_chain import CONTRACT, ModelChain, ModelTarget, address_of
from tests.payments.watching import watching
from tests.relay.selling import CAP, write
from tests.shop.checkouts import buy, item
from tests.shop.issued import CHAIN, NOW, issued
from tests.shop.patching import NATIVE, TOKEN

PAID, UNPAID = OrderState.PAID, OrderState.UNPAID

FIRST, SECOND = issued(1, amount=10), issued(2, amount=20)
DISMISSED = replace(issued(3, amount=30), state=RequestState.DISMISSED)


def findings_of() -> tuple[FindingsByRequest, WatchedRequests]:
    target = ModelTarget(is_open=True)
    ones = WatchedRequests(CHAIN, target)
    ones.load([WatchedRequest(3, one) for one in (FIRST, SECOND, DISMISSED)], (), 0)
    ones.touched.clear()
    return FindingsByRequest(ones, target, OpenQuestions(ones, target), lambda: NOW), ones


def log(of: bytes, contract: bytes = CONTRACT, number: int = 5) -> FoundLog:
    return FoundLog(contract, (PAYMENT_MADE, of), b"", block(number).id, of, 0)


def test_a_log_is_about_the_request_that_it_names() -> None:
    found, ones = findings_of()
    assert found.of(log(FIRST.id)) is ones.get(FIRST.id)
    assert found.of(log(b"\x09" * 32)) is found.of(log(FIRST.id, contract=bytes(20))) is None
    assert found.of(log(DISMISSED.id)) is found.of(log(FIRST.id, number=FIRST.issued_at_block - 1)) is None
    assert [one.id for one, _ in found.of_each([log(DISMISSED.id), log(SECOND.id)])] == [SECOND.id]


def test_an_event_that_is_seen_no_more_is_forgotten_and_told_of() -> None:
    found, ones = findings_of()
    nothing = ModelChain(NOW).nothing_found()
    found.take_logs(replace(nothing, seen=(log(FIRST.id),)), set())
    one = ones.get(FIRST.id)
    assert one is not None
    assert (one.events.has_seen, list(ones.touched)) == (True, [FIRST.id])
    ones.touched.clear()
    found.take_logs(nothing, set())
    assert (one.events.has_seen, list(ones.touched)) == (False, [FIRST.id])
    ones.touched.clear()
    found.take_logs(nothing, set())
    assert list(ones.touched) == []


def test_only_what_is_other_than_before_at_an_address_is_news() -> None:
    found, ones = findings_of()
    balances = tuple(FoundBalance(TOKEN, address_of(one.request), 4, 0) for one in (FIRST, SECOND))
    found.take_balances(BalancesAt(block(5), balances))
    assert list(ones.touched) == [FIRST.id, SECOND.id]
    ones.touched.clear()
    found.take_balances(BalancesAt(block(6), (replace(balances[0], amount=5), balances[1])))
    assert list(ones.touched) == [FIRST.id]


def test_what_was_not_asked_in_full_is_not_settled() -> None:
    found, ones = findings_of()
    balance = FoundBalance(TOKEN, address_of(FIRST.request), 4, None)
    found.settle_balances(BalancesAt(block(5), (balance,)))
    assert list(ones.touched) == []
    found.settle_balances(BalancesAt(block(5), (replace(balance, transaction_count=0),)))
    one = ones.get(FIRST.id)
    assert one is not None
    assert one.balance.paid_at == block(5).id
    assert list(ones.touched) == [FIRST.id]


def test_a_faulty_token_is_told_to_those_that_were_looked_at_and_ask_for_it() -> None:
    found, ones = findings_of()
    found.note_faults({NATIVE: "no gas left"}, [FIRST.id])
    found.note_faults({TOKEN: "no gas left"}, [FIRST.id, DISMISSED.id])
    assert list(ones.touched) == [FIRST.id]
    assert [one.balance.is_unreadable for one in ones] == [True, False, False]


# -- with a relay


async def test_an_event_from_before_its_request_was_issued_is_none_of_its(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        issued = await one.request()
        one.chain.event(issued.request)
        (log,) = one.chain.blocks[-1].logs
        assert one.watch.wants(log)
        early = BlockId(issued.issued_at_block - 1, log.block.hash)
        assert not one.watch.wants(replace(log, block=early))


async def test_a_token_that_does_not_say_is_told_once_and_stops_no_other(tmp_path: Path) -> None:
    async with watching(tmp_path, coin=None) as one:
        await write(one.shop.guest, buy(6, item(CAP), coin=NATIVE))
        one.chain.faults = {TOKEN: "no gas left"}
        await one.poll(3)
        assert await one.shop.alerts() == [("unreadable token", 0, 0)]
        coins, token = (await one.request(order=6)).request, (await one.request()).request
        one.chain.transfer(coins, coins.amount)
        await one.settle()
        assert await one.order(6) is PAID
        one.chain.transfer(token, token.amount)
        await one.settle()
        assert await one.order() is UNPAID
        one.chain.faults = {}
        await one.settle()
        assert await one.order() is PAID


async def test_each_call_that_pays_counts(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.final_depth = 100
        request = (await one.request()).request
        one.chain.event(request)
        one.chain.event(request)
        await one.settle()
        assert await one.state() == "over"
        assert await one.shop.alerts() == [("over", 2 * request.amount, 0)]


async def test_many_events_of_one_request_are_one_poll_and_few_rows(tmp_path: Path) -> None:
    async with watching(tmp_path) as one:
        one.chain.event((await one.request()).request, proves=False, count=5000)
        await one.settle()
        ((rows,),) = await one.shop.rows("SELECT count(*) FROM payment_transfer")
        assert rows <= 64
        assert await one.told() == ["unproven"]
        assert one.chain.target.asked < 10


@pytest.mark.parametrize("way", ["call", "address"])
async def test_what_is_dropped_before_it_is_deep_was_never_there(tmp_path: Path, way: str) -> None:
    async with watching(tmp_path, confirmations=3) as one:
        request = (await one.request()).request
        one.chain.pay(request, way)
        await one.poll()
        assert await one.state() == "seen"
        one.chain.reorganise(1)
        for _ in range(4):
            one.chain.mine()
            await one.poll()
        assert (await one.order(), await one.state()) == (UNPAID, "waiting")
        assert await one.told() == []
