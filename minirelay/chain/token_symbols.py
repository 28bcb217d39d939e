"""What some tokens are called, known beforehand: what a contract says of itself proves nothing."""

from typing import Final

from minirelay.chain.amounts import coin_of
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.signing import checksum_address

_SHOWN: Final = 6
SYMBOLS: Final[dict[tuple[int, str], str]] = {
    (1, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"): "USDC",
    (1, "0xdAC17F958D2ee523a2206206994597C13D831ec7"): "USDT",
    (1, "0x6B175474E89094C44Da98b954EedeAC495271d0F"): "DAI",
    (10, "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85"): "USDC",
    (137, "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"): "USDC",
    (8453, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"): "USDC",
    (42161, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831"): "USDC",
    (31337, "0x8d0920aa9F7c08CE8c3D3f08860A4E830856f904"): "EDD",
}
"""Of the chains that the documentation names, and the development token."""


def show_currency(chain_id: int, address: bytes) -> str:
    """Name a currency in a table: its symbol where it is known, else how its address begins."""
    if address == NATIVE_COIN:
        return coin_of(chain_id)
    text = checksum_address(address)
    return SYMBOLS.get((chain_id, text), f"{text[:_SHOWN]}…")
