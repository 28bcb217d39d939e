"""Large objects in pieces, so that a change writes only those that it changed.

All guests of a shop share one account, and an order may be as long as a set: one more entry would write all
of it again. What grows does so at its end, and in the head of a list, which counts it. So an object lies in
pieces of a fixed length: the first in its own row, the others in rows beside it, numbered from 1.
"""

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.store.bulk_insert import Kind, Rows
from minirelay.store.messages import PIECE_BYTES, ObjectRow
from minirelay.store.packs import Place, add_objects


def object_row(
    object_type: ObjectType,
    key: bytes,
    value: bytes | None,
    owner: int = NOBODY,
    *,
    before: bytes | None = None,
) -> ObjectRow:
    """Make the row of an object that changed, and of its pieces those that are different now.

    value, before: its canonical CBOR now, and as the commits until now leave it; None where there is none.
    """
    if value is None or len(value) <= PIECE_BYTES:
        return ObjectRow(object_type, key, value, owner)
    before = before or b""
    starts = range(PIECE_BYTES, len(value), PIECE_BYTES)
    pieces = tuple(
        (number, piece)
        for number, start in enumerate(starts, start=1)
        if (piece := value[start : start + PIECE_BYTES]) != before[start : start + PIECE_BYTES]
    )
    return ObjectRow(object_type, key, value[:PIECE_BYTES], owner, pieces, len(starts))


class ChangedObjects:
    """The objects that a batch of commits changes, each as the last of its changes leaves it."""

    def __init__(self) -> None:
        """Start without a change."""
        self._last: dict[Place, ObjectRow] = {}
        self._pieces: dict[Place, dict[int, bytes]] = {}

    def add(self, shop: int, change: ObjectRow) -> None:
        """Take the next change. shop: row id."""
        place = shop, +change.object_type, change.key
        self._last[place] = change
        if change.value is None:
            # If it comes again, it comes with all of its pieces.
            self._pieces.pop(place, None)
        elif change.pieces:
            self._pieces.setdefault(place, {}).update(change.pieces)

    def add_to(self, rows: Rows) -> None:
        """Add the rows that they take; the pieces of an object behind it."""
        whole: list[tuple[Place, ObjectRow]] = []
        for place, change in self._last.items():
            if change.value is None:
                rows.add(Kind.NO_OBJECT, *place)
            elif not change.piece_count:
                whole.append((place, change))
            else:
                rows.add(Kind.OBJECT, *place, change.owner, change.value, change.piece_count)
                for number, piece in self._pieces.get(place, {}).items():
                    if number <= change.piece_count:
                        rows.add(Kind.PIECE, *place, number, piece)
        add_objects(rows, whole)
