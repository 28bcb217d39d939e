"""The event loop that everything runs on."""

import asyncio
import sys
from importlib.util import find_spec

import pytest

from minirelay import event_loop
from minirelay.event_loop import SWITCH_S, end_tasks, loop_factory, serving_runner


def test_uvloop_is_used_where_it_is_installed() -> None:
    make = loop_factory()
    assert (make is None) == (find_spec("uvloop") is None)
    if make is not None:
        loop = make()
        assert "uvloop" in type(loop).__module__
        loop.close()


def test_threads_take_short_turns_while_it_serves() -> None:
    async def interval() -> float:
        return sys.getswitchinterval()

    before = sys.getswitchinterval()
    with serving_runner() as runner:
        assert runner.run(interval()) == pytest.approx(SWITCH_S)
    assert sys.getswitchinterval() == before


async def test_a_task_that_loses_that_it_was_cancelled_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "PATIENCE_S", 0.01)
    lost = 0

    async def forgetful() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost == 3:
                    raise

    async def failing() -> None:
        raise OSError

    tasks = [asyncio.create_task(forgetful()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    await end_tasks(*tasks)
    assert lost == 3
    assert all(task.done() for task in tasks)
    await end_tasks()
