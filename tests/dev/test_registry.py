"""Shops are minted and get their relays as their owners would do it."""

from collections.abc import AsyncIterator

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.errors import ChainUnreachable, Reverted
from minirelay.config.urls import EndpointUrl
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.dev.registry import WritableShopReg
from minirelay.dev.sending import connect
from tests.chain_fixtures import Contracts

SHOP = 2**255 + 7
OWNER = ACCOUNTS[4]


@pytest.fixture
async def registry(dev_chain: DevChain, deployment: Deployment) -> AsyncIterator[WritableShopReg]:
    async with open_http() as http:
        yield WritableShopReg(await connect(http, dev_chain.rpc_url), bytes.fromhex(deployment.shop_reg[2:]))


async def test_a_minted_shop_exists_and_is_its_owners(
    registry: WritableShopReg, contracts: Contracts
) -> None:
    assert await registry.owner_of(SHOP) is None
    await registry.mint(SHOP, OWNER)
    assert await registry.owner_of(SHOP) == bytes.fromhex(OWNER.address[2:])
    assert contracts.shop_reg.functions.ownerOf(SHOP).call() == OWNER.address


async def test_a_shop_lists_the_relays_added(registry: WritableShopReg, contracts: Contracts) -> None:
    await registry.mint(SHOP, OWNER)
    assert await registry.relay_tokens(SHOP) == ()
    contracts.relay_reg.functions.mint(99, OWNER.address, "http://relay").transact({"from": OWNER.address})
    await registry.add_relay(SHOP, 99, OWNER)
    assert await registry.relay_tokens(SHOP) == (99,)


async def test_a_shop_is_minted_only_once(registry: WritableShopReg) -> None:
    await registry.mint(SHOP, OWNER)
    with pytest.raises(Reverted):
        await registry.mint(SHOP, ACCOUNTS[5])


async def test_an_endpoint_that_is_not_there_is_no_answer(deployment: Deployment) -> None:
    async with open_http() as http:
        chain = Chain(31337, http_endpoints([EndpointUrl("http://127.0.0.1:1")], http))
        nowhere = WritableShopReg(chain, bytes.fromhex(deployment.shop_reg[2:]))
        with pytest.raises(ChainUnreachable):
            await nowhere.owner_of(SHOP)
        with pytest.raises(ChainUnreachable):
            await nowhere.mint(SHOP, OWNER)
