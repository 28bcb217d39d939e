"""A development chain for the tests: one process for all of them, put back after each.

A conftest takes these in with `pytest_plugins = ["tests.chain_fixtures"]`, at the root of the tests.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import requests
from web3 import Web3
from web3.contract import Contract
from web3.types import RPCEndpoint

from minirelay.chain.endpoint import open_http
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment, deploy_contracts
from minirelay.dev.sending import connect as connect_chain
from minirelay.protocol.abi import load_abi


@pytest.fixture(scope="session")
def running_chain() -> Iterator[DevChain]:
    """Yield the one chain of this session. What a test changes, stays: ask for `dev_chain`."""
    with DevChain.start() as chain:
        yield chain


@pytest.fixture(scope="session")
def deployment(running_chain: DevChain) -> Deployment:
    """Return the contracts' addresses on it."""

    async def deploy() -> Deployment:
        async with open_http() as http:
            return await deploy_contracts(await connect_chain(http, running_chain.rpc_url))

    # In a thread: the test that asks first may have an event loop here already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, deploy()).result()


@pytest.fixture(scope="session")
def connection(running_chain: DevChain) -> Web3:
    """Return web3, connected to that chain."""
    return connect(running_chain)


@pytest.fixture
def dev_chain(running_chain: DevChain, connection: Web3, deployment: Deployment) -> Iterator[DevChain]:
    """Yield the chain with the contracts; afterwards its blocks and its clock are what they were."""
    snapshot = rpc(connection, "evm_snapshot")
    yield running_chain
    assert rpc(connection, "evm_revert", snapshot) is True


@pytest.fixture
def w3(dev_chain: DevChain, connection: Web3) -> Web3:
    """Return web3, connected to the chain, which is put back afterwards."""
    return connection


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts, ready to be called."""

    shop_reg: Contract
    relay_reg: Contract
    payments: Contract
    eddies: Contract
    permit2: Contract


@pytest.fixture(scope="session")
def contract_objects(connection: Web3, deployment: Deployment) -> Contracts:
    """Return web3's objects for the contracts, which take long to make."""

    def at(address: str, name: str) -> Contract:
        checksummed = connection.to_checksum_address(address)
        return connection.eth.contract(address=checksummed, abi=load_abi(name).entries)

    return Contracts(
        shop_reg=at(deployment.shop_reg, "ShopReg"),
        relay_reg=at(deployment.relay_reg, "RelayReg"),
        payments=at(deployment.payments, "PaymentsByAddress"),
        eddies=at(deployment.eddies, "Eddies"),
        permit2=at(deployment.permit2, "Permit2"),
    )


@pytest.fixture
def contracts(dev_chain: DevChain, contract_objects: Contracts) -> Contracts:
    """Return the contracts, on the chain that is put back afterwards."""
    return contract_objects


def connect(chain: DevChain) -> Web3:
    """Connect web3 to a chain."""
    session = requests.Session()
    # No proxy stands between a test and its own machine.
    session.trust_env = False
    provider = Web3.HTTPProvider(
        chain.rpc_url,
        session=session,
        # web3 asks for it before every call.
        cache_allowed_requests=True,
        cacheable_requests={RPCEndpoint("eth_chainId")},
    )
    return Web3(provider)


def rpc(w3: Web3, method: str, *params: object) -> object:
    """Call any JSON-RPC method; the test fails if it gives an error."""
    answer = w3.provider.make_request(RPCEndpoint(method), list(params))
    assert "error" not in answer, answer
    return answer["result"]
