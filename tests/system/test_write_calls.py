"""What a write costs on the event loop, in calls of functions: exact, where times are not."""

import asyncio
import sys
from pathlib import Path

from minirelay.bench.session import LoadSession
from minirelay.bench.workload import Author
from tests.relay.house import SHOP, House, listing, running_relay

IN_FLIGHT = 64
WRITES = 20 * IN_FLIGHT
LISTINGS = 100

MOST_CALLS = 590
"""In Python and C, for a write of one patch: the whole of its way, from its frame to its answer."""


async def test_a_write_takes_few_calls_of_functions(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        assert await calls_of_a_write(house) <= MOST_CALLS


async def calls_of_a_write(house: House) -> float:
    """Count what is called on the event loop while a client, in a thread, writes many sets."""
    clerk, key = await house.clerk(), await house.enrol()
    await clerk.write(*(listing(number) for number in range(LISTINGS)[1:]))
    author = Author(key, SHOP, first_listing=1)
    session = await asyncio.to_thread(LoadSession.connect, house.url.removesuffix("/v4/sessions"))
    with session:
        await asyncio.to_thread(session.authenticate, key)
        frames = [
            session.frame_of_write(one) for one in author.price_changes(LISTINGS - 1, WRITES + IN_FLIGHT)
        ]
        # What is made once, by the first writes, is left out.
        await asyncio.to_thread(session.write_all, frames[:IN_FLIGHT], IN_FLIGHT)
        count = 0

        def note(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            await asyncio.to_thread(session.write_all, frames[IN_FLIGHT:], IN_FLIGHT)
        finally:
            sys.setprofile(None)
    return count / WRITES
