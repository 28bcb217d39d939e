"""Addresses as programs give them."""

from minirelay.protocol.addresses import ADDRESS_BYTES

Address = bytes | str
"""20 bytes, or 0x and their hex."""


def read_address(given: Address) -> bytes:
    """Return the 20 bytes of an address. Raises ValueError for what is none."""
    address = bytes.fromhex(given.removeprefix("0x")) if isinstance(given, str) else given
    if len(address) != ADDRESS_BYTES:
        raise ValueError(f"an address has {ADDRESS_BYTES} bytes, not {len(address)}")
    return address
