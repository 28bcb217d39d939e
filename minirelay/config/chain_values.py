"""What settings name on a chain: tokens' ids, addresses, and how deep a block has to be."""

import re
from typing import Final, Literal, Self

_UINT256_DIGITS: Final = 78


class Uint256(int):
    """A token id (relay, shop); written in decimal or as 0x and hexadecimal digits."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a token id. Raises ValueError."""
        if isinstance(given, int) and not isinstance(given, bool):
            number = given
        elif isinstance(given, str) and re.fullmatch(
            rf"0x[0-9A-Fa-f]{{1,64}}|[0-9]{{1,{_UINT256_DIGITS}}}", given
        ):
            number = int(given, 16 if given.startswith("0x") else 10)
        else:
            raise ValueError("expected a token id, in decimal or as 0x and hexadecimal digits")
        if not 0 <= number < 2**256:
            raise ValueError("a token id is between 0 and 2^256 - 1")
        return cls(number)


class Address(bytes):
    """An Ethereum address, 20 bytes; written as 0x and 40 hexadecimal digits."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read an address, whatever its case. Raises ValueError."""
        if not isinstance(given, str) or not re.fullmatch(r"0x[0-9A-Fa-f]{40}", given):
            raise ValueError("expected an address: 0x and 40 hexadecimal digits")
        return cls.fromhex(given[2:])

    def __str__(self) -> str:
        return f"0x{self.hex()}"


class Confirmations(str):
    """From which depth a block counts: a number of blocks from 1, or a tag; kept as it is written."""

    __slots__ = ()

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a number, or the word safe or finalized. Raises ValueError."""
        text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
        if text not in ("safe", "finalized") and not re.fullmatch(r"[1-9][0-9]{0,5}", text):
            raise ValueError('expected a number of blocks from 1, or "safe" or "finalized"')
        return cls(text)

    @property
    def value(self) -> "int | Literal['safe', 'finalized']":
        """Return the number, or the tag."""
        if self == "safe":
            return "safe"
        return "finalized" if self == "finalized" else int(self)
