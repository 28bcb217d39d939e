"""When requests expire; `test_watcher.py` has what becomes of them then."""

import pytest
from msgspec.structs import replace

from minirelay.chain.findings import FoundLog
from minirelay.payments.expiry import LATE_DAYS_S, MOST_PASSED, UNREAD_S, Expiry
from minirelay.payments.last_look import MOST_AT_ONCE
from minirelay.payments.payment_target import PAYMENT_MADE
from minirelay.payments.settlement import UNPROVEN_DAYS_S
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.shop.issued_requests import DAY_S, RequestState
from tests.payments.model_chain import CONTRACT, ModelChain, address_of
from tests.shop.issued import NOW, issued
from tests.shop.patching import NATIVE, TOKEN

TTL = NOW + 100


def watched(
    count: int = 1, currency: bytes = NATIVE, state: RequestState = RequestState.WAITING
) -> dict[bytes, WatchedPayment]:
    made = {}
    for number in range(1, count + 1):
        one = replace(issued(number, ttl=TTL, currency=currency, amount=10 + number), state=state)
        made[one.id] = WatchedPayment(1, one, address_of(one.request), NOW)
    return made


async def look(
    expiry: Expiry, ones: dict[bytes, WatchedPayment], final_time: int, now: int = NOW
) -> list[bytes]:
    """Look once; give what something was found out about."""
    chain = ModelChain(final_time)
    findings = chain.nothing_found()
    await expiry.look(ones.get, chain.target, findings, final_time, now, chain)
    return list(expiry.take_touched())


def entered(ones: dict[bytes, WatchedPayment]) -> Expiry:
    expiry = Expiry()
    for one in ones.values():
        expiry.put(one.id, one.issued.request.ttl)
    return expiry


async def test_nothing_expires_before_the_final_block_is_later_than_its_ttl() -> None:
    ones = watched()
    expiry = entered(ones)
    assert await look(expiry, ones, TTL) == []
    assert await look(expiry, ones, TTL + 1) == list(ones)
    assert await look(expiry, ones, TTL + 1) == []


async def test_a_poll_looks_at_some_of_many() -> None:
    ones = watched(MOST_AT_ONCE + 3)
    expiry = entered(ones)
    assert len(await look(expiry, ones, TTL + 1)) == MOST_AT_ONCE
    assert len(await look(expiry, ones, TTL + 1)) == 3


async def test_what_a_long_downtime_has_left_is_gone_through_in_several_polls() -> None:
    ones = watched(MOST_PASSED + 3, state=RequestState.SUPERSEDED)
    expiry = entered(ones)
    assert len(await look(expiry, ones, TTL + 1)) == MOST_PASSED
    assert len(await look(expiry, ones, TTL + 1)) == 3


async def test_tokens_that_are_waited_for_do_not_stand_before_others() -> None:
    ones = watched(MOST_PASSED + 5, currency=TOKEN)
    last = list(ones)[-1]
    ones[last].balance.looked_at = TTL + 1
    expiry = entered(ones)
    found = [one for _ in range(3) for one in await look(expiry, ones, TTL + 1)]
    assert found == [last]


async def test_a_token_is_waited_for_but_not_for_ever() -> None:
    ones = watched(currency=TOKEN)
    expiry = entered(ones)
    # Days after its TTL, when a relay was down: only now it can be asked.
    late = TTL + 10 * UNREAD_S
    assert await look(expiry, ones, late, now=late) == []
    assert await look(expiry, ones, late, now=late + UNREAD_S) == []
    assert await look(expiry, ones, late, now=late + UNREAD_S + 1) == list(ones)


async def test_a_token_that_was_looked_at_after_its_ttl_is_not_waited_for() -> None:
    ones = watched(currency=TOKEN)
    expiry = entered(ones)
    for one in ones.values():
        one.balance.looked_at = TTL + 1
    assert await look(expiry, ones, TTL + 1) == list(ones)


async def test_what_is_not_open_is_looked_at_when_something_may_be_decided() -> None:
    ones = watched(state=RequestState.UNPROVEN)
    expiry = entered(ones)
    for later in (0, DAY_S, UNPROVEN_DAYS_S, UNPROVEN_DAYS_S + DAY_S, LATE_DAYS_S):
        assert await look(expiry, ones, TTL + later) == []
        assert await look(expiry, ones, TTL + later + 1) == list(ones)


async def test_what_is_watched_no_more_is_passed_over() -> None:
    ones = watched()
    expiry = entered(ones)
    assert await look(expiry, {}, TTL + 1) == []
    assert await look(expiry, ones, TTL + 1) == []


def test_money_is_watched_for_until_thirty_days_are_over_and_it_is_not_open() -> None:
    expiry, one = Expiry(), issued(1, ttl=TTL)
    late = replace(one, state=RequestState.LATE)
    assert not expiry.is_past(late, TTL + LATE_DAYS_S)
    assert expiry.is_past(late, TTL + LATE_DAYS_S + 1)
    assert not expiry.is_past(one, TTL + LATE_DAYS_S + 1)


async def test_an_event_that_the_last_look_finds_counts_by_the_time_of_its_block() -> None:
    """The deployed contract takes tokens behind the TTL, and says that they were paid."""
    for at, settled in ((TTL, 11), (TTL + 1, 0)):
        ones = watched(currency=TOKEN)
        (one,) = ones.values()
        one.balance.looked_at = TTL + 1
        expiry = entered(ones)
        chain = ModelChain(NOW)
        chain.mine(at=at)
        block = chain.blocks[-1]
        topics = (PAYMENT_MADE, one.id)
        block.logs.append(FoundLog(CONTRACT, topics, b"", block.header.id, b"\x01" * 32, 0))
        chain.pass_time(100)
        findings = chain.nothing_found()
        await expiry.look(ones.get, chain.target, findings, chain.time, NOW, chain)
        news = one.news(None, findings.marks.deep, is_last=False)
        assert news is not None
        assert news.settled == settled


async def test_the_last_look_is_taken_through_another_endpoint() -> None:
    ones = watched()
    (one,) = ones.values()
    expiry, chain = entered(ones), ModelChain(TTL + 1)
    chain.another = ModelChain(TTL + 2)
    chain.another.transfer(one.issued.request, 7)
    await expiry.look(ones.get, chain.target, chain.nothing_found(), TTL + 1, NOW, chain)
    assert (one.balance.amount, chain.asked) == (7, 0)
    assert list(expiry.take_touched()) == [one.id]


@pytest.mark.parametrize("is_dead", [True, False])
async def test_another_endpoint_that_is_behind_or_dead_is_not_waited_for(is_dead: bool) -> None:
    ones = watched()
    (one,) = ones.values()
    expiry, chain = entered(ones), ModelChain(TTL + 1)
    chain.another = ModelChain(TTL, is_unreachable=is_dead)
    chain.transfer(one.issued.request, 7)
    await expiry.look(ones.get, chain.target, chain.nothing_found(), TTL + 1, NOW, chain)
    assert one.balance.amount == 7
    assert list(expiry.take_touched()) == [one.id]
