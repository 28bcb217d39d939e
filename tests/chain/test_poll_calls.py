"""Who needs a chain, and calls for it."""

import asyncio

from minirelay.chain.poll_calls import PollCalls

NEVER_S = 600.0


async def is_called(calls: PollCalls) -> bool:
    """Whether waiting ends at once."""
    waiting = asyncio.create_task(calls.wait(NEVER_S))
    for _ in range(5):
        await asyncio.sleep(0)
    is_done = waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    calls.clear()
    return is_done


async def test_a_call_ends_the_wait_once() -> None:
    calls = PollCalls()
    assert not await is_called(calls)
    calls.call()
    assert await is_called(calls)
    assert not await is_called(calls)
    assert not calls.is_needed


async def test_the_first_need_is_a_call_and_lasts() -> None:
    calls = PollCalls()
    calls.need(True)
    assert await is_called(calls)
    calls.need(True)
    assert not await is_called(calls)
    assert calls.is_needed
    calls.need(False)
    assert not calls.is_needed


async def test_each_write_that_waits_is_a_call_and_a_need_until_it_waits_no_more() -> None:
    calls = PollCalls()
    for _ in range(2):
        calls.begin_waiting()
        assert await is_called(calls)
    calls.end_waiting()
    assert calls.is_needed
    calls.end_waiting()
    assert not calls.is_needed


async def test_without_a_call_the_wait_ends_in_time() -> None:
    await asyncio.wait_for(PollCalls().wait(0.001), NEVER_S)


async def test_being_called_and_cancelled_at_once_is_being_cancelled() -> None:
    calls = PollCalls()
    waiting = asyncio.create_task(calls.wait(NEVER_S))
    for _ in range(5):
        await asyncio.sleep(0)
    calls.call()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
