"""Addresses on a chain, and the ones that mean something in the protocol."""

from typing import Final

ADDRESS_BYTES: Final = 20
ZERO_ADDRESS: Final = bytes(ADDRESS_BYTES)

NATIVE_COIN: Final = ZERO_ADDRESS
"""As a currency: the chain's own coin (spec 03)."""

GUEST_WALLET: Final = ZERO_ADDRESS
"""As a wallet: the account that all guests of a shop share (spec 05)."""
