"""ShopReg on a real EVM, and through nodes that lie."""

from typing import Any

import pytest
from aiohttp import web
from web3 import Web3
from web3.types import TxParams

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable, Reverted, WrongContract
from minirelay.chain.shop_registry import ShopReg
from minirelay.dev.accounts import ACCOUNTS
from minirelay.protocol import abi
from minirelay.protocol.abi import Function
from minirelay.protocol.block_id import BlockId, read_block_id
from minirelay.protocol.registries import MAX_RELAYS, UPDATE_ROOT_HASH
from tests.chain.nodes import CHAIN_ID, Node, chain_over, error, plain, said
from tests.chain_fixtures import Contracts, rpc

SHOP = 2**255 + 5
GET_RELAY_COUNT = "0x" + Function("getRelayCount", ("uint256",)).selector.hex()
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


async def test_root_hashes_are_taken_of_relays_that_are_listed_and_of_wallets_that_may(
    registry: ShopReg, contracts: Contracts, w3: Web3
) -> None:
    takes = registry.takes_root_hashes
    assert not await takes(SHOP, 7, raw(STRANGER))
    assert await takes(SHOP, 7, raw(CLERK))
    assert not await takes(SHOP + 1, 7, raw(CLERK))
    sender: TxParams = {"from": w3.to_checksum_address(OWNER)}
    contracts.relay_reg.functions.mint(7, STRANGER, "http://relay.example").transact(sender)
    contracts.shop_reg.functions.addRelay(SHOP, 7).transact(sender)
    assert await takes(SHOP, 7, raw(STRANGER))
    assert not await takes(SHOP, 8, raw(STRANGER))


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


def answering(count: int, words: int) -> Node:
    """Make a node on which a shop lists so many relays, and which answers that many words when asked."""
    answered = [32, words, *range(words)]

    async def call(_request: web.Request, question: Any) -> web.StreamResponse:
        is_count = question["params"][0]["data"].startswith(GET_RELAY_COUNT)
        return said(
            question, result="0x" + "".join(f"{word:064x}" for word in ([count] if is_count else answered))
        )

    return Node(results={"eth_call": call})


async def test_as_many_relays_as_are_looked_at() -> None:
    async with chain_over(answering(MAX_RELAYS, MAX_RELAYS)) as bench:
        assert await ShopReg(bench.chain, b"\7" * 20).relay_tokens(1) == tuple(range(MAX_RELAYS))


async def test_a_shop_that_lists_more_relays_lists_none_and_the_endpoint_is_not_to_blame() -> None:
    node = answering(MAX_RELAYS + 1, MAX_RELAYS + 1)
    async with chain_over(node) as bench:
        registry = ShopReg(bench.chain, b"\7" * 20)
        for _ in range(3):
            assert await registry.relay_tokens(1) == ()
    assert node.asked == ["eth_chainId", *["eth_call"] * 3]


async def test_a_list_that_is_longer_than_its_count_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def decode(_types: object, data: bytes) -> list[int]:
        decoded.append(len(data))
        return [1]

    monkeypatch.setattr(abi, "decode", decode)
    async with chain_over(answering(1, 250_000)) as bench:
        with pytest.raises(ChainUnreachable, match="longer than"):
            await ShopReg(bench.chain, b"\7" * 20).relay_tokens(1)
    assert decoded == [32]


async def test_a_wrong_address_is_not_a_no(chain: Chain, dev_chain: object) -> None:
    registry = ShopReg(chain, b"\7" * 20)
    with pytest.raises(ChainUnreachable, match="no such contract"):
        await registry.owner_of(SHOP)


async def test_another_contract_is_not_a_no(chain: Chain, contracts: Contracts) -> None:
    """ShopReg's address is RelayReg's, which knows no shop and no permission."""
    registry = ShopReg(chain, raw(contracts.relay_reg.address))
    words = rf"chains\.{CHAIN_ID}\.shop_reg: the contract at {contracts.relay_reg.address} .* is no ShopReg"
    with pytest.raises(WrongContract, match=words):
        await registry.prove()
    with pytest.raises(WrongContract, match=words):
        await registry.owner_of(SHOP)
    with pytest.raises(WrongContract, match=words):
        await registry.may_update_root_hash(SHOP, raw(OWNER))
    with pytest.raises(Reverted, match=rf"ShopReg at {contracts.relay_reg.address} \(chains.*getRelayCount"):
        await registry.relay_tokens(SHOP)


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


async def test_who_may_act_can_be_asked_together_at_a_block(
    registry: ShopReg, chain: Chain, contracts: Contracts, w3: Web3
) -> None:
    sender: TxParams = {"from": w3.to_checksum_address(OWNER)}
    before = read_block_id(rpc(w3, "eth_getBlockByNumber", "latest", False))
    contracts.shop_reg.functions.registerUser(SHOP, STRANGER, 1 << UPDATE_ROOT_HASH).transact(sender)
    asked = [(SHOP, OWNER), (SHOP, STRANGER), (SHOP + 1, OWNER)]

    async def answers(block: BlockId | None) -> list[bool | None]:
        questions = [registry.may_act(shop, raw(user), is_latest=block is None) for shop, user in asked]
        found = await chain.request_many(questions, block)
        return [None if isinstance(one, Reverted) else one for one in found]

    assert await answers(before) == [True, False, None]
    assert await answers(None) == [True, True, None]
