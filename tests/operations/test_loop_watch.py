"""The watch over the event loop, with real threads and real stalls."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import pytest

from minirelay.operations.loop_watch import LoopWatch

TIMEOUT_S = 20.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def stand_still(watch_asks_s: float = 0.3) -> None:
    time.sleep(watch_asks_s)


async def test_a_stall_is_told_when_it_is_over_and_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    watch = LoopWatch(stall_s=0.1, remembered_s=0.2, ask_every_s=0.01)
    with watch.running():
        stand_still()
        await until(lambda: bool(watch.reasons()))
        (reason,) = watch.reasons()
        assert reason.startswith("the event loop stood still for 0 s, until 0 s ago")
        await until(lambda: not watch.reasons())
    events = [one.message for one in caplog.records if one.levelno == logging.ERROR]
    assert events[0] == "the event loop stands still"
    assert "the event loop stood still, and goes on" in events


async def test_the_log_says_where_it_stands_while_it_does(caplog: pytest.LogCaptureFixture) -> None:
    watch = LoopWatch(stall_s=0.1, ask_every_s=0.01)
    with watch.running():
        stand_still()
        await until(lambda: bool(watch.reasons()))
    told = next(one for one in caplog.records if one.message == "the event loop stands still")
    where = str(vars(told)["in"])
    assert "test_loop_watch.py" in where
    assert "stand_still" in where


async def test_a_loop_that_turns_is_never_told_of() -> None:
    watch = LoopWatch(ask_every_s=0.001)
    with watch.running():
        for _ in range(20):
            await asyncio.sleep(0.005)
            assert watch.reasons() == []


async def test_that_the_whole_process_stood_still_is_a_stall_too() -> None:
    # As after SIGSTOP: the thread that measures was late itself.
    at = [0.0]
    watch = LoopWatch(ask_every_s=0.001, clock=lambda: at[0])
    with watch.running():
        await asyncio.sleep(0.05)
        assert watch.reasons() == []
        at[0] = 100.0
        await until(lambda: bool(watch.reasons()))
        assert "for 100 s" in watch.reasons()[0]


async def test_its_thread_ends_with_it() -> None:
    before = threading_names()
    with LoopWatch().running():
        assert "minirelay-loop-watch" in threading_names()
    assert threading_names() == before


def threading_names() -> list[str]:
    return sorted(one.name for one in threading.enumerate())
