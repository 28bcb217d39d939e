"""Tokens' ids, addresses and depths."""

import pytest

from minirelay.config.chain_values import Address, Confirmations, Uint256
from minirelay.config.values import read


@pytest.mark.parametrize(
    ("given", "number"), [(7, 7), ("7", 7), ("0xff", 255), (str(2**256 - 1), 2**256 - 1)]
)
def test_token_ids_in_decimal_and_hexadecimal(given: object, number: int) -> None:
    assert Uint256.parse(given) == number


@pytest.mark.parametrize(
    "given", [-1, 2**256, str(2**256), "0x", "0x" + "1" * 65, "ff", "1" * 5000, "١", True, 1.0]
)
def test_token_ids_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match="token id"):
        Uint256.parse(given)


def test_addresses_in_any_case() -> None:
    text = "0x48c203BA47c78EB8286dAFd4F14B297181dae3cb"
    assert Address.parse(text) == Address.parse(text.lower()) == bytes.fromhex(text[2:])
    assert str(Address.parse(text)) == text.lower()


@pytest.mark.parametrize(
    "given", ["", "0x", "48c203BA47c78EB8286dAFd4F14B297181dae3cb", "0x" + "g" * 40, 5, b"x" * 20]
)
def test_addresses_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match="expected an address"):
        Address.parse(given)


@pytest.mark.parametrize(
    ("given", "value"), [(1, 1), ("12", 12), (999_999, 999_999), ("safe", "safe"), ("finalized", "finalized")]
)
def test_confirmations_are_a_depth_or_a_tag(given: object, value: object) -> None:
    confirmations = read(Confirmations, given)
    assert isinstance(confirmations, Confirmations)
    assert (confirmations.value, str(confirmations)) == (value, str(given))


@pytest.mark.parametrize("given", [0, "0", -1, True, 1.5, "latest", "pending", "Safe", "", None, "1 ", 10**6])
def test_confirmations_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match="safe"):
        Confirmations.parse(given)
