"""The pollers of all chains, as they are set up."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from minirelay.chain.block import Block
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths
from minirelay.chain.poll_calls import PollCalls
from minirelay.chain.poll_loop import Pace
from minirelay.chain.poller import Start
from minirelay.config.loading import fixed_layer, load
from minirelay.config.settings import Settings
from minirelay.payments.chain_memory import ChainMemory
from minirelay.payments.polling import PolledChain, Polling
from minirelay.protocol.addresses import MULTICALL_ADDRESS
from minirelay.protocol.json_rpc import Answer, Request
from minirelay.store.database import Store
from tests.chain.chain_model import ChainModel
from tests.chain.model_node import ModelNode

NEVER_S = 600.0


def settings(**fields: object) -> Settings:
    return load(fixed_layer("test", registry_chain=1, **fields))


def polled(chain_id: int, *nodes: ModelNode, interval_s: float = 0.001) -> PolledChain:
    return PolledChain(
        chain=Chain(chain_id, nodes),
        calls=PollCalls(),
        depths=Depths(3),
        pace=Pace(interval_s, interval_s),
        start=Start(0),
        requests=10,
        multicall=None,
    )


class HangingNode(ModelNode):
    """Never answers."""

    async def ask(self, request: Request) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | None]:
        return [await self.ask(requests[0])]


class Heads:
    """Waits for heads. told: chain ids and numbers."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []
        self._changed = asyncio.Event()

    def note(self, chain_id: int, head: Block) -> None:
        self.told.append((chain_id, head.number))
        self._changed.set()

    async def until(self, count: int) -> None:
        while len(self.told) < count:
            self._changed.clear()
            await self._changed.wait()


def now() -> datetime:
    return datetime.now(UTC)


def test_what_is_set_for_a_chain_is_how_it_is_polled() -> None:
    chain = Chain(137, [])
    plain = PolledChain.of(settings(), chain)
    assert (plain.depths, plain.pace, plain.start) == (Depths(32), Pace(4.0, 30.0), Start(None, 128))
    assert (plain.requests, plain.multicall) == (10, MULTICALL_ADDRESS)
    one = PolledChain.of(
        settings(
            chains__137__confirmations="finalized",
            chains__137__poll_interval="7s",
            chains__137__poll_requests=20,
            chains__137__start_block=5,
            chains__137__start_margin=6,
            chains__137__multicall="0x" + "11" * 20,
        ),
        chain,
    )
    assert (one.depths, one.pace, one.start) == (Depths("finalized"), Pace(7.0, 30.0), Start(5, 6))
    assert (one.requests, one.multicall) == (20, b"\x11" * 20)


def test_the_registry_chain_is_always_polled_at_its_pace() -> None:
    assert PolledChain.of(settings(), Chain(1, [])).pace == Pace(4.0, 4.0)


def test_on_a_development_chain_multicall_is_not_used() -> None:
    one = PolledChain.of(settings(development=True), Chain(31337, []))
    assert (one.depths, one.multicall) == (Depths(1, is_development=True), None)
    assert one.pace == Pace(0.5, 30.0)


async def test_each_chain_is_polled_whatever_becomes_of_another(tmp_path: Path) -> None:
    heads, model = Heads(), ChainModel(5)
    model.mine()
    hangs, works = HangingNode(ChainModel(7)), ModelNode(model)
    async with await Store.open(tmp_path) as store:
        polling = Polling(
            [polled(7, hangs), polled(5, works)], ChainMemory(store), lambda _chain: [], now, heads.note
        )
        async with polling.running():
            await heads.until(3)
            model.mine()
            await heads.until(6)
        stuck, read = polling.statuses()
        assert heads.told[0] == (5, 1)
        assert heads.told[-1] == (5, 2)
        assert (stuck.chain_id, stuck.head, stuck.scanned) == (7, None, None)
        assert (read.chain_id, read.head) == (5, 2)
        progress = await ChainMemory(store).load(5)
    assert progress is not None
    assert progress.history.blocks[0].number == 0


async def test_stopping_ends_what_hangs(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        one = polled(7, HangingNode(ChainModel(7)))
        polling = Polling([one], ChainMemory(store), lambda _chain: [], now, Heads().note)
        async with polling.running():
            await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
