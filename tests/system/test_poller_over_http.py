"""The poller over real sockets: bodies of 100 MB, hangs, pages for people, 429 with Retry-After (spec 07)."""

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from minirelay.chain.balances import BalanceReader
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths
from minirelay.chain.endpoint import Endpoint, open_http
from minirelay.chain.poller import Poller, Start
from minirelay.errors import MinirelayError
from minirelay.payments.chain_memory import ChainMemory
from minirelay.store.batch import Writable
from minirelay.store.database import Store
from tests.chain.collecting_watch import CollectingWatch
from tests.chain.http_nodes import FAULTS, Fault, HttpNode, served
from tests.chain.model_node import MULTICALL3, ModelNode
from tests.chain.simulated_watch import wanted_logs
from tests.chain.simulated_world import CHAIN_ID, CONTRACT, EVENTS, WANTED_IDS, World

POLLS = 25
FORK = 5
TIMEOUT_S = 0.5


def poller_of(
    world: World, chain: Chain, watch: CollectingWatch, store: Store, balances: BalanceReader
) -> Poller[Writable]:
    """Make a poller in the time of the world."""
    return Poller(
        chain,
        [watch],
        ChainMemory(store),
        balances,
        Depths(FORK + 1),
        lambda: datetime.fromtimestamp(world.now, UTC),
        start=Start(margin=1000),
        clock=lambda: world.now,
    )


async def poll(poller: Poller[Writable]) -> bool:
    """Poll once; returns whether it was of use."""
    try:
        await poller.poll()
    except MinirelayError:
        return False
    return True


def disturb(nodes: list[HttpNode], random: Random) -> None:
    """Let some nodes be broken, each in its way."""
    for node in nodes:
        node.fault = random.choice(FAULTS) if random.random() < 0.4 else None


@pytest.mark.parametrize("seed", range(3))
async def test_all_is_found_over_endpoints_that_break(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    world = World(random, block_s=12, deepest_fork=FORK)
    world.pass_time(12 * 40)
    watch = CollectingWatch(CONTRACT, EVENTS, wants=lambda log: log.topics[1] in WANTED_IDS)
    models = [ModelNode(world.model, f"node {n}") for n in range(2)]
    async with (
        served(models, random) as nodes,
        open_http() as http,
        await Store.open(tmp_path, "normal", 1) as store,
    ):
        endpoints = [Endpoint(http, node.http.url, timeout_s=TIMEOUT_S) for node in nodes]
        chain = Chain(CHAIN_ID, endpoints, clock=lambda: world.now, jitter=lambda: 1.0)
        poller = poller_of(
            world, chain, watch, store, BalanceReader(chain, MULTICALL3, clock=lambda: world.now)
        )
        for _ in range(POLLS):
            world.pass_time(random.choice([4, 12, 60]))
            if random.random() < 0.2:
                world.reorganise(random.randint(1, FORK))
            disturb(nodes, random)
            await poll(poller)
        for node in nodes:
            node.fault = None
        world.settle()
        world.pass_time(600)
        assert [await poll(poller) for _ in range(3)][-1]
    assert set(watch.deep) == set(wanted_logs(world.model.best, 1, world.model.head.number - FORK))
    assert all(sum(node.served.values()) > 0 for node in nodes)


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_the_first_does_the_second_is_polled(fault: Fault, tmp_path: Path) -> None:
    world = World(Random(1), block_s=12, deepest_fork=FORK)
    world.pass_time(12 * 40)
    watch = CollectingWatch(CONTRACT, EVENTS)
    async with (
        served([ModelNode(world.model, f"node {n}") for n in range(2)], Random(1)) as (first, second),
        open_http() as http,
        await Store.open(tmp_path, "normal", 1) as store,
    ):
        first.fault = fault
        endpoints = [Endpoint(http, node.http.url, timeout_s=TIMEOUT_S) for node in (first, second)]
        chain = Chain(CHAIN_ID, endpoints, clock=lambda: world.now, jitter=lambda: 1.0)
        poller = poller_of(world, chain, watch, store, BalanceReader(chain, MULTICALL3))
        result = await poller.poll()
    assert result.marks.scanned == world.model.head.number
    assert set(first.served.values()) == {1}
    assert second.served["answer"] > 1
