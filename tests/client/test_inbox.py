import asyncio

import pytest

from minirelay.client.errors import ClientError, ConnectionLost
from minirelay.client.inbox import PUSH_OVERHEAD_BYTES, Arrival, Inbox, SyncStatus
from minirelay.errors import Code
from minirelay.protocol.envelope import Failure, Response, Success
from minirelay.protocol.push import SequencedPartialPatchSet
from tests.client.scripted_relay import within


def pushed(seq: int) -> SequencedPartialPatchSet:
    return SequencedPartialPatchSet(seq, 0, b"", b"", (b"patch",), (b"proof",))


def roomy() -> Inbox:
    return Inbox(1_000_000)


class Answers(list[Response]):
    """The answers to pushes, in their order."""


async def next_seq(inbox: Inbox) -> int:
    arrived = await within(inbox.peek())
    assert isinstance(arrived, Arrival)
    return arrived.pushed.seq


async def test_a_push_is_acknowledged_when_its_last_set_is_taken() -> None:
    inbox, answers = roomy(), Answers()
    assert inbox.put((pushed(1), pushed(2)), 10, answers.append)
    assert await next_seq(inbox) == 1
    inbox.take()
    assert await next_seq(inbox) == 2
    assert answers == []
    inbox.take()
    assert answers == [Success()]


async def test_looking_takes_nothing() -> None:
    inbox = roomy()
    inbox.put((pushed(1),), 10, Answers().append)
    assert [await next_seq(inbox) for _ in range(3)] == [1, 1, 1]


async def test_a_push_of_nothing_is_acknowledged_at_once() -> None:
    answers = Answers()
    assert roomy().put((), 10, answers.append)
    assert answers == [Success()]


async def test_what_has_no_room_is_not_kept() -> None:
    inbox, answers = Inbox(2 * (1000 + PUSH_OVERHEAD_BYTES)), Answers()
    assert inbox.put((pushed(1),), 1000, answers.append)
    assert inbox.put((pushed(2),), 1000, answers.append)
    assert not inbox.put((pushed(3),), 1, answers.append)
    assert await next_seq(inbox) == 1
    inbox.take()
    assert inbox.put((pushed(4),), 1000, answers.append)


async def test_a_single_push_always_has_room() -> None:
    inbox = Inbox(1)
    assert inbox.put((pushed(1),), 1_000_000, Answers().append)
    assert not inbox.put((pushed(2),), 1, Answers().append)


async def test_a_status_before_it_takes_it_no_room() -> None:
    inbox = Inbox(1)
    inbox.put_status(9)
    assert inbox.put((pushed(1),), 1_000_000, Answers().append)


async def test_many_sets_count_even_if_they_are_small() -> None:
    inbox = Inbox(100 * PUSH_OVERHEAD_BYTES)
    accepted = sum(inbox.put((pushed(1),), 1, Answers().append) for _ in range(200))
    assert accepted < 100


async def test_statuses_keep_their_place_and_do_not_pile_up() -> None:
    inbox = roomy()
    inbox.put((pushed(1),), 10, Answers().append)
    for count in range(1000):
        inbox.put_status(count)
    inbox.put((pushed(2),), 10, Answers().append)
    inbox.take()
    assert await inbox.peek() == SyncStatus(999)
    inbox.take()
    assert await next_seq(inbox) == 2


async def test_peek_waits_for_what_comes() -> None:
    inbox = roomy()
    waiting = asyncio.create_task(next_seq(inbox))
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put((pushed(7),), 10, Answers().append)
    assert await within(waiting) == 7


async def test_what_came_before_the_end_is_still_there() -> None:
    inbox = roomy()
    inbox.put((pushed(1),), 10, Answers().append)
    inbox.end(lambda: ConnectionLost("gone"))
    assert await next_seq(inbox) == 1
    inbox.take()
    with pytest.raises(ConnectionLost, match="gone"):
        await within(inbox.peek())


async def test_the_first_end_counts() -> None:
    inbox = roomy()
    inbox.end(lambda: None)
    inbox.end(lambda: ClientError("later"))
    assert inbox.has_ended
    assert await within(inbox.peek()) is None


async def test_an_end_wakes_who_waits() -> None:
    inbox = roomy()
    waiting = asyncio.create_task(inbox.peek())
    await asyncio.sleep(0)
    inbox.end(lambda: None)
    assert await within(waiting) is None


async def test_what_comes_after_the_end_is_acknowledged_and_dropped() -> None:
    inbox, answers = roomy(), Answers()
    inbox.end(lambda: None)
    assert inbox.put((pushed(1),), 10, answers.append)
    assert answers == [Success()]
    assert await within(inbox.peek()) is None


async def test_dropping_acknowledges() -> None:
    inbox, answers = roomy(), Answers()
    for seq in range(3):
        inbox.put((pushed(seq), pushed(seq)), 10, answers.append)
    inbox.drop()
    assert answers == [Success()] * 3


async def test_rejecting_refuses_the_push_that_the_set_came_with() -> None:
    inbox, answers = roomy(), Answers()
    inbox.put((pushed(1), pushed(2)), 10, answers.append)
    failure = Failure(Code.CLOSE_SUBSCRIPTION, "not proved")
    assert await next_seq(inbox) == 1
    inbox.reject(failure)
    assert answers == [failure]


async def test_a_busy_consumer_lets_others_have_their_turn() -> None:
    inbox = Inbox(10**9)
    for seq in range(20_000):
        inbox.put((pushed(seq),), 1, Answers().append)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    for _ in range(20_000):
        await inbox.peek()
        inbox.take()
    task.cancel()
    assert turns >= 1
