import pytest
from eth_typing import ChecksumAddress
from web3.exceptions import ContractPanicError

from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import (
    CLERK,
    NOBODY,
    OWNER,
    RELAY,
    STRANGER,
    call,
    events,
    refusing,
    reverting,
    send,
)

SHOP = 2**256 - 5
RELAY_ID = 77
UPDATE_ROOT_HASH, ADD_RELAY, REMOVE_RELAY, REPLACE_RELAY = 2, 3, 4, 5
HASH = bytes(range(32))


@pytest.fixture
def shop(contracts: Contracts) -> Contracts:
    send(contracts.shop_reg.functions.mint(SHOP, OWNER), STRANGER)
    return contracts


def add_relays(contracts: Contracts, *ids: int) -> None:
    for relay_id in ids:
        send(contracts.shop_reg.functions.addRelay(SHOP, relay_id), OWNER)


def test_it_knows_the_relay_register(contracts: Contracts) -> None:
    assert call(contracts.shop_reg.functions.relayReg()) == contracts.relay_reg.address


# Tokens


def test_anyone_mints_a_free_id(contracts: Contracts) -> None:
    reg = contracts.shop_reg
    receipt = send(reg.functions.mint(SHOP, OWNER), STRANGER)
    assert call(reg.functions.ownerOf(SHOP)) == OWNER
    assert events(reg, "Transfer", receipt) == [{"from": NOBODY, "to": OWNER, "tokenId": SHOP}]
    assert len(receipt["logs"]) == 1, "no UserAdded"
    with reverting("ERC721InvalidSender(address)", NOBODY):
        call(reg.functions.mint(SHOP, STRANGER))


def test_minting_is_safe(contracts: Contracts) -> None:
    with reverting("ERC721InvalidReceiver(address)", contracts.eddies.address):
        call(contracts.shop_reg.functions.mint(SHOP, contracts.eddies.address))


def test_shops_are_enumerable(shop: Contracts) -> None:
    reg = shop.shop_reg
    send(reg.functions.mint(3, OWNER), STRANGER)
    assert call(reg.functions.totalSupply()) == 2
    assert [call(reg.functions.tokenByIndex(i)) for i in range(2)] == [SHOP, 3]
    assert [call(reg.functions.tokenOfOwnerByIndex(OWNER, i)) for i in range(2)] == [SHOP, 3]
    assert call(reg.functions.balanceOf(OWNER)) == 2
    assert call(reg.functions.supportsInterface(bytes.fromhex("780e9d63")))


def test_owner_sets_the_uri(shop: Contracts) -> None:
    reg = shop.shop_reg
    send(reg.functions.setTokenURI(SHOP, "https://shop.example"), OWNER)
    assert call(reg.functions.tokenURI(SHOP)) == "https://shop.example"


def test_only_the_owner_sets_the_uri(shop: Contracts) -> None:
    send(shop.shop_reg.functions.registerUser(SHOP, CLERK, 0x1FF), OWNER)
    for sender in (CLERK, STRANGER):
        with refusing("NOT_AUTHORIZED"):
            call(shop.shop_reg.functions.setTokenURI(SHOP, "x"), sender)
    with refusing("NOT_AUTHORIZED"):
        call(shop.shop_reg.functions.setTokenURI(SHOP + 1, "x"), OWNER)


# Root hashes


def test_root_hash_and_nonce_start_at_zero(shop: Contracts) -> None:
    assert call(shop.shop_reg.functions.rootHashes(SHOP)) == bytes(32)
    assert call(shop.shop_reg.functions.nonce(SHOP)) == 0


@pytest.mark.parametrize("sender", [OWNER, CLERK, RELAY])
def test_root_hash_is_updated_by(shop: Contracts, sender: ChecksumAddress) -> None:
    reg = shop.shop_reg
    send(reg.functions.registerUser(SHOP, CLERK, 1 << UPDATE_ROOT_HASH), OWNER)
    send(shop.relay_reg.functions.mint(RELAY_ID, RELAY, ""), STRANGER)
    send(shop.relay_reg.functions.mint(5, STRANGER, ""), STRANGER)
    # Neither a relay that nobody minted nor somebody else's is in the way of the one behind them.
    add_relays(shop, 666, 5, RELAY_ID)
    send(reg.functions.updateRootHash(SHOP, HASH, 2**64 - 1), sender)
    assert call(reg.functions.rootHashes(SHOP)) == HASH
    assert call(reg.functions.nonce(SHOP)) == 2**64 - 1


