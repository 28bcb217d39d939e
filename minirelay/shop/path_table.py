"""A table of spec 04 as data: which operations exist for which paths of an object, and who does the work.

A row is an operation followed by a path behind the object's id: literal field names, and a `Slot` for what
varies. The rows of a type become one tree, so that a path which exists for another operation only is told
from one that does not exist at all: the two are refused differently.
"""

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import TypeAlias

from minirelay.errors import Refusal, invalid, not_found
from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch

Handler: TypeAlias = Callable[..., None]
"""Called with the working set, the patch, the object (None if there is none yet) and what the slots hold."""


class Slot(Enum):
    """An element of a path that varies; which elements fit is `_fits`."""

    INDEX = "a list index"
    NAME = "a name"
    CHAIN = "a chain id"
    ADDRESS = "an address of 20 bytes"
    ANYTHING = "anything"


Row: TypeAlias = tuple[str | Slot, ...]
Rows: TypeAlias = Mapping[Row, Handler]

NUMBERED = frozenset({ObjectType.LISTING, ObjectType.ORDER, ObjectType.INVENTORY})
"""The object types whose id is a number, and so can be blamed in an answer."""


def object_number(patch: Patch) -> int | None:
    """Return the id to blame in a refusal of this patch; None where the id is no number."""
    return int.from_bytes(patch.object_id, "big") if patch.object_type in NUMBERED else None


def check_presence(patch: Patch, is_present: bool) -> None:
    """Refuse to create an object that exists, and anything else to one that doesn't (INV and NF)."""
    if patch.op == "add" and not patch.fields:
        refuse_zero_id(patch)
        if is_present:
            raise invalid(f"the {_noun(patch)} exists already")
    else:
        require_present(patch, is_present)


def require_present(patch: Patch, is_present: bool) -> None:
    """Refuse a patch of what is inside an object that doesn't exist."""
    if patch.op == "add":
        refuse_zero_id(patch)
    if not is_present:
        raise not_found(f"the {_noun(patch)} does not exist", object_number(patch))


def refuse_zero_id(patch: Patch) -> None:
    """Refuse to add anything under the id 0, which no object can have."""
    if patch.op == "add" and patch.object_type in NUMBERED and not any(patch.object_id):
        raise invalid("the id 0 can't be used")


def _noun(patch: Patch) -> str:
    is_stock = patch.object_type is ObjectType.INVENTORY
    return "listing" if is_stock else patch.object_type.name.lower()


class PathTable:
    """The rows of one object type."""

    def __init__(
        self,
        rows: Rows,
        *,
        other_fields: Collection[str] = (),
        unknown_not_found: Collection[tuple[str, ...]] = (),
    ) -> None:
        """Build the tree.

        other_fields: what the type has, but no row changes. unknown_not_found: an operation and the path
        below which an unknown field is NOT_FOUND; everywhere else it is INVALID.
        """
        self._root = _Node()
        self._ops = frozenset(row[0] for row in rows)
        self._unknown_not_found = frozenset(unknown_not_found)
        for (op, *path), handler in rows.items():
            self._root.grow(path).handlers[str(op)] = handler
        for name in other_fields:
            self._root.grow((name,))

    def check_op(self, patch: Patch) -> None:
        """Refuse an operation that this type of object does not know at all."""
        if patch.op not in self._ops:
            raise invalid(f"{patch.op} can't be used on {patch.path[0]!s}")

    def find(self, patch: Patch) -> tuple[Handler, list[str | int | bytes]]:
        """Find the row of a patch; give its handler and what its slots hold. Raises Refusal."""
        node = self._root
        held: list[str | int | bytes] = []
        for depth, element in enumerate(patch.fields):
            child = node.literals.get(element) if type(element) is str else None
            if child is None:
                if node.slot is None or node.beyond is None:
                    raise self._refuse(node, patch, depth)
                if not _fits(node.slot, element):
                    raise invalid(f"element {depth + 1} of the path behind the id must be {node.slot.value}")
                held.append(element)
                child = node.beyond
            node = child
        handler = node.handlers.get(patch.op)
        if handler is None:
            raise invalid(f"{patch.op} can't be used on this path")
        return handler, held

    def _refuse(self, node: "_Node", patch: Patch, depth: int) -> Refusal:
        if not node.literals:
            return invalid("the path is too long")
        if type(patch.fields[depth]) is not str:
            return invalid(f"element {depth + 1} of the path behind the id must be the name of a field")
        if (patch.op, *patch.fields[:depth]) in self._unknown_not_found:
            return not_found("there is no such field", object_number(patch))
        return invalid("there is no such field")


class _Node:
    """One place in the tree of a table's paths: either field names or one slot may follow."""

    __slots__ = ("beyond", "handlers", "literals", "slot")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.slot: Slot | None = None
        self.beyond: _Node | None = None
        self.handlers: dict[str, Handler] = {}

    def grow(self, path: Collection[str | Slot]) -> "_Node":
        node = self
        for element in path:
            node = node._child(element)
        return node

    def _child(self, element: str | Slot) -> "_Node":
        if isinstance(element, str):
            return self.literals.setdefault(element, _Node())
        self.slot = element
        if self.beyond is None:
            self.beyond = _Node()
        return self.beyond


def _fits(slot: Slot, element: str | int | bytes) -> bool:
    if slot is Slot.NAME:
        return type(element) is str
    if slot is Slot.ADDRESS:
        return type(element) is bytes and len(element) == ADDRESS_BYTES
    return slot is Slot.ANYTHING or type(element) is int
