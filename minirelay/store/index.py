"""The log of a shop, read through a selection.

The index only finds sets in which something may be selected; what is, each leaf decides. So no leaf can
be given twice, whatever the selections have in common.
"""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from minirelay.store.batch import position
from minirelay.store.connection import snapshot
from minirelay.store.joined import cut, joined, number_list, numbers, parse_numbers
from minirelay.store.log import decode_leaves
from minirelay.store.messages import MAX_SEQ, NO_OWNER, SelectedPage, SelectedSet, Selection
from minirelay.store.selection import Selected

# With more owners and single objects than this, the log is scanned by type: merging so many costs more.
MAX_MERGED = 32
# What one call looks at, so that its read transaction stays short: sets passed over, sets that may
# hold something, bytes of their leaves (but at least one set).
MAX_SCANNED = 16_384
MAX_CANDIDATES = 512
MAX_LEAF_BYTES = 1024 * 1024

_BY_TYPE = f"""SELECT position & {MAX_SEQ} AS seq FROM patch_set
    WHERE position > :base + :after AND position <= :base + :last AND types & :types"""
_INDEXED = "SELECT seq FROM patch_index WHERE shop = :shop AND seq > :after AND seq <= :last AND "
_CANDIDATES = f"""SELECT {numbers("seq", "length(leaves)", "length(wire)")}
    FROM ({{terms}} ORDER BY seq LIMIT :limit) CROSS JOIN patch_set ON position = :base + seq"""
_COLUMN = """SELECT {what} FROM (
    SELECT {column} FROM patch_set WHERE position IN (SELECT value FROM json_each(?)) ORDER BY position)"""
_LEAVES = _COLUMN.format(what=joined("leaves"), column="leaves")
_WIRES = _COLUMN.format(what=joined("wire"), column="wire")


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
    after_seq: int,
    upto_seq: int,
    max_patches: int,
    max_bytes: int,
) -> SelectedPage:
    """Read the next selected patches with their sets: at least one set, if one call comes that far."""
    selected = Selected.of(selections)
    with snapshot(connection):
        found, through = _candidates(connection, shop, selected, after_seq, upto_seq)
        matches = list(_matches(connection, shop, selected, found))
        kept = _fitting(matches, max_patches, max_bytes)
        if len(kept) < len(matches):
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
    last_seq = min(upto_seq, after_seq + MAX_SCANNED) if selected.types else upto_seq
    terms, parameters = _terms(selected)
    if not terms or last_seq <= after_seq:
        return [], upto_seq
    parameters |= {"shop": shop, "base": position(shop, 0), "after": after_seq, "last": last_seq}
    parameters["limit"] = MAX_CANDIDATES
    sql = _CANDIDATES.format(terms=" UNION ".join(terms))
    rows = parse_numbers(connection.execute(sql, parameters).fetchone()[0])
    found = list(map(_Candidate, rows[::3], rows[1::3], rows[2::3]))
    looked_at = found[: _count_within((one.leaf_bytes for one in found), MAX_LEAF_BYTES)]
    if len(looked_at) < len(found) or len(found) == MAX_CANDIDATES:
        return looked_at, looked_at[-1].seq
    return looked_at, last_seq


def _terms(selected: Selected) -> tuple[list[str], dict[str, int | bytes]]:
    """Write one query for each way into the log; each gives sequence numbers in order."""
    terms: list[str] = []
    parameters: dict[str, int | bytes] = {}
    if selected.types:
        terms.append(_BY_TYPE)
        parameters["types"] = selected.type_mask
    for number, owner in enumerate(sorted(selected.owners)):
        # The second condition is there for the partial index.
        terms.append(f"{_INDEXED} owner = :owner{number} AND owner > 0")
        parameters[f"owner{number}"] = owner
    for number, (object_type, object_id, owner) in enumerate(sorted(selected.objects)):
        term = f"{_INDEXED} object_type = :type{number} AND object_id = :id{number}"
        parameters |= {f"type{number}": object_type, f"id{number}": object_id}
        if owner != NO_OWNER:
            term += f" AND +owner = :of{number}"
            parameters[f"of{number}"] = owner
        terms.append(term)
    return terms, parameters


def _matches(
    connection: sqlite3.Connection, shop: int, selected: Selected, found: Sequence[_Candidate]
) -> Iterator[_Match]:
    columns = _column(connection, _LEAVES, shop, [(one.seq, one.leaf_bytes) for one in found])
    for candidate, encoded in zip(found, columns, strict=True):
        leaves = enumerate(decode_leaves(encoded))
        if chosen := tuple(index for index, leaf in leaves if selected.holds(leaf)):
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
