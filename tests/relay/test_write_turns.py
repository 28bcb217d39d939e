"""Writes that wait for facts beside the queue, and what their sessions write behind them (spec 01, 07)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from minirelay.errors import Code
from minirelay.protocol.envelope import Failure, Success
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.client_write import ClientWrite, WriteTerms
from minirelay.relay.clock import utc_now
from minirelay.relay.messages import Outcome, WriteRequest
from minirelay.relay.write_turns import QueuedWrite, WriteTurns
from minirelay.shop.checkout_facts import UNKNOWN, FactsMissing, HeadOf, PayeeOf
from minirelay.shop.order_states import OrderState
from tests.limits import RELAY, WRITES
from tests.raw_client import Refused
from tests.relay.fixed_facts import CHAIN, FACTOR, FixedFacts
from tests.relay.house import RELAY_KEY, TIMEOUT_S, listing, order, running_relay, until
from tests.relay.requests import CLERK, GUEST, card, open_head
from tests.relay.selling import CAP, STOCK, Selling, known_facts, specs, write
from tests.shop.checkouts import buy, item, move
from tests.shop.patching import NATIVE, PAYEE

SOON_S, NEVER_S = 0.2, 3600.0
ENOUGH = 2000


@asynccontextmanager
async def selling(path: Path, facts: FixedFacts, timeout_s: float = NEVER_S) -> AsyncIterator[Selling]:
    async with running_relay(path, replace(RELAY, facts_timeout_s=timeout_s), facts=facts) as house:
        yield await Selling.start(house)


def without_payees() -> FixedFacts:
    facts = known_facts()
    facts.payees.clear()
    return facts


async def test_a_choice_waits_until_what_is_missing_is_known(tmp_path: Path) -> None:
    facts = without_payees()
    facts.has_head[CHAIN] = False
    async with selling(tmp_path, facts) as shop:
        guest = await shop.house.guest()
        answer = await guest.start_write(*specs(*buy(5, item(CAP), coin=NATIVE)))
        assert await facts.asked_for(1) == {HeadOf(CHAIN), PayeeOf((CHAIN, PAYEE))}
        assert await shop.order(5) is None
        await facts.learn(has_head={CHAIN: True}, payees={(CHAIN, PAYEE): True})
        assert isinstance((await answer).message, Success)
        assert await shop.order_state(5) is OrderState.UNPAID
        assert len(facts.asked) == 1


async def test_others_go_on_meanwhile_and_the_sessions_own_writes_keep_their_order(
    tmp_path: Path,
) -> None:
    facts = without_payees()
    async with selling(tmp_path, facts) as shop:
        guest, other = await shop.house.guest(), await shop.house.guest()
        later = [await guest.start_write(*specs(*buy(5, item(CAP), coin=NATIVE)))]
        later += [await guest.start_write(order(number)) for number in range(10, 40)]
        later.append(await guest.start_write(*specs(move(99, OrderState.COMMITTED))))
        later.append(await guest.start_write(order(99)))
        await facts.asked_for(1)
        for number in range(50, 90):
            await other.write(order(number))
            await shop.clerk.write(listing(number))
        assert not any(one.done() for one in later)
        answered: list[int] = []
        for index, one in enumerate(later):
            one.add_done_callback(lambda _, index=index: answered.append(index))  # type: ignore[misc]
        await facts.learn(payees={(CHAIN, PAYEE): True})
        await asyncio.wait(later, timeout=TIMEOUT_S)
        assert answered == list(range(len(later)))
        kinds = [type(one.result().message) for one in later]
        assert kinds == [Success] * 31 + [Failure, Success]


async def test_it_is_judged_on_what_the_shop_is_then(tmp_path: Path) -> None:
    facts = without_payees()
    async with selling(tmp_path, facts) as shop:
        guest, other = await shop.house.guest(), await shop.house.guest()
        waiting = await guest.start_write(*specs(*buy(5, item(CAP), coin=NATIVE)))
        await facts.asked_for(1)
        await write(other, buy(6, item(CAP, STOCK)))
        await facts.learn(payees={(CHAIN, PAYEE): True})
        message = (await waiting).message
        assert isinstance(message, Failure)
        assert (message.code, message.object_id) == (Code.OUT_OF_STOCK, CAP)
        assert await shop.order(5) is None


async def test_after_a_while_it_is_refused_and_what_is_behind_it_goes_on(tmp_path: Path) -> None:
    facts = without_payees()
    async with selling(tmp_path, facts, SOON_S) as shop:
        guest = await shop.house.guest()
        waiting = await guest.start_write(*specs(*buy(5, item(CAP), coin=NATIVE)))
        behind = await guest.start_write(order(6))
        with pytest.raises(Refused) as refused:
            await write(guest, buy(7, item(CAP), coin=NATIVE))
        assert (refused.value.code, refused.value.message) == (
            Code.INVALID,
            "failed to establish conversion price",
        )
        assert [type(one.result().message) for one in (waiting, behind)] == [Failure, Success]
        assert len(facts.asked) == 2


async def test_a_write_that_finds_other_facts_missing_has_no_more_time_for_them(tmp_path: Path) -> None:
    facts = without_payees()
    async with selling(tmp_path, facts, SOON_S) as shop:
        guest = await shop.house.guest()
        waiting = await guest.start_write(*specs(*buy(5, item(CAP), coin=NATIVE)))
        rounds = 0
        while not waiting.done() and rounds < ENOUGH:
            rounds += 1
            asked = asyncio.ensure_future(facts.asked_for(rounds))
            waiting.add_done_callback(lambda _, asked=asked: asked.cancel())  # type: ignore[misc]
            await asyncio.wait([asked])
            if rounds % 2:
                facts.rate = UNKNOWN
                await facts.learn(payees={(CHAIN, PAYEE): True})
            else:
                facts.payees.clear()
                await facts.learn(rate=FACTOR)
        assert 2 < rounds < ENOUGH
        assert isinstance((await waiting).message, Failure)


@pytest.mark.parametrize("is_guest", [True, False])
async def test_a_session_that_ends_takes_its_waiting_writes_with_it(tmp_path: Path, is_guest: bool) -> None:
    facts = without_payees()
    async with selling(tmp_path, facts) as shop:
        key = await shop.house.enrol(is_guest=is_guest)
        client = await shop.house.session(key)
        before = await shop.house.durable_seq()
        await client.start_write(*specs(*buy(5, item(CAP), coin=NATIVE)))
        for number in range(10, 20):
            await client.start_write(order(number))
        await facts.asked_for(1)
        await client.quiet()
        connection = shop.house.connection_of(client)
        assert connection.backpressure.unanswered_bytes > 0
        client.abort()
        await until(lambda: shop.house.relay.session_count == 1)
        assert connection.backpressure.unanswered_bytes == 0
        await facts.learn(payees={(CHAIN, PAYEE): True})
        assert await shop.house.durable_seq() == before
        again = await shop.house.session(key)
        again.nonce = 100
        await write(again, buy(6, item(CAP), coin=NATIVE))
        assert await shop.order(5) is None
        assert await shop.order(10) is None
        assert await shop.order_state(6) is OrderState.UNPAID


async def test_many_who_wait_leave_the_lane_to_other_guests(tmp_path: Path) -> None:
    facts = without_payees()
    async with selling(tmp_path, facts) as shop:
        guests = [await shop.house.guest() for _ in range(40)]
        waiting = [
            await guest.start_write(*specs(*buy(number, item(CAP), coin=NATIVE)))
            for number, guest in enumerate(guests, start=100)
        ]
        await facts.asked_for(len(guests))
        await (await shop.house.guest()).write(order(5))
        assert not any(one.done() for one in waiting)
        await facts.learn(payees={(CHAIN, PAYEE): True})
        answers = [(await one).message for one in waiting]
        assert sum(isinstance(one, Success) for one in answers) == STOCK


async def test_a_stop_waits_for_what_waits(tmp_path: Path) -> None:
    facts = without_payees()
    async with selling(tmp_path, facts, SOON_S) as shop:
        guest = await shop.house.guest()
        waiting = await guest.start_write(*specs(*buy(5, item(CAP), coin=NATIVE)))
        behind = await guest.start_write(order(6))
        await facts.asked_for(1)
        await guest.quiet()
        await shop.house.relay.drain(TIMEOUT_S)
        answers = [await asyncio.wait_for(one, TIMEOUT_S) for one in (waiting, behind)]
        assert [type(one.message) for one in answers] == [Failure, Success]


async def test_a_source_that_fails_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FixedFacts):
        async def warm(self, missing: object) -> None:
            raise ValueError("no such endpoint")

    facts = Broken()
    async with selling(tmp_path, facts) as shop:
        with pytest.raises(Refused, match="failed to establish") as refused:
            await write(await shop.house.guest(), buy(5, item(CAP), coin=NATIVE))
        assert refused.value.code is Code.INVALID
    assert "no such endpoint" in caplog.text


async def test_the_manifests_of_shops_in_memory_are_kept_warm(tmp_path: Path) -> None:
    facts = known_facts()
    async with selling(tmp_path, facts) as shop:
        assert list(facts.manifests[shop.clerk.shop_id].payees) == [CHAIN]
        await shop.clerk.write(("replace", ("Manifest", "Payees"), {}))
        assert facts.manifests[shop.clerk.shop_id].payees == {}
    facts = known_facts()
    async with running_relay(tmp_path, facts=facts) as house:
        await house.clerk()
        assert facts.manifests[shop.clerk.shop_id].payees == {}


# -- without a relay: what the end of a session meets in the queue


@dataclass
class Turns:
    """The turns of a shop; queue: what was handed to its sequencer."""

    facts: FixedFacts = field(default_factory=without_payees)
    queue: list[QueuedWrite] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        self.turns = WriteTurns(self.facts, self.queue.append)

    def submit(self, key: PrivateKey = GUEST) -> ClientWrite:
        request = WriteRequest(card(open_head(), key), b"", self.answers.append, lambda: self.ended)
        write = ClientWrite(request, WriteTerms(utc_now, WRITES, self.facts, RELAY_KEY), self.turns)
        self.turns.submit(write)
        return write


MISSING = FactsMissing({PayeeOf((CHAIN, PAYEE))})


@pytest.mark.parametrize("key", [GUEST, CLERK])
async def test_what_comes_to_its_turn_after_its_session_ended_does_not_wait(key: PrivateKey) -> None:
    one = Turns()
    first, second = one.submit(key), one.submit(key)
    one.ended = True
    assert first.take_turn()
    first.end_turn(MISSING)
    assert (len(one.answers), one.turns.is_idle, one.facts.asked) == (1, True, [])
    assert second.take_turn()


@pytest.mark.parametrize("key", [GUEST, CLERK])
async def test_what_was_let_go_on_is_judged_though_its_session_ends(key: PrivateKey) -> None:
    one = Turns()
    first, second, third = (one.submit(key) for _ in range(3))
    assert first.take_turn()
    first.end_turn(MISSING)
    assert not second.take_turn()
    await one.facts.asked_for(1)
    await one.facts.learn(payees={(CHAIN, PAYEE): True})
    await one.turns.wait_idle()
    assert one.queue == [first, second, third, first]
    one.ended = True
    one.turns.drop(first.request.card.row_id)
    assert len(one.answers) == 1
    assert not third.take_turn()
    assert len(one.answers) == 2
    assert first.take_turn()
    first.end_turn()
    assert one.turns.is_idle
    assert len(one.queue) == 4
