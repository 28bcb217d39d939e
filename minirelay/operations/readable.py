"""Values of a shop's log as JSON, for people: cut where they are long, without customers' addresses."""

from typing import Any, Final

from minirelay.protocol.cbor import Value

HIDDEN: Final = "(a customer's address)"
ADDRESS_FIELDS: Final = frozenset({"InvoiceAddress", "ShippingAddress"})
MOST_CHARACTERS: Final = 1000
MOST_ITEMS: Final = 50
MOST_DEPTH: Final = 8
MOST_VALUES: Final = 400
"""Of one value, all that lies in it counted together."""

_LEFT_OUT: Final = "…"
_SAFE: Final = 2**53


def readable(value: Value) -> Any:
    """Write a value so that JSON has it: bytes in hexadecimal, numbers that readers would round as text."""
    return _Writing().write(value, 0)


class _Writing:
    def __init__(self) -> None:
        self._left = MOST_VALUES

    def write(self, value: object, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MOST_DEPTH:
            return _LEFT_OUT
        match value:
            case None | bool() | float():
                return value
            case int():
                return value if abs(value) < _SAFE else str(value)
            case str():
                return cut(value)
            case bytes():
                return cut(f"0x{value[:MOST_CHARACTERS].hex()}")
            case dict():
                return self._mapping(value, depth)
            case list() | tuple():
                items = [self.write(one, depth + 1) for one in value[:MOST_ITEMS]]
                return items if len(value) <= MOST_ITEMS else [*items, _LEFT_OUT]
        return cut(str(value))

    def _mapping(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for name, one in value.items():
            if len(written) >= MOST_ITEMS:
                written[_LEFT_OUT] = _LEFT_OUT
                break
            hides = name in ADDRESS_FIELDS and one is not None
            written[str(self.write(name, depth + 1))] = HIDDEN if hides else self.write(one, depth + 1)
        return written


def cut(text: str) -> str:
    """Cut a text that is long."""
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + _LEFT_OUT
