"""Shops are minted and get their relays as their owners would do it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.dev.registry import ShopRegistry
from minirelay.dev.rpc import Rpc
from minirelay.errors import ChainError
from tests.chain_fixtures import Contracts

SHOP = 2**255 + 7
OWNER = ACCOUNTS[4]


@pytest.fixture
async def registry(dev_chain: DevChain, deployment: Deployment) -> AsyncIterator[ShopRegistry]:
    async with ClientSession() as http:
        yield ShopRegistry(Rpc(http, dev_chain.rpc_url), deployment.shop_reg)


async def test_a_minted_shop_exists_and_is_its_owners(registry: ShopRegistry, contracts: Contracts) -> None:
    assert not await registry.exists(SHOP)
    await registry.mint(SHOP, OWNER)
    assert await registry.exists(SHOP)
    assert contracts.shop_reg.functions.ownerOf(SHOP).call() == OWNER.address


async def test_a_shop_lists_the_relays_that_were_added(registry: ShopRegistry, contracts: Contracts) -> None:
    await registry.mint(SHOP, OWNER)
    assert await registry.relays_of(SHOP) == ()
    contracts.relay_reg.functions.mint(99, OWNER.address, "http://relay").transact({"from": OWNER.address})
    await registry.add_relay(SHOP, 99, OWNER)
    assert await registry.relays_of(SHOP) == (99,)


async def test_a_shop_is_minted_only_once(registry: ShopRegistry) -> None:
    await registry.mint(SHOP, OWNER)
    with pytest.raises(ChainError):
        await registry.mint(SHOP, ACCOUNTS[5])


async def test_an_endpoint_that_is_not_there_is_no_answer(deployment: Deployment) -> None:
    async with ClientSession() as http:
        nowhere = ShopRegistry(Rpc(http, "http://127.0.0.1:1"), deployment.shop_reg)
        with pytest.raises(ChainError):
            await nowhere.exists(SHOP)
