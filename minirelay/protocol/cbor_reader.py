"""A position in CBOR bytes (spec 02).

It tells which bytes an item was, so the exact bytes of a map's values and of a list's elements can be kept,
which no general decoder offers.
"""

from collections.abc import Iterable, Iterator

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor_items import (
    BREAK,
    INDEFINITE,
    ITEMS,
    KEYS,
    LIST,
    MAP,
    Key,
    Value,
    argument,
    cut_short,
    duplicate,
)
from minirelay.protocol.cbor_limits import (
    SPARE_CONTAINERS,
    Limits,
    go_down,
    most_containers,
    too_many_containers,
)
from minirelay.protocol.piece import Piece


class Reader:
    """A position in CBOR bytes.

    `item` reads the next item whole, `piece` tells besides which bytes it was. `enter_map` and `enter_list`
    go into it instead: for each key or element that they yield, the caller reads exactly one item before
    going on. All methods raise MalformedInput.
    """

    __slots__ = ("at", "data", "limits")

    def __init__(self, data: bytes, containers: int | None = None) -> None:
        """Stand before the first byte.

        containers: how many lists and maps there may be; None: as many as an input of this size may have.
        """
        self.data = data
        self.at = 0
        self.limits = Limits(most_containers(len(data)) if containers is None else containers)

    @property
    def bignums(self) -> int:
        """Return how many bignums were read so far: as values they can't be told from plain integers."""
        return self.limits.bignums

    def item(self) -> Value:
        """Read the next item with all that is in it."""
        data, at = self.data, self.at
        try:
            value, self.at = ITEMS[data[at]](data, at, self.limits)
        except IndexError:
            raise cut_short() from None
        except UnicodeDecodeError:
            raise MalformedInput("text is not UTF-8") from None
        return value

    def piece(self) -> Piece:
        """Read the next item like `item`, and tell what it was in bytes.

        What goes through here can be read by itself as well: its lists and maps keep to the limit of its own
        size. (The limits of nesting and of integer keys are the same for a part as for the whole.)
        """
        data, start, limits = self.data, self.at, self.limits
        bignums, containers = limits.bignums, limits.containers_left
        try:
            value, end = ITEMS[data[start]](data, start, limits)
        except IndexError:
            raise cut_short() from None
        except UnicodeDecodeError:
            raise MalformedInput("text is not UTF-8") from None
        self.at = end
        containers -= limits.containers_left
        if containers > SPARE_CONTAINERS and containers > most_containers(end - start):
            raise too_many_containers()
        return Piece(value, data[start:end], limits.bignums > bignums)

    def enter_map(self) -> Iterator[Key]:
        """Go into a map: yield its keys; the caller reads the value of each."""
        seen: set[Key] = set()
        for _ in self._enter(MAP):
            key = self._key()
            if key in seen:
                raise duplicate()
            seen.add(key)
            yield key
        self.limits.levels_left += 1

    def enter_list(self) -> Iterator[None]:
        """Go into a list: yield for every element; the caller reads it."""
        for _ in self._enter(LIST):
            yield
        self.limits.levels_left += 1

    def is_before_list(self) -> bool:
        """Return whether the next item is a list."""
        return self.at < len(self.data) and self.data[self.at] >> 5 == LIST

    def finish(self) -> None:
        """Insist that nothing follows."""
        if self.at != len(self.data):
            raise MalformedInput("bytes after the item")

    def _key(self) -> Key:
        try:
            key, self.at = KEYS[self.data[self.at]](self.data, self.at, self.limits)
        except IndexError:
            raise cut_short() from None
        except UnicodeDecodeError:
            raise MalformedInput("text is not UTF-8") from None
        return key

    def _enter(self, kind: int) -> Iterable[object]:
        """Go one level down; what is returned has as many turns as the container has entries."""
        data, at = self.data, self.at
        if at >= len(data) or data[at] >> 5 != kind:
            raise MalformedInput("not a map" if kind == MAP else "not a list")
        go_down(self.limits)
        if data[at] & 0x1F == INDEFINITE:
            self.at += 1
            return iter(self._passes_break, True)
        count = data[at] & 0x1F
        if count < 24:
            self.at += 1
        else:
            count, self.at = argument(data, at, self.limits)
        if count > len(data) - self.at:
            raise cut_short()
        return range(count)

    def _passes_break(self) -> bool:
        if self.at >= len(self.data):
            raise cut_short()
        if self.data[self.at] != BREAK:
            return False
        self.at += 1
        return True
