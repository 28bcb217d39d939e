"""Tokens on a chain (ERC-20), as far as they are asked something (spec 07 "ERC-20")."""

from typing import Final

from minirelay.protocol.abi import Function

MOST_BYTES: Final = 1024
"""A token's answer is no longer (spec 07): what is beyond is the token's failure."""

DECIMALS: Final = Function("decimals", (), ("uint256",), most_bytes=MOST_BYTES)
APPROVE: Final = Function("approve", ("address", "uint256"), ("bool",), most_bytes=MOST_BYTES)
TRANSFER: Final = Function("transfer", ("address", "uint256"), ("bool",), most_bytes=MOST_BYTES)
BALANCE_OF: Final = Function("balanceOf", ("address",), ("uint256",), most_bytes=MOST_BYTES)