def test_root_hash_is_not_updated_by_others(shop: Contracts) -> None:
    reg = shop.shop_reg
    send(shop.relay_reg.functions.mint(RELAY_ID, RELAY, ""), STRANGER)
    send(reg.functions.registerUser(SHOP, CLERK, 0x1FF & ~(1 << UPDATE_ROOT_HASH)), OWNER)
    for sender in (STRANGER, CLERK, RELAY):
        with reverting("NotAuthorized(uint8)", UPDATE_ROOT_HASH):
            call(reg.functions.updateRootHash(SHOP, HASH, 1), sender)


def test_relay_that_was_removed_updates_no_more(shop: Contracts) -> None:
    send(shop.relay_reg.functions.mint(RELAY_ID, RELAY, ""), STRANGER)
    add_relays(shop, RELAY_ID)
    send(shop.shop_reg.functions.removeRelay(SHOP, 0), OWNER)
    with reverting("NotAuthorized(uint8)", UPDATE_ROOT_HASH):
        call(shop.shop_reg.functions.updateRootHash(SHOP, HASH, 1), RELAY)


def test_nonce_must_grow(shop: Contracts) -> None:
    reg = shop.shop_reg
    send(reg.functions.updateRootHash(SHOP, HASH, 5), OWNER)
    for nonce in (5, 4, 0):
        with reverting("InvalidNonce(uint64,uint64)", 5, nonce):
            call(reg.functions.updateRootHash(SHOP, HASH, nonce), OWNER)
    send(reg.functions.updateRootHash(SHOP, bytes(32), 6), OWNER)
    assert call(reg.functions.rootHashes(SHOP)) == bytes(32)


def test_unknown_shop_has_no_root_hash_to_update(contracts: Contracts) -> None:
    with reverting("ERC721NonexistentToken(uint256)", 9):
        call(contracts.shop_reg.functions.updateRootHash(9, HASH, 1), OWNER)


# Relays


def test_relays_are_added_in_order(shop: Contracts) -> None:
    add_relays(shop, 10, 11)
    reg = shop.shop_reg.functions
    assert call(reg.getRelayCount(SHOP)) == 2
    assert call(reg.getAllRelays(SHOP)) == [10, 11]
    assert call(reg.relays(SHOP, 1)) == 11


def test_relay_is_replaced(shop: Contracts) -> None:
    add_relays(shop, 10, 11, 12)
    send(shop.shop_reg.functions.replaceRelay(SHOP, 1, 99), OWNER)
    assert call(shop.shop_reg.functions.getAllRelays(SHOP)) == [10, 99, 12]


@pytest.mark.parametrize(("index", "left"), [(0, [12, 11]), (1, [10, 12]), (2, [10, 11])])
def test_last_relay_takes_the_place_of_a_removed_one(shop: Contracts, index: int, left: list[int]) -> None:
    add_relays(shop, 10, 11, 12)
    send(shop.shop_reg.functions.removeRelay(SHOP, index), OWNER)
    assert call(shop.shop_reg.functions.getAllRelays(SHOP)) == left
    assert call(shop.shop_reg.functions.getRelayCount(SHOP)) == 2


def test_relay_indexes_out_of_range(shop: Contracts) -> None:
    reg = shop.shop_reg.functions
    for function in (reg.removeRelay(SHOP, 0), reg.replaceRelay(SHOP, 0, 5)):
        with pytest.raises(ContractPanicError):
            call(function, OWNER)


def test_each_relay_function_needs_its_own_right(shop: Contracts) -> None:
    add_relays(shop, 10)
    reg = shop.shop_reg.functions
    functions = {
        ADD_RELAY: reg.addRelay(SHOP, 5),
        REMOVE_RELAY: reg.removeRelay(SHOP, 0),
        REPLACE_RELAY: reg.replaceRelay(SHOP, 0, 5),
    }
    for permission, function in functions.items():
        send(reg.registerUser(SHOP, CLERK, 0x1FF & ~(1 << permission)), OWNER)
        for sender in (CLERK, STRANGER):
            with reverting("NotAuthorized(uint8)", permission):
                call(function, sender)
        send(reg.registerUser(SHOP, CLERK, 1 << permission), OWNER)
        call(function, CLERK)


def test_relays_of_an_unknown_shop(contracts: Contracts) -> None:
    assert call(contracts.shop_reg.functions.getAllRelays(9)) == []
    with reverting("ERC721NonexistentToken(uint256)", 9):
        call(contracts.shop_reg.functions.addRelay(9, 1), OWNER)
