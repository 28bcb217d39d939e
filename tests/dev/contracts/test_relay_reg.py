import pytest

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

RELAY_ID = 2**256 - 1
URI = "https://relay.example/v4"


@pytest.fixture
def minted(contracts: Contracts) -> Contracts:
    send(contracts.relay_reg.functions.mint(RELAY_ID, RELAY, URI), STRANGER)
    return contracts


def test_anyone_mints_and_the_relay_owns(contracts: Contracts) -> None:
    reg = contracts.relay_reg
    receipt = send(reg.functions.mint(RELAY_ID, RELAY, URI), STRANGER)
    assert call(reg.functions.ownerOf(RELAY_ID)) == RELAY
    assert events(reg, "Transfer", receipt) == [{"from": NOBODY, "to": RELAY, "tokenId": RELAY_ID}]


def test_uri_is_kept(minted: Contracts) -> None:
    reg = minted.relay_reg
    assert call(reg.functions.relayURIs(RELAY_ID)) == URI
    assert call(reg.functions.tokenURI(RELAY_ID)) == URI


def test_an_id_is_minted_once(minted: Contracts) -> None:
    with reverting("ERC721InvalidSender(address)", NOBODY):
        call(minted.relay_reg.functions.mint(RELAY_ID, STRANGER, "elsewhere"))


def test_owner_changes_the_uri(minted: Contracts) -> None:
    send(minted.relay_reg.functions.updateURI(RELAY_ID, "https://moved.example"), RELAY)
    assert call(minted.relay_reg.functions.relayURIs(RELAY_ID)) == "https://moved.example"
    assert call(minted.relay_reg.functions.tokenURI(RELAY_ID)) == "https://moved.example"


def test_only_the_owner_changes_the_uri(minted: Contracts) -> None:
    reg = minted.relay_reg
    send(reg.functions.setApprovalForAll(CLERK, True), RELAY)
    for sender in (STRANGER, OWNER, CLERK):
        with refusing("NOT_AUTHORIZED"):
            call(reg.functions.updateURI(RELAY_ID, "mine"), sender)


def test_a_sold_relay_is_the_new_owners(minted: Contracts) -> None:
    reg = minted.relay_reg
    send(reg.functions.transferFrom(RELAY, CLERK, RELAY_ID), RELAY)
    send(reg.functions.updateURI(RELAY_ID, "new"), CLERK)
    with refusing("NOT_AUTHORIZED"):
        call(reg.functions.updateURI(RELAY_ID, "old"), RELAY)


def test_unknown_relay(contracts: Contracts) -> None:
    reg = contracts.relay_reg
    assert call(reg.functions.relayURIs(5)) == ""
    with reverting("ERC721NonexistentToken(uint256)", 5):
        call(reg.functions.ownerOf(5))
    with reverting("ERC721NonexistentToken(uint256)", 5):
        call(reg.functions.tokenURI(5))
    with refusing("NOT_AUTHORIZED"):
        call(reg.functions.updateURI(5, "x"))


def test_minting_is_plain_and_asks_no_receiver(contracts: Contracts) -> None:
    # ShopReg is a contract that takes no tokens when it is asked.
    send(contracts.relay_reg.functions.mint(RELAY_ID, contracts.shop_reg.address, URI), STRANGER)
    assert call(contracts.relay_reg.functions.ownerOf(RELAY_ID)) == contracts.shop_reg.address


def test_it_is_an_erc721(contracts: Contracts) -> None:
    for interface in ("01ffc9a7", "80ac58cd", "5b5e139f"):
        assert call(contracts.relay_reg.functions.supportsInterface(bytes.fromhex(interface)))
    assert not call(contracts.relay_reg.functions.supportsInterface(bytes.fromhex("ffffffff")))
