"""The log of a shop, read through a selection.

A selection only finds sets in which the reader may see something; which patches, the reader's own predicate
says to each. So no patch can be given twice, whatever the selections have in common.
"""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from minirelay.protocol.ids import NOBODY
from minirelay.store.batch import position
from minirelay.store.connection import snapshot
from minirelay.store.gaps import EDGE
from minirelay.store.log import decode_leaves
from minirelay.store.messages import NO_LIMIT, Leaf, SelectedPage, SelectedSet, Selection
from minirelay.store.one_step import cut, joined, number_list, numbers, parse_numbers
from minirelay.store.selection import Selected

# With more owners and single objects than this, the log is scanned by type: merging so many costs more.
MAX_MERGED = 32
# What one call looks at, so that its read transaction stays short: sets passed over, sets that may
# hold something, bytes of their leaves (but at least one set).
MAX_SCANNED = 16_384
MAX_CANDIDATES = 512
MAX_LEAF_BYTES = 1024 * 1024

# Each gives how far it looks, unless it finds :limit sets before.
_START = "(SELECT start FROM edge)"
_THROUGH = f"min(:last, {_START} + :scanned)"
BY_TYPE = f"""WITH {EDGE} SELECT {_THROUGH}, {numbers("position - :log")} FROM (
    SELECT position FROM patch_set
    WHERE position > :log + {_START} AND position <= :log + {_THROUGH} AND types & :types
    ORDER BY position LIMIT :limit)"""
_BY_INDEX = f"SELECT :last, {numbers('seq')} FROM ({{terms}} ORDER BY seq LIMIT :limit)"
_TERM = "SELECT seq FROM patch_index WHERE shop = :shop AND seq > :after AND seq <= :last AND "
_SETS = """SELECT {what} FROM (
    SELECT * FROM patch_set WHERE position IN (SELECT value FROM json_each(?)) ORDER BY position)"""
_LENGTHS = _SETS.format(what=numbers("length(leaves)", "length(wire)"))
_LEAVES = _SETS.format(what=joined("leaves"))
_WIRES = _SETS.format(what=joined("wire"))


class _Candidate(NamedTuple):
    seq: int
    leaf_bytes: int
    wire_bytes: int


class _Match(NamedTuple):
    candidate: _Candidate
    leaves: tuple[int, ...]


def read_selected(
    connection: sqlite3.Connection,
    shop: int,
    selections: Iterable[Selection],
    sees: Callable[[Leaf], bool],
    after_seq: int,
    upto_seq: int,
    max_patches: int,
    max_bytes: int,
    max_set_bytes: int = NO_LIMIT,
) -> SelectedPage:
    """Read the next patches that a reader sees, with their sets: at least one, if one call comes that far.

    selections: find all that the reader sees, perhaps more. sees: says what it sees of what is found.
    It comes no further than the next set that is larger than max_set_bytes.
    """
    selected = Selected.of(selections)
    with snapshot(connection):
        found, through = _candidates(connection, shop, selected, after_seq, upto_seq)
        matches = list(_matches(connection, shop, sees, found))
        kept = _fitting(matches, max_patches, max_bytes)
        if kept and kept[0].candidate.wire_bytes > max_set_bytes:
            through = kept[0].candidate.seq - 1
            kept = []
        elif len(kept) < len(matches):
            through = kept[-1].candidate.seq
        wires = _column(connection, _WIRES, shop, [(one.seq, one.wire_bytes) for one, _ in kept])
    sets = [SelectedSet(one.seq, leaves, wire) for (one, leaves), wire in zip(kept, wires, strict=True)]
    return SelectedPage(tuple(sets), through)


