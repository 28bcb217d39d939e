"""A session's requests that need the store: one at a time, and given back when it ends."""

import asyncio

import pytest

from minirelay.errors import Refusal, not_found
from minirelay.protocol import envelope as wire
from minirelay.relay.lookups import UNREADABLE, LookUp, Lookups
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.relay.messages import FindCard
from minirelay.store.errors import StoreUnavailable
from tests.relay.house import TIMEOUT_S, House, new_key, until


def refuse_nothing(request_id: int, refusal: Refusal) -> None:
    raise AssertionError((request_id, refusal))


def question(number: int) -> FindCard:
    return FindCard(number, b"")


async def test_what_one_session_asks_is_looked_up_one_after_the_other_and_in_order() -> None:
    account = MemoryBudget(2**20).open(lambda _is_lingering: None)
    running = most = 0
    answered: list[int] = []

    async def answer(effect: LookUp) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        answered.append(effect.request_id)

    lookups = Lookups(account, answer, refuse_nothing)
    for number in range(100):
        lookups.add(question(number), 10)
    assert account.size_bytes == 1000
    await until(lambda: len(answered) == 100 and account.size_bytes == 0)
    assert answered == list(range(100))
    assert most == 1
    lookups.add(question(100), 10)
    await until(lambda: len(answered) == 101)


async def test_the_end_cancels_one_and_gives_all_back() -> None:
    account = MemoryBudget(2**20).open(lambda _is_lingering: None)
    for begins in (False, True):
        never, begun = asyncio.Event(), asyncio.Event()

        async def answer(_: LookUp, never: asyncio.Event = never, begun: asyncio.Event = begun) -> None:
            begun.set()
            await never.wait()

        lookups = Lookups(account, answer, refuse_nothing)
        for number in range(100):
            lookups.add(question(number), 10)
        if begins:
            await asyncio.wait_for(begun.wait(), TIMEOUT_S)
        lookups.stop()
        await until(lambda: account.size_bytes == 0)
        assert begun.is_set() == begins


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (not_found("no such card"), "no such card"),
        (StoreUnavailable("I/O error"), UNREADABLE),
        (ZeroDivisionError(), "the relay failed on this request"),
    ],
)
async def test_what_fails_is_answered_and_the_next_one_is_looked_up(error: Exception, words: str) -> None:
    account = MemoryBudget(2**20).open(lambda _is_lingering: None)
    refused: list[tuple[int, str]] = []
    answered: list[int] = []

    async def answer(effect: LookUp) -> None:
        if effect.request_id == 7:
            raise error
        answered.append(effect.request_id)

    lookups = Lookups(
        account, answer, lambda request_id, refusal: refused.append((request_id, refusal.message))
    )
    lookups.add(question(7), 10)
    lookups.add(question(8), 10)
    await until(lambda: account.size_bytes == 0)
    assert [(request_id, message[: len(words)]) for request_id, message in refused] == [(7, words)]
    assert answered == [8]


async def test_a_thousand_questions_of_one_visitor_take_one_place_before_the_next_ones(house: House) -> None:
    # 64 of them held the loop for 10 s when they left, and everybody waited behind their questions.
    guest, other = await house.visitor(), await house.visitor()
    key = new_key()
    flood = [await guest.start(wire.AuthenticateRequest(key.public_key)) for _ in range(1000)]
    answer = await asyncio.wait_for(await other.start(wire.AuthenticateRequest(key.public_key)), TIMEOUT_S)
    assert isinstance(answer.message, wire.Failure)
    assert sum(one.done() for one in flood) < 500
    await asyncio.wait_for(asyncio.gather(*flood), TIMEOUT_S)
