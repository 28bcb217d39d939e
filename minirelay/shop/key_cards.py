"""The key cards of an account, kept as they stand in its canonical form: one shared account has all guests.

Each card takes the same 35 bytes there. So one is appended, or taken out, without looking at the others, and
an account of 100,000 guests is read and written as one byte string.
"""

from collections.abc import Iterable, MutableSequence
from operator import index as as_index
from typing import Any, Final, overload

from minirelay.errors import MalformedInput
from minirelay.protocol.signing import PUBLIC_KEY_BYTES

# A byte string of 33 bytes in CBOR: the major type with "one more byte", and that byte.
_HEAD: Final = b"\x58\x21"
_ITEM_BYTES: Final = len(_HEAD) + PUBLIC_KEY_BYTES


class KeyCards(MutableSequence[bytes]):
    """A list of key cards, 33 bytes each; it equals any sequence of the same byte strings."""

    __slots__ = ("_items",)

    def __init__(self, key_cards: Iterable[bytes] = ()) -> None:
        """Copy a list of key cards. Raises ValueError for one that has not 33 bytes."""
        self._items = bytearray().join(map(_item, key_cards))

    @classmethod
    def from_items(cls, items: memoryview, count: int) -> "KeyCards":
        """Take the items of a canonical array, without its head. count: what the head says.

        Raises MalformedInput if they are no key cards.
        """
        made = cls()
        made._items += items
        heads = (made._items[at::_ITEM_BYTES] for at in range(len(_HEAD)))
        if len(items) != count * _ITEM_BYTES or any(
            found.count(byte) != count for byte, found in zip(_HEAD, heads, strict=True)
        ):
            raise MalformedInput(f"{len(items)} bytes are not the canonical form of {count} key cards")
        return made

    def encode(self, head: bytes) -> bytes:
        """Write the canonical array. head: its head, which says how many there are."""
        return b"".join((head, self._items))

    def insert(self, index: int, value: bytes) -> None:
        """Put a key card before another. Raises ValueError for one that has not 33 bytes."""
        start = slice(index, None).indices(len(self))[0] * _ITEM_BYTES
        self._items[start:start] = _item(value)

    def __len__(self) -> int:
        return len(self._items) // _ITEM_BYTES

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "KeyCards": ...
    def __getitem__(self, index: int | slice) -> "bytes | KeyCards":
        if isinstance(index, slice):
            return KeyCards(self[place] for place in range(*index.indices(len(self))))
        end = self._start(index) + _ITEM_BYTES
        return bytes(self._items[end - PUBLIC_KEY_BYTES : end])

    def __setitem__(self, index: Any, value: Any) -> None:
        cards = list(self)
        cards[index] = value
        self._items = KeyCards(cards)._items

    def __delitem__(self, index: int | slice) -> None:
        if isinstance(index, slice):
            for place in sorted(range(*index.indices(len(self))), reverse=True):
                del self[place]
            return
        start = self._start(index)
        del self._items[start : start + _ITEM_BYTES]

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, bytes) or len(value) != PUBLIC_KEY_BYTES:
            return False
        item = _item(value)
        at = self._items.find(item)
        # What looks like it may begin within another card.
        while at >= 0 and at % _ITEM_BYTES:
            at = self._items.find(item, at + 1)
        return at >= 0

    def __eq__(self, other: object) -> bool:
        """Compare with any list of key cards."""
        if isinstance(other, KeyCards):
            return self._items == other._items
        return list(self) == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"<{len(self)} key cards>"

    def _start(self, index: int) -> int:
        count = len(self)
        place = as_index(index)
        if not -count <= place < count:
            raise IndexError(f"there is no key card {place}")
        return place % count * _ITEM_BYTES


def _item(key_card: bytes) -> bytes:
    if len(key_card) != PUBLIC_KEY_BYTES:
        raise ValueError(f"a key card has {PUBLIC_KEY_BYTES} bytes, not {len(key_card)}")
    return _HEAD + key_card
