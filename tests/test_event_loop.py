"""The event loop that everything runs on."""

import sys
from importlib.util import find_spec

import pytest

from minirelay.event_loop import SWITCH_S, loop_factory, serving_runner


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