def _candidates(
    connection: sqlite3.Connection, shop: int, selected: Selected, after_seq: int, upto_seq: int
) -> tuple[list[_Candidate], int]:
    """Find the next sets that may hold something, and the sequence number up to which these are all."""
    if len(selected.owners) + len(selected.objects) > MAX_MERGED:
        selected = selected.widened()
    sources = []
    if selected.types:
        which: dict[str, int | bytes] = {"types": selected.type_mask, "log": position(shop, 0)}
        sources.append(_find(connection, shop, BY_TYPE, which, after_seq, upto_seq))
    if selected.owners or selected.objects:
        sql, values = index_query(selected)
        sources.append(_find(connection, shop, sql, values, after_seq, upto_seq))
    through = min([upto_seq, *(through for _, through in sources)])
    seqs = sorted({seq for found, _ in sources for seq in found if seq <= through})
    found = _with_lengths(connection, shop, seqs)
    looked_at = found[: _count_within((one.leaf_bytes for one in found), MAX_LEAF_BYTES)]
    return looked_at, looked_at[-1].seq if len(looked_at) < len(found) else through


def _find(
    connection: sqlite3.Connection,
    shop: int,
    sql: str,
    values: dict[str, int | bytes],
    after_seq: int,
    upto_seq: int,
) -> tuple[list[int], int]:
    """Ask for sequence numbers, in order; give them and the number up to which these are all."""
    bounds = {"after": after_seq, "last": upto_seq, "scanned": MAX_SCANNED, "limit": MAX_CANDIDATES}
    through, text = connection.execute(sql, {"shop": shop} | bounds | values).fetchone()
    seqs = parse_numbers(text)
    return seqs, seqs[-1] if len(seqs) == MAX_CANDIDATES else through


def index_query(selected: Selected) -> tuple[str, dict[str, int | bytes]]:
    """Return the query of the index for these owners and objects, and its values.

    It is the union of a query for each, which gives sequence numbers in order.
    """
    terms: list[str] = []
    values: dict[str, int | bytes] = {}
    for number, owner in enumerate(sorted(selected.owners)):
        # The second condition is there for the partial index.
        terms.append(f"{_TERM} owner = :owner{number} AND owner > 0")
        values[f"owner{number}"] = owner
    for number, (object_type, object_id, owner) in enumerate(sorted(selected.objects)):
        term = f"{_TERM} object_type = :type{number} AND object_id = :id{number}"
        values |= {f"type{number}": object_type, f"id{number}": object_id}
        if owner != NOBODY:
            term += f" AND owner = :of{number}"
            values[f"of{number}"] = owner
        terms.append(term)
    return _BY_INDEX.format(terms=" UNION ".join(terms)), values


def _with_lengths(connection: sqlite3.Connection, shop: int, seqs: Sequence[int]) -> list[_Candidate]:
    positions = number_list(position(shop, seq) for seq in seqs)
    leaf_bytes, wire_bytes = map(parse_numbers, connection.execute(_LENGTHS, (positions,)).fetchone())
    return list(map(_Candidate, seqs, leaf_bytes, wire_bytes))


def _matches(
    connection: sqlite3.Connection, shop: int, sees: Callable[[Leaf], bool], found: Sequence[_Candidate]
) -> Iterator[_Match]:
    columns = _column(connection, _LEAVES, shop, [(one.seq, one.leaf_bytes) for one in found])
    for candidate, encoded in zip(found, columns, strict=True):
        leaves = enumerate(decode_leaves(encoded))
        if chosen := tuple(index for index, leaf in leaves if sees(leaf)):
            yield _Match(candidate, chosen)


def _column(
    connection: sqlite3.Connection, sql: str, shop: int, wanted: Sequence[tuple[int, int]]
) -> list[bytes]:
    """Read a column of byte strings. wanted: sequence number and length of each, in log order."""
    if not wanted:
        return []
    positions = number_list(position(shop, seq) for seq, _ in wanted)
    return cut(connection.execute(sql, (positions,)).fetchone()[0], [length for _, length in wanted])


def _fitting(matches: Sequence[_Match], max_patches: int, max_bytes: int) -> Sequence[_Match]:
    count = min(
        _count_within((len(one.leaves) for one in matches), max_patches),
        _count_within((one.candidate.wire_bytes for one in matches), max_bytes),
    )
    return matches[:count]


def _count_within(sizes: Iterable[int], limit: int) -> int:
    """Count how many of the first sizes add up to no more than the limit; at least one if there is any."""
    count = total = 0
    for size in sizes:
        total += size
        if total > limit and count:
            break
        count += 1
    return count
