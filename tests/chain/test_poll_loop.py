"""At which pace a chain is polled, and how far it is read."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.findings import Marks
from minirelay.chain.poll_calls import PollCalls
from minirelay.chain.poll_loop import (
    DEVELOPMENT_INTERVAL_S,
    POLL_INTERVAL_S,
    QUIET_INTERVAL_S,
    Pace,
    PollLoop,
)
from minirelay.chain.poller import Poll
from tests.chain.chain_values import block
from tests.chain.polling import Clock

NEVER_S = 600.0


class Polled:
    """Something to poll. outcomes: of the polls, in order; then the last again and again."""

    def __init__(self, *outcomes: Poll | Exception) -> None:
        self.calls = PollCalls()
        self.outcomes = list(outcomes) or [read_to_the_head()]
        self.polls = 0
        self.is_needed = False
        self.after: Callable[[int], None] = lambda polls: None
        self._changed = asyncio.Event()

    async def poll(self) -> Poll:
        outcome = self.outcomes[min(self.polls, len(self.outcomes) - 1)]
        self.polls += 1
        self.after(self.polls)
        self._changed.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def until(self, polls: int) -> None:
        while self.polls < polls:
            self._changed.clear()
            await self._changed.wait()


def read_to_the_head() -> Poll:
    return Poll(Marks(block(9), 9, 7, None, 3, 0), is_behind=False)


def behind() -> Poll:
    return Poll(Marks(block(9), 4, 4, None, 3, 0), is_behind=True)


@asynccontextmanager
async def polling(
    polled: Polled,
    interval_s: float = 0.001,
    quiet_s: float = NEVER_S,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[PollLoop]:
    loop = PollLoop(5, polled, Pace(interval_s, quiet_s), polled.calls, clock=clock)
    task = asyncio.create_task(loop.run())
    yield loop
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def many_turns() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


def test_the_paces_are_the_specs() -> None:
    assert (POLL_INTERVAL_S, DEVELOPMENT_INTERVAL_S, QUIET_INTERVAL_S) == (4.0, 0.5, 30.0)
    assert Pace.of(0, is_development=False) == Pace(4.0, 30.0)
    assert Pace.of(0, is_development=True) == Pace(0.5, 30.0)
    assert Pace.of(60, is_development=False) == Pace(60, 60)
    assert Pace.of(0, is_development=False, is_always_needed=True) == Pace(4.0, 4.0)


async def test_a_chain_is_polled_at_once_then_seldom_until_something_is_open() -> None:
    polled = Polled()
    async with polling(polled):
        await polled.until(1)
        await many_turns()
        assert polled.polls == 1
        polled.calls.need(True)
        await polled.until(4)


async def test_what_a_watch_has_open_counts() -> None:
    polled = Polled()
    polled.is_needed = True
    async with polling(polled):
        await polled.until(4)


async def test_it_is_polled_at_once_when_it_is_called_or_a_write_waits() -> None:
    polled = Polled()
    async with polling(polled, interval_s=NEVER_S):
        await polled.until(1)
        polled.calls.call()
        await polled.until(2)
        polled.calls.begin_waiting()
        await polled.until(3)
        polled.calls.end_waiting()
        await many_turns()
        assert polled.polls == 3


async def test_a_call_during_a_poll_is_not_lost() -> None:
    polled = Polled()
    async with polling(polled, interval_s=NEVER_S):
        polled.after = lambda polls: polled.calls.call() if polls == 1 else None
        await polled.until(2)


async def test_while_there_is_more_to_read_polls_follow_at_once() -> None:
    polled = Polled(*[behind()] * 20, read_to_the_head())
    async with polling(polled, interval_s=NEVER_S):
        await polled.until(21)
        await many_turns()
        assert polled.polls == 21


async def test_polls_begin_in_equal_distances_however_long_they_take() -> None:
    clock, polled = Clock(), Polled()
    polled.is_needed = True

    def take_long(polls: int) -> None:
        clock.now += NEVER_S

    polled.after = take_long
    async with polling(polled, interval_s=NEVER_S, clock=clock):
        await polled.until(5)


@pytest.mark.parametrize("error", [ChainUnreachable("no"), RuntimeError("a fault of ours")])
async def test_what_fails_is_tried_again_at_the_same_pace(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    polled = Polled(error, error, read_to_the_head())
    polled.is_needed = True
    async with polling(polled) as loop:
        await polled.until(4)
        assert loop.status().scanned == 9
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == isinstance(error, RuntimeError)


async def test_the_status_says_how_far_the_chain_is_read_and_since_when_not_to_its_head() -> None:
    clock, polled = Clock(), Polled(ChainUnreachable("no"), behind(), read_to_the_head())
    async with polling(polled, quiet_s=NEVER_S, clock=clock) as loop:
        await polled.until(1)
        clock.now += 7
        loop.note_head(block(9))
        status = loop.status()
        assert (status.head, status.scanned, status.final, status.lag_s) == (9, None, None, 7)
        assert status.lag_blocks is None
        polled.after = lambda polls: setattr(clock, "now", clock.now + 2)
        polled.calls.call()
        await polled.until(2)
        await many_turns()
        assert polled.polls == 3
        status = loop.status()
        assert (status.scanned, status.final, status.lag_s, status.lag_blocks) == (9, 3, 0, 0)
        clock.now += 11
        assert loop.status().lag_s == 11
