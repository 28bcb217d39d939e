"""The poller against real chains that are reorganised: the development chain, and Anvil (spec 07 "Heads")."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import aiohttp
import pytest

from minirelay.chain.balances import BalanceReader
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Confirmations, Depths
from minirelay.chain.endpoint import Endpoint, open_http
from minirelay.chain.poller import Poller, Start
from minirelay.config.urls import EndpointUrl
from minirelay.dev.chain.process import DevChain
from minirelay.payments.chain_memory import ChainMemory
from minirelay.store.batch import Writable
from minirelay.store.database import Store
from tests.chain.chain_model import address_of
from tests.chain.collecting_watch import CollectingWatch
from tests.chain.model_node import MULTICALL3
from tests.system.anvil_process import install_anvil, running_anvil
from tests.system.real_chains import EMITTER, EVENT, RealChain

CHAIN_ID = 31337
ROUNDS = 25
HOLDERS = [address_of(("customer", n)) for n in range(5)]


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program."""
    return install_anvil(tmp_path_factory.mktemp("anvil") / "package")


@pytest.fixture(params=["development chain", "anvil"])
def chain_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a fresh chain."""
    if request.param == "anvil":
        with running_anvil(request.getfixturevalue("anvil")) as url:
            yield url
    else:
        with DevChain.start() as chain:
            yield chain.rpc_url


class Life:
    """A poller on a real chain, which forgets all but its store now and then."""

    def __init__(self, real: RealChain, confirmations: Confirmations, directory: Path) -> None:
        self.real = real
        self.watch = CollectingWatch(EMITTER, (EVENT,), HOLDERS)
        self._depths = Depths(confirmations)
        self._directory = directory

    async def poll(self, http: aiohttp.ClientSession, times: int) -> None:
        """Open the store, and poll with what is in it."""
        async with await Store.open(self._directory, "normal", 1) as store:
            poller = self._poller(store, http)
            for _ in range(times):
                await poller.poll()

    async def poll_to_head(self, http: aiohttp.ClientSession) -> None:
        """Poll until all is read and decided."""
        async with await Store.open(self._directory, "normal", 1) as store:
            poller = self._poller(store, http)
            for _ in range(20):
                poll = await poller.poll()
                self.real.mine(1)
            assert poll.marks.scanned == poll.marks.head.number

    def _poller(self, store: Store, http: aiohttp.ClientSession) -> Poller[Writable]:
        chain = Chain(CHAIN_ID, [Endpoint(http, EndpointUrl(self.real.url))])
        return Poller(
            chain,
            [self.watch],
            ChainMemory(store),
            BalanceReader(chain, MULTICALL3),
            self._depths,
            lambda: datetime.now(UTC),
            start=Start(block=0),
        )


@pytest.mark.parametrize("confirmations", [1, 3])
async def test_nothing_is_missed_and_nothing_decided_twice(
    chain_url: str, confirmations: int, tmp_path: Path
) -> None:
    """Forks that are not as deep as the confirmations change nothing of what was decided."""
    real, random = RealChain(chain_url), Random(confirmations)
    life = Life(real, confirmations, tmp_path)
    async with open_http() as http:
        for _ in range(ROUNDS):
            snapshot = real.rpc("evm_snapshot")
            depth = random.randint(0, confirmations - 1)
            for _ in range(depth):
                real.mine_something(random, HOLDERS)
            await life.poll(http, random.randint(1, 2))
            if random.random() < 0.7 and depth:
                assert real.rpc("evm_revert", snapshot) is True
                for _ in range(depth + random.randint(0, 2)):
                    real.mine_something(random, HOLDERS)
                await life.poll(http, 1)
            else:
                real.mine_something(random, HOLDERS)
        await life.poll_to_head(http)
    decided = [log.topics[1] for log in life.watch.deep.values()]
    assert sorted(decided) == sorted(real.topics())
    assert {one for one in HOLDERS if real.balance(one)} == life.watch.rich


async def test_forks_deeper_than_the_confirmations_are_followed(chain_url: str, tmp_path: Path) -> None:
    """What was decided too early stays; what is on the chain in the end was decided too."""
    real, random = RealChain(chain_url), Random(7)
    life = Life(real, 2, tmp_path)
    async with open_http() as http:
        for _ in range(ROUNDS):
            snapshot = real.rpc("evm_snapshot")
            depth = random.randint(1, 5)
            for _ in range(depth):
                real.mine_something(random, [])
            await life.poll(http, 1)
            if random.random() < 0.5:
                assert real.rpc("evm_revert", snapshot) is True
                for _ in range(depth + random.randint(0, 1)):
                    real.mine_something(random, [])
            await life.poll(http, 1)
        await life.poll_to_head(http)
    decided = [log.topics[1] for log in life.watch.deep.values()]
    assert set(real.topics()) <= set(decided)
    assert len(set(decided)) == len(decided)
