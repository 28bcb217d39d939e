"""Which event loop everything of ours runs on, and how it shares the interpreter with threads."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final

SWITCH_S: Final = 0.0005
"""So long a thread that computes keeps the interpreter while another one wants it.

A commit takes the interpreter about ten times, after each statement, and a large set is judged in a thread:
with Python's own 5 ms, a commit beside a busy loop took 45 ms where it takes 35 with this (one in ten).
"""


PATIENCE_S: Final = 1.0


async def end_tasks(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks, and wait until they have ended, whatever comes of them.

    Before Python 3.12 it could get lost that a task was cancelled, when something else came at that moment;
    so it is told again.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=PATIENCE_S)
    for task in tasks:
        if not task.cancelled():
            # Taken note of, so that nothing is said of it later.
            task.exception()


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
