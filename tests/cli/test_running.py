"""How commands run until they are stopped."""

import asyncio
import os
import signal
from importlib.util import find_spec

import pytest

from minirelay.cli.running import loop_factory, stop_on_signals


def test_uvloop_is_used_where_it_is_installed() -> None:
    make = loop_factory()
    assert (make is None) == (find_spec("uvloop") is None)
    if make is not None:
        loop = make()
        assert "uvloop" in type(loop).__module__
        loop.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_the_task_in_order(number: signal.Signals) -> None:
    ended: list[str] = []

    async def serve() -> None:
        stop_on_signals()
        os.kill(os.getpid(), number)
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 20)
        except asyncio.CancelledError:
            # the second one would end the process at once
            ended.append(str(signal.getsignal(number)))
            raise

    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        with asyncio.Runner() as runner, pytest.raises(asyncio.CancelledError):
            runner.run(serve())
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert ended == [str(signal.SIG_DFL)]
