"""Which event loop everything of ours runs on."""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Use uvloop if it is there (the extra `fast`)."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop
