"""What a session made the relay hold is gone with it, at once: nothing of it waits for the garbage collector.

Sessions come and go as often as strangers like. What each left in a cycle made full collections of a relay
under attack take 0.3 s, and hold its pages of the log until then.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minirelay.protocol import envelope as wire
from tests.raw_client import Line, RawClient, Refused, Spec
from tests.relay.house import SHOP, House, listing, order, running_relay

SUBSCRIPTIONS = 8
SETS = 40


@contextmanager
def garbage() -> Iterator[Counter[str]]:
    """Count, by type, the relay's objects that the block leaves to the collector."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        found.update(
            type(one).__qualname__ for one in gc.garbage if type(one).__module__.startswith("minirelay")
        )
        found.update(
            one.f_code.co_qualname
            for one in gc.garbage
            if hasattr(one, "f_code") and "minirelay" in one.f_code.co_filename
        )
        gc.garbage.clear()
    finally:
        gc.set_debug(0)
        gc.enable()


async def subscribe_and_leave(line: Line) -> None:
    """Ask for the whole log many times, read little, and go."""
    for number in range(SUBSCRIPTIONS):
        await line.start(wire.SubscriptionRequest(line.shop_id.to_bytes(32)), 100 + number)
    # The first reads its page, the others wait for their turn.
    await line.read_until(lambda: not line.pushes.empty())
    line.connection.lost()
    for _ in range(20):
        await asyncio.sleep(0.001)


async def write_what_is_refused(line: Line) -> None:
    """Write what is refused by decoding, by its header, by a rule; and something that is good."""
    missing: Spec = ("remove", ("Listings", 99), None)
    for patches in ([missing], [listing(1)], [order(5), order(5)]):
        with pytest.raises(Refused):
            await line.write(*patches)
    with pytest.raises(Refused):
        await line.ask(wire.PatchSetWriteRequest(b"\xff"))


async def fill(house: House) -> RawClient:
    clerk = await house.clerk()
    await clerk.write(listing(1))
    for number in range(SETS):
        await clerk.write(listing(2 + number, Metadata={"Title": "t", "Description": "x" * 20_000}))
    return clerk


async def test_a_session_that_ends_in_the_midst_leaves_nothing(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        await fill(house)
        house.forget_recent_sets()
        line = await house.line(shop_id=SHOP)
        line.acknowledges = False
        with garbage() as found:
            await subscribe_and_leave(line)
        assert not found


async def test_refused_writes_leave_nothing(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        await fill(house)
        line = await house.line(await house.enrol())
        with garbage() as found:
            await write_what_is_refused(line)
        assert not found
