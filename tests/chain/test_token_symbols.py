"""Currencies have one name wherever they are shown; unknown ones the beginning of their address."""

from minirelay.chain import token_symbols
from minirelay.chain.token_symbols import show_currency
from minirelay.dev.deployment import Deployment
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.signing import checksum_address


def test_the_development_token_has_the_name_that_its_contract_gives(deployment: Deployment) -> None:
    assert show_currency(31337, bytes.fromhex(deployment.eddies[2:])) == "EDD"


def test_a_token_is_known_on_its_own_chain_only() -> None:
    usdc = bytes.fromhex("A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48")
    assert (show_currency(1, usdc), show_currency(10, usdc)) == ("USDC", "0xA0b8…")


def test_coins_have_the_name_of_their_chain() -> None:
    assert [show_currency(chain, NATIVE_COIN) for chain in (1, 137, 5)] == ["ETH", "POL", "coins"]


def test_each_known_address_carries_its_checksum() -> None:
    known = token_symbols.SYMBOLS
    assert [checksum_address(bytes.fromhex(text[2:])) for _, text in known] == [text for _, text in known]
