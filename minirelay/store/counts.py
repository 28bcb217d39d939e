"""How many patches of a stretch of the log are selected, each counted once."""

import sqlite3
from collections.abc import Iterable, Sequence

from minirelay.store.connection import snapshot
from minirelay.store.log import read_counts
from minirelay.store.messages import Selection
from minirelay.store.one_step import number_list
from minirelay.store.selection import Selected

# Statements exist for these numbers of objects; NULL, which matches nothing, fills them up.
_SIZES = (1, 8, 64)

_BY_OWNER = """SELECT count(*) FROM json_each(:owners) AS wanted CROSS JOIN patch_index
    ON shop = :shop AND owner = wanted.value AND owner > 0 AND seq > :after AND seq <= :last"""
# An order that was selected for everybody may also be one of a selected owner, and is counted there.
_BY_OBJECT = """WITH wanted (object_type, object_id, owner) AS (VALUES {rows})
    SELECT count(*) FROM wanted CROSS JOIN patch_index AS patch
    ON shop = ? AND patch.object_type = wanted.object_type AND patch.object_id = wanted.object_id
    AND seq > ? AND seq <= ? AND (wanted.owner = 0 OR patch.owner = wanted.owner)
    AND patch.owner NOT IN (SELECT value FROM json_each(?))"""


def count_selected(
    connection: sqlite3.Connection, shop: int, selections: Iterable[Selection], after_seq: int, upto_seq: int
) -> int:
    """Count the selected patches of the sets after one sequence number, up to and including another."""
    if upto_seq <= after_seq:
        return 0
    selected = Selected.of(selections)
    owners = number_list(selected.owners)
    with snapshot(connection):
        count = 0
        if selected.types:
            start, end = (read_counts(connection, shop, seq) for seq in (after_seq, upto_seq))
            count += end.of(*selected.types) - start.of(*selected.types)
        if selected.owners:
            where = {"shop": shop, "owners": owners, "after": after_seq, "last": upto_seq}
            count += connection.execute(_BY_OWNER, where).fetchone()[0]
        objects = sorted(selected.objects)
        for start_at in range(0, len(objects), _SIZES[-1]):
            wanted = objects[start_at : start_at + _SIZES[-1]]
            count += _count_objects(connection, wanted, (shop, after_seq, upto_seq, owners))
    return count


def _count_objects(
    connection: sqlite3.Connection,
    wanted: Sequence[tuple[int, bytes, int]],
    where: tuple[int, int, int, str],
) -> int:
    size = next(size for size in _SIZES if size >= len(wanted))
    rows = [value for row in wanted for value in row] + [None, None, None] * (size - len(wanted))
    sql = _BY_OBJECT.format(rows=", ".join(["(?, ?, ?)"] * size))
    count: int = connection.execute(sql, (*rows, *where)).fetchone()[0]
    return count
