"""What commands that run until they are stopped have in common: the event loop, and how signals end it."""

import asyncio
import logging
import signal
from collections.abc import Callable
from importlib.util import find_spec

log = logging.getLogger(__name__)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Use uvloop if it is there (the extra `fast`)."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def stop_on_signals() -> None:
    """End this task, wherever it is, at the first SIGTERM or SIGINT; the second ends the process at once."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def stop(number: signal.Signals) -> None:
        log.info("stopping", extra={"signal": number.name})
        for one in numbers:
            loop.remove_signal_handler(one)
            signal.signal(one, signal.SIG_DFL)
        if task is not None:
            task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, stop, number)
