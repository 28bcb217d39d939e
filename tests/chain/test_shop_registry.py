"""ShopReg on a real EVM, and through nodes that lie."""

import pytest
from web3 import Web3
from web3.types import TxParams

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.shop_registry import UPDATE_ROOT_HASH, ShopReg
from minirelay.dev.accounts import ACCOUNTS
from tests.chain.nodes import Node, chain_over, error, plain
from tests.chain_fixtures import Contracts

SHOP = 2**255 + 5
OWNER, CLERK, STRANGER = (account.address for account in ACCOUNTS[:3])


def raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


@pytest.fixture
def registry(chain: Chain, contracts: Contracts, w3: Web3) -> ShopReg:
    """Make a registry with one shop, whose clerk may update the root hash and nothing else."""
    shop_reg = contracts.shop_reg.functions
    sender: TxParams = {"from": w3.to_checksum_address(OWNER)}
    for call in (shop_reg.mint(SHOP, OWNER), shop_reg.registerUser(SHOP, CLERK, 1 << UPDATE_ROOT_HASH)):
        assert w3.eth.wait_for_transaction_receipt(call.transact(sender))["status"] == 1
    return ShopReg(chain, raw(contracts.shop_reg.address))


def test_the_permission_is_the_contracts(contracts: Contracts) -> None:
    assert contracts.shop_reg.functions.PERM_updateRootHash().call() == UPDATE_ROOT_HASH


async def test_owners(registry: ShopReg) -> None:
    assert await registry.owner_of(SHOP) == raw(OWNER)


async def test_a_shop_that_does_not_exist(registry: ShopReg) -> None:
    assert await registry.owner_of(SHOP + 1) is None
    assert not await registry.may_update_root_hash(SHOP + 1, raw(OWNER))


async def test_permissions(registry: ShopReg) -> None:
    assert await registry.may_update_root_hash(SHOP, raw(OWNER))
    assert await registry.may_update_root_hash(SHOP, raw(CLERK))
    assert not await registry.may_update_root_hash(SHOP, raw(STRANGER))
    assert await registry.has_permission(SHOP, raw(OWNER), 3)
    assert not await registry.has_permission(SHOP, raw(CLERK), 3)


async def test_relay_tokens(registry: ShopReg, contracts: Contracts, w3: Web3) -> None:
    assert await registry.relay_count(SHOP) == 0
    assert await registry.relay_tokens(SHOP) == ()
    sender: TxParams = {"from": w3.to_checksum_address(OWNER)}
    for token in (7, 2**256 - 1):
        contracts.relay_reg.functions.mint(token, OWNER, "http://relay.example").transact(sender)
        receipt = contracts.shop_reg.functions.addRelay(SHOP, token).transact(sender)
        assert w3.eth.wait_for_transaction_receipt(receipt)["status"] == 1
    assert await registry.relay_count(SHOP) == 2
    assert await registry.relay_tokens(SHOP) == (7, 2**256 - 1)


async def test_a_wrong_address_is_not_a_no(chain: Chain, dev_chain: object) -> None:
    registry = ShopReg(chain, b"\7" * 20)
    with pytest.raises(ChainUnreachable, match="no such contract"):
        await registry.owner_of(SHOP)


@pytest.mark.parametrize(
    "node",
    [
        Node(behaviour=plain("", 500)),
        Node(results={"eth_call": "0x"}),
        Node(results={"eth_call": "0x01"}),
        Node(results={"eth_call": "0x" + "ff" * 32}),
        Node(results={"eth_call": error(-32000, "header not found")}),
        Node(results={"eth_call": None}),
    ],
    ids=range(6),
)
async def test_what_is_no_answer_is_never_a_no(node: Node) -> None:
    async with chain_over(node) as bench:
        registry = ShopReg(bench.chain, b"\7" * 20)
        with pytest.raises(ChainUnreachable):
            await registry.owner_of(1)
        with pytest.raises(ChainUnreachable):
            await registry.may_update_root_hash(1, bytes(20))
        with pytest.raises(ChainUnreachable):
            await registry.relay_tokens(1)
