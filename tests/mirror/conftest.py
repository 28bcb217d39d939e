"""A relay, and a mirror of its accounts that asks the real development chain."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.chain.endpoint import open_http
from minirelay.dev.chain.process import DevChain
from tests.chain_fixtures import Contracts
from tests.mirror.registry_shop import RegistryShop
from tests.relay.house import running_relay


@pytest.fixture
async def shop(
    dev_chain: DevChain, contracts: Contracts, w3: Web3, tmp_path: Path
) -> AsyncIterator[RegistryShop]:
    """Yield a shop that is in the registry and hosted, with a clerk of its owner's; one confirmation."""
    async with open_http() as http, running_relay(tmp_path) as house:
        yield await RegistryShop.start(house, contracts, w3, dev_chain.rpc_url, http)
