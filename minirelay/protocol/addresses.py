"""Addresses on a chain, and the ones that mean something in the protocol."""

from typing import Final

ADDRESS_BYTES: Final = 20
ZERO_ADDRESS: Final = bytes(ADDRESS_BYTES)

NATIVE_COIN: Final = ZERO_ADDRESS
"""As a currency: the chain's own coin (spec 03)."""

GUEST_WALLET: Final = ZERO_ADDRESS
"""As a wallet: the account that all guests of a shop share (spec 05)."""

# Where the contracts are deployed (spec 07); settings may change it for each chain.
SHOP_REG_ADDRESS: Final = bytes.fromhex("48c203BA47c78EB8286dAFd4F14B297181dae3cb")
RELAY_REG_ADDRESS: Final = bytes.fromhex("4E0Df5Db4975f3e4999B623d6a768DaE80B12a9C")
MULTICALL_ADDRESS: Final = bytes.fromhex("cA11bde05977b3631167028862bE2a173976CA11")
PAYMENTS_ADDRESS: Final = bytes.fromhex("8DC7b6bFDc5B5e98A3eE40AA248E3efA2b61b0EF")
PERMIT2_ADDRESS: Final = bytes.fromhex("000000000022D473030F116dDEE9F6B43aC78BA3")
"""Where Permit2 is on every chain that has it."""
