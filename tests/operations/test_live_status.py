"""How the relay is, told as it happens, made once for all and only while somebody follows."""

import asyncio
from typing import Any

import pytest

from minirelay.operations.live_status import LiveStatus, TooManyStreams
from tests.relay.house import until


class Counting:
    def __init__(self) -> None:
        self.made = 0

    async def __call__(self) -> dict[str, Any]:
        self.made += 1
        if self.made == 1:
            raise ZeroDivisionError
        return {"n": self.made}


async def test_all_get_the_same_document_and_a_bug_ends_nothing() -> None:
    counting = Counting()
    live = LiveStatus(counting, 2, every_s=0.001)
    async with live.followed() as one, live.followed() as other:
        first, second = await one.get(), await other.get()
        assert first == second == '{"n": 2}'
        assert live.follower_count == 2
        with pytest.raises(TooManyStreams):
            async with live.followed():
                pass
    await until(lambda: live.follower_count == 0)
    await live.close()


async def test_nothing_is_made_while_nobody_follows() -> None:
    counting = Counting()
    live = LiveStatus(counting, 2, every_s=0.001)
    async with live.followed() as queue:
        await queue.get()
    made = counting.made
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert counting.made <= made + 1
    async with live.followed() as queue:
        assert await queue.get() is not None
    await live.close()


async def test_who_is_slow_gets_the_latest_and_in_the_end_the_end() -> None:
    counting = Counting()
    live = LiveStatus(counting, 2, every_s=0.001)
    async with live.followed() as queue:
        await until(lambda: counting.made > 5)
        assert await queue.get() != '{"n": 2}'
        await live.close()
        assert await queue.get() is None
        with pytest.raises(TooManyStreams):
            async with live.followed():
                pass
