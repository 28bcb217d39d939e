"""Bringing a shop into being: which one, what is missing, what it may cost."""

from collections.abc import AsyncIterator

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import open_http
from minirelay.chain.sending import Sender
from minirelay.chain.shop_creation import (
    OtherShops,
    ShopSending,
    WantedShop,
    choose_shop,
    missing_steps,
    numbered_shop,
)
from minirelay.chain.wallet import Wallet
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.dev.registry import WritableShopReg
from minirelay.dev.sending import connect, send_call
from minirelay.errors import ChainError, ConfigError
from tests.chain_fixtures import Contracts

OWNER, OTHER = ACCOUNTS[2], ACCOUNTS[3]
WALLET = Wallet(bytes.fromhex(OWNER.private_key[2:]))
TOKEN = 4711
WANTED = WantedShop(WALLET.address, TOKEN)


@pytest.fixture
async def chain(dev_chain: DevChain) -> AsyncIterator[Chain]:
    async with open_http() as http:
        yield await connect(http, dev_chain.rpc_url)


@pytest.fixture
def registry(chain: Chain, deployment: Deployment) -> WritableShopReg:
    return WritableShopReg(chain, bytes.fromhex(deployment.shop_reg[2:]))


@pytest.fixture
def token(contracts: Contracts) -> int:
    mint = contracts.relay_reg.functions.mint(TOKEN, OTHER.address, "http://relay")
    mint.transact({"from": contracts.relay_reg.w3.to_checksum_address(OTHER.address)})
    return TOKEN


async def test_the_numbers_of_a_wallet_are_its_own_and_always_the_same(registry: WritableShopReg) -> None:
    ids = [numbered_shop(WALLET.key, registry, number) for number in (0, 1, 0)]
    assert ids[0] == ids[2] != ids[1]
    other = Wallet(bytes.fromhex(OTHER.private_key[2:]))
    assert numbered_shop(other.key, registry, 0) != ids[0]


async def test_what_was_begun_is_gone_on_with(registry: WritableShopReg, token: int) -> None:
    def draw(number: int) -> int:
        return 1000 + number

    async def choose(*, another: bool = False) -> int:
        return await choose_shop(registry, WANTED, draw, another=another)

    assert await choose() == 1000
    await registry.mint(1000, OTHER)
    # Another wallet was there first.
    assert await choose() == 1001
    await registry.mint(1001, OWNER)
    assert await choose() == await choose(another=True) == 1001
    await registry.add_relay(1001, token, OWNER)
    assert await choose() == 1001
    assert await choose(another=True) == 1002


async def test_shops_that_were_made_elsewhere_are_told_and_no_other_is_minted(
    registry: WritableShopReg,
) -> None:
    for shop_id in range(2000, 2005):
        await registry.mint(shop_id, OWNER)
    with pytest.raises(OtherShops, match="owns shops already: 2000, 2001, 2002; go on with --shop ID"):
        await choose_shop(registry, WANTED, lambda number: number, another=False)
    assert await choose_shop(registry, WANTED, lambda number: number, another=True) == 0


async def test_only_what_is_missing_is_done(registry: WritableShopReg, token: int) -> None:
    wanted = WantedShop(WALLET.address, token, "ipfs://x")
    steps = await missing_steps(registry, 3000, wanted)
    assert [step.call.function for step in steps] == ["mint", "setTokenURI", "addRelay"]
    sending = ShopSending(Sender(registry.chain, WALLET))
    costs = await sending.price(steps)
    assert len(costs.each) == 3
    for step, most in zip(steps, costs.each, strict=True):
        await sending.send(step, most)
    assert await missing_steps(registry, 3000, wanted) == []
    assert await registry.uri(3000) == "ipfs://x"
    assert await registry.relay_tokens(3000) == (token,)
    changed = await missing_steps(registry, 3000, WantedShop(WALLET.address, token, "ipfs://y"))
    assert [step.call.function for step in changed] == ["setTokenURI"]


async def test_a_shop_of_another_wallet_is_refused(registry: WritableShopReg) -> None:
    await registry.mint(4000, OTHER)
    with pytest.raises(ConfigError, match=f"belongs to {OTHER.address}, not to {OWNER.address}"):
        await missing_steps(registry, 4000, WANTED)


async def test_no_step_costs_more_than_was_agreed_to(registry: WritableShopReg) -> None:
    (mint, _) = await missing_steps(registry, 5000, WANTED)
    sending = ShopSending(Sender(registry.chain, WALLET))
    cost = (await sending.price([mint])).total
    with pytest.raises(ChainError, match="fees have risen meanwhile; run this again to mint the shop"):
        await sending.send(mint, cost // 2)
    assert await registry.owner_of(5000) is None


async def test_a_node_that_is_behind_is_waited_for(registry: WritableShopReg, token: int) -> None:
    mint, listing = await missing_steps(registry, 6000, WANTED)
    slept: list[float] = []

    async def mint_meanwhile(seconds: float) -> None:
        slept.append(seconds)
        await send_call(registry.chain, OWNER, mint.call)

    await ShopSending(Sender(registry.chain, WALLET), mint_meanwhile).send(listing, 10**18)
    assert len(slept) == 1
    assert await registry.relay_tokens(6000) == (token,)
