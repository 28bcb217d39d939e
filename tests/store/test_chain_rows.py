"""How far a chain was read, as it is stored."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from minirelay.errors import StoreError
from minirelay.store.batch import Batch
from minirelay.store.chain_rows import ChainRows
from minirelay.store.database import Store
from minirelay.store.messages import ChainHeadRow, ChainMark, ChainProgress
from minirelay.store.writes import MetaRow

CHAIN = 31337
LARGEST_CHAIN = 2**64 - 1
MARK = ChainMark(scanned=9, deep=7, final=3, final_time=1_800_000_000)


def head(number: int, fork: int = 0) -> ChainHeadRow:
    return ChainHeadRow(
        number, bytes([fork, number] * 16), bytes([fork, number - 1] * 16), 1_800_000_000 + number
    )


def heads(*numbers: int) -> tuple[ChainHeadRow, ...]:
    return tuple(head(number) for number in numbers)


def test_what_a_poll_changed_has_a_weight_and_no_epoch() -> None:
    light, heavy = (ChainRows(CHAIN, MARK, heads(*range(1, count))) for count in (2, 50))
    assert light.epoch is None
    assert heavy.weight > 10 * light.weight
    assert ChainRows(CHAIN, MARK, further=(heavy,)).weight > heavy.weight


async def test_a_chain_is_remembered_as_it_was_read_last(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        assert await store.reader.chain_progress(CHAIN) is None
        await store.writer.commit(ChainRows(CHAIN, MARK, heads(3, 5, 8)))
        await store.writer.commit(ChainRows(LARGEST_CHAIN, ChainMark(1, 0, 0, 0), heads(1)))
    async with await Store.open(tmp_path) as store:
        assert await store.reader.chain_progress(CHAIN) == ChainProgress(MARK, heads(3, 5, 8))
        assert await store.reader.chain_progress(LARGEST_CHAIN) == ChainProgress(
            ChainMark(1, 0, 0, 0), heads(1)
        )
        assert await store.reader.chain_progress(1) is None


async def test_a_reorganisation_puts_other_heads_in_the_place_of_some(store: Store) -> None:
    await store.writer.commit(ChainRows(CHAIN, MARK, heads(3, 5, 8, 9)))
    later = ChainMark(10, 8, 5, 1_800_000_001)
    await store.writer.commit(ChainRows(CHAIN, later, (head(8, 1), head(10, 1)), forgotten=(8, 9)))
    expected = (*heads(3, 5), head(8, 1), head(10, 1))
    assert await store.reader.chain_progress(CHAIN) == ChainProgress(later, expected)


async def test_what_was_made_of_findings_is_stored_with_the_marks(store: Store) -> None:
    await store.writer.commit(ChainRows(CHAIN, MARK, further=(MetaRow("found", b"1"),)))
    assert await store.reader.get_meta("found") == b"1"


class Refused:
    """Rows that can't be stored."""

    weight = 1
    epoch = None

    def add_to(self, batch: Batch) -> None:
        raise ValueError


async def test_marks_are_not_stored_without_what_was_found(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.writer.commit(ChainRows(CHAIN, MARK, further=(Refused(),)))
    assert await store.reader.chain_progress(CHAIN) is None


@pytest.mark.parametrize(
    "rows",
    [
        [ChainHeadRow(5, b"short", bytes(32), 0)],
        [ChainHeadRow(5, bytes(32), b"short", 0)],
        [ChainHeadRow(-1, bytes(32), bytes(32), 0)],
        [ChainHeadRow(5, bytes(32), bytes(32), -1)],
    ],
)
async def test_no_head_is_stored_that_is_none(store: Store, rows: Sequence[ChainHeadRow]) -> None:
    with pytest.raises(StoreError) as refused:
        await store.writer.commit(ChainRows(CHAIN, MARK, tuple(rows)))
    assert isinstance(refused.value.__cause__, sqlite3.IntegrityError)
