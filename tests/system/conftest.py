"""What tests of a whole relay may ask for: orders that customers pay, on each variant of the contract."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS
from tests.system.paid_orders import PaidOrders, paid_orders


@pytest.fixture
def make_orders(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, contracts: Contracts, w3: Web3
) -> Callable[[str], PaidOrders]:
    """Return what makes orders with the contract in a variant; their relay is not started."""

    def make(variant: str) -> PaidOrders:
        return paid_orders(tmp_path / "data", dev_chain, deployment, contracts, w3, variant)

    return make


@pytest.fixture(params=VARIANTS)
def orders(make_orders: Callable[[str], PaidOrders], request: pytest.FixtureRequest) -> PaidOrders:
    """Return orders with the contract in each variant; their relay is not started."""
    return make_orders(request.param)


@pytest.fixture
async def shop(orders: PaidOrders) -> AsyncIterator[PaidOrders]:
    """Yield them while their relay runs."""
    async with orders.relay():
        yield orders


@pytest.fixture
async def deployed(make_orders: Callable[[str], PaidOrders]) -> AsyncIterator[PaidOrders]:
    """Yield orders with the contract as it is on public chains, which can be deceived; their relay runs."""
    async with make_orders("deployed").relay_of() as made:
        yield made
