"""Heads, read in the background: at which pace, and from nodes that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from minirelay.chain.chain import Chain
from minirelay.payments.heads import (
    DEVELOPMENT_INTERVAL_S,
    MOST_AHEAD_S,
    POLL_INTERVAL_S,
    QUIET_INTERVAL_S,
    HeadReader,
)
from minirelay.shop.checkout_facts import ChainHead
from tests.chain.nodes import CHAIN_ID, Node, chain_over, said

NOW = 1_800_000_000
NEVER_S = 600.0


def now() -> datetime:
    return datetime.fromtimestamp(NOW, UTC)


def block(number: int = 5, timestamp: int = NOW - 3) -> dict[str, str]:
    return {"number": hex(number), "timestamp": hex(timestamp)}


class Heads:
    """What was told, and how to wait for it."""

    def __init__(self) -> None:
        self.told: list[tuple[int, ChainHead]] = []
        self.at_fourth: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()

    def tell(self, chain_id: int, head: ChainHead) -> None:
        self.told.append((chain_id, head))
        if len(self.told) == 4:
            self.at_fourth()
        self._changed.set()

    async def until(self, count: int) -> None:
        while len(self.told) < count:
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def reading(
    chain: Chain,
    heads: Heads,
    *,
    is_development: bool = False,
    interval_s: float = 0.01,
    quiet_s: float = NEVER_S,
) -> AsyncIterator[HeadReader]:
    reader = HeadReader(
        chain, heads.tell, now, is_development=is_development, interval_s=interval_s, quiet_interval_s=quiet_s
    )
    task = asyncio.create_task(reader.run())
    yield reader
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def ask_something_else(chain: Chain) -> None:
    """Take longer than many of the short intervals of these tests."""
    for _ in range(30):
        await chain.quantity("eth_chainId")


def test_the_paces_are_the_specs() -> None:
    assert (POLL_INTERVAL_S, DEVELOPMENT_INTERVAL_S, QUIET_INTERVAL_S) == (4.0, 0.5, 30.0)


async def test_the_head_of_the_development_chain_is_read(chain: Chain) -> None:
    heads = Heads()
    async with reading(chain, heads, is_development=True):
        await heads.until(1)
    (chain_id, head), *_ = heads.told
    assert chain_id == CHAIN_ID
    assert head.number == await chain.quantity("eth_blockNumber")
    assert (head.read_at, head.is_development) == (NOW, True)


async def test_a_chain_is_read_once_at_the_start_then_quietly_until_it_is_needed() -> None:
    node, heads = Node(results={"eth_getBlockByNumber": block()}), Heads()
    async with chain_over(node) as bench, reading(bench.chain, heads, interval_s=0.001) as reader:
        await heads.until(1)
        await ask_something_else(bench.chain)
        assert len(heads.told) == 1
        # Between two reads, so that none is on its way.
        heads.at_fourth = lambda: reader.need(False)
        reader.need(True)
        await heads.until(4)
        await ask_something_else(bench.chain)
        assert len(heads.told) == 4
    assert heads.told[0] == (CHAIN_ID, ChainHead(5, NOW - 3, NOW))


async def test_a_write_that_waits_makes_it_read_at_once() -> None:
    node, heads = Node(results={"eth_getBlockByNumber": block()}), Heads()
    async with chain_over(node) as bench, reading(bench.chain, heads, interval_s=NEVER_S) as reader:
        await heads.until(1)
        reader.begin_waiting()
        await heads.until(2)
        reader.end_waiting()


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        {},
        {"number": "0x1"},
        {"number": 1, "timestamp": 1},
        block(2**41),
        block(5, NOW + MOST_AHEAD_S + 1),
        block(5, 2**255),
    ],
)
async def test_what_is_no_block_is_a_failure_of_the_endpoint(bad: Any) -> None:
    first, second = (Node(results={"eth_getBlockByNumber": one}) for one in (bad, block(6)))
    heads = Heads()
    async with chain_over(first, second) as bench, reading(bench.chain, heads):
        await heads.until(1)
    assert heads.told[0][1].number == 6


async def test_a_development_chain_may_be_in_another_time() -> None:
    heads, later = Heads(), NOW + 10 * MOST_AHEAD_S
    node = Node(results={"eth_getBlockByNumber": block(5, later)})
    async with chain_over(node) as bench, reading(bench.chain, heads, is_development=True):
        await heads.until(1)
    assert heads.told[0][1].timestamp == later


async def test_a_chain_that_could_not_be_read_is_read_again() -> None:
    heads, answers = Heads(), iter([None, None, block(9)])

    async def answer(_request: Any, question: Any) -> Any:
        return said(question, result=next(answers, block(9)))

    node = Node(results={"eth_getBlockByNumber": answer})
    async with chain_over(node) as bench, reading(bench.chain, heads) as reader:
        reader.need(True)
        for _ in range(3):
            # No endpoint rests for so long.
            bench.clock.now += 200
            await ask_something_else(bench.chain)
        await heads.until(1)
    assert heads.told[0][1].number == 9
