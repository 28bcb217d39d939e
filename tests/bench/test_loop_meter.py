"""Turns of the event loop that take long are seen."""

import asyncio
import time

from minirelay.bench.loop_meter import LoopMeter


async def test_the_longest_turn_is_told() -> None:
    async with LoopMeter() as meter:
        await asyncio.sleep(0.01)
        for seconds in (0.05, 0.2, 0.01):
            time.sleep(seconds)  # noqa: ASYNC251 (to hold the loop is what is measured)
            await asyncio.sleep(0.005)
    assert 0.15 <= meter.longest_s < 5


async def test_the_last_turn_counts() -> None:
    async with LoopMeter() as meter:
        await asyncio.sleep(0.01)
        time.sleep(0.2)  # noqa: ASYNC251 (to hold the loop is what is measured)
    assert meter.longest_s >= 0.15
