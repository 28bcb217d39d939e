"""The objects of one type while one patch set changes them: decoded at first touch, encoded at the end."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from minirelay.protocol.objects import ObjectType
from minirelay.shop import canonical, counted_loading
from minirelay.shop.hamt import Hamt
from minirelay.shop.state import Change, ShopState
from minirelay.shop.work import CHANGE, Work

T = TypeVar("T")


class ObjectCache(Generic[T]):
    """The objects of one type. What this hands out belongs to this working set alone."""

    __slots__ = ("_kind", "_object_type", "_open", "_read", "_state", "_work", "written")

    def __init__(
        self,
        state: ShopState,
        object_type: ObjectType,
        kind: type[T],
        work: Work | None = None,
        before: "ObjectCache[T] | None" = None,
    ) -> None:
        """Start from a state. before: what made it, and is dropped now; what that had open stays open."""
        self._state = state
        self._work = Work() if work is None else work
        self._object_type = object_type
        self._kind = kind
        self._open: dict[bytes, T | None] = {} if before is None else before._open
        self._read: dict[bytes, bytes | None] = {} if before is None else before._read
        self.written: dict[bytes, None] = {}
        """The keys of what `changes` has to look at."""

    def has(self, key: bytes) -> bool:
        """Return whether the object exists, without decoding it."""
        if key in self._open:
            return self._open[key] is not None
        return self._state.get(self._object_type, key) is not None

    def look(self, key: bytes) -> T | None:
        """Return an object to read, None if there is none."""
        # Most are looked at once: to ask first costs a tenth of an exception.
        if key not in self._open:
            self._open[key] = self._load(key)
        return self._open[key]

    def edit(self, key: bytes) -> T | None:
        """Return an object to change in place, None if there is none."""
        self.written[key] = None
        return self.look(key)

    def put(self, key: bytes, value: T | None) -> None:
        """Make or replace an object; None removes it."""
        self.written[key] = None
        self._open[key] = value

    def touched(self) -> Iterator[T]:
        """Go through the objects that were looked at or written, as far as they exist."""
        return (opened for opened in self._open.values() if opened is not None)

    def untouched(self, trie: Hamt) -> Iterator[bytes]:
        """Go through the canonical bytes of all others. trie: the state's own."""
        return (data for key, data in trie.items() if key not in self._open)

    def changes(self) -> Iterator[Change]:
        """Encode what was written, each object once; give what came out different."""
        for key in self.written:
            self._work.spend(CHANGE)
            value = self._open[key]
            after = None if value is None else canonical.dump(value)
            before = self._read[key] if key in self._read else self._state.get(self._object_type, key)
            # What was there before was counted when it was read.
            self._work.spend(max(0, len(after or b"") - len(before or b"")))
            if after != before:
                self._read[key] = after
                yield Change(self._object_type, key, after, before)

    def _load(self, key: bytes) -> T | None:
        data = self._read[key] = self._state.get(self._object_type, key)
        return None if data is None else counted_loading.load(self._kind, data, self._work)
