"""Which event loop everything of ours runs on, and how it shares the interpreter with threads."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

SWITCH_S: Final = 0.0005
"""So long a thread that computes keeps the interpreter while another one wants it.

A commit takes the interpreter about ten times, after each statement, and a large set is judged in a thread:
with Python's own 5 ms, a commit beside a busy loop took 45 ms where it takes 35 with this (one in ten).
"""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Use uvloop if it is there (the extra `fast`)."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


@contextmanager
def serving_runner() -> Iterator[asyncio.Runner]:
    """Run what serves clients: on our loop, with threads that take short turns."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            yield runner
    finally:
        sys.setswitchinterval(before)
