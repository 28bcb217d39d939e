"""When the cyclic garbage collector runs, so that no turn of the event loop is a long one because of it.

Everything waits while it goes through the objects that may be garbage, about a microsecond for each on a busy
machine: a full collection of a relay under attack took up to 75 ms, and came several times a second.
"""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

YOUNG_OBJECTS: Final = 5000
"""So many new objects make a young collection, 1 to 3 ms."""

MIDDLE_AFTER: Final = 5
"""So many young collections make one that includes what survived the last ones."""

FULL_AFTER: Final = 40
"""So many of those make a full one: of a relay at rest never, of one under attack every twenty seconds."""

CHECK_S: Final = 1.0

_NEVER: Final = 1_000_000

_pausing = threading.Lock()


@asynccontextmanager
async def seldom_collected() -> AsyncIterator[None]:
    """Collect little at a time while the block runs.

    What is there at its beginning stays until the end, 86,000 objects, and is never gone through. Full
    collections have a callback of the loop to themselves.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, MIDDLE_AFTER, _NEVER)
    collecting = asyncio.create_task(_collect_all_now_and_then())
    try:
        yield
    finally:
        collecting.cancel()
        # Not awaited itself: that we are cancelled meanwhile would look the same.
        await asyncio.wait([collecting])
        gc.set_threshold(*before)
        gc.unfreeze()


async def _collect_all_now_and_then() -> None:
    while True:
        await asyncio.sleep(CHECK_S)
        if gc.get_count()[2] >= FULL_AFTER:
            gc.collect()


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause the collector while the block runs, in any thread.

    For a large set: a million objects that are made at once, and dropped at once, are no cycles. One block at
    a time pauses it: where several follow each other closely, it gets its turn in between.
    """
    if not gc.isenabled() or not _pausing.acquire(blocking=False):
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        _pausing.release()
