"""How far a chain is read, across restarts."""

from pathlib import Path

import pytest

from minirelay.chain.head_history import HeadHistory
from minirelay.chain.progress import Progress
from minirelay.errors import StoreError
from minirelay.payments.chain_memory import ChainMemory
from minirelay.store.batch import Batch
from minirelay.store.database import Store
from minirelay.store.writes import MetaRow
from tests.chain.chain_values import block

CHAIN = 31337


def progress(*numbers: int, fork: int = 0, scanned: int = 9) -> Progress:
    return Progress(
        HeadHistory(tuple(block(number, fork) for number in numbers)), scanned, 7, 3, 1_700_000_000
    )


async def loaded(directory: Path) -> Progress | None:
    async with await Store.open(directory) as store:
        return await ChainMemory(store).load(CHAIN)


async def test_a_chain_that_was_never_read_has_no_progress(tmp_path: Path) -> None:
    assert await loaded(tmp_path) is None


async def test_progress_is_what_was_saved_last(tmp_path: Path) -> None:
    first, second = progress(3, 4, 5, 6), progress(4, 6, 8, scanned=10)
    forked = Progress(HeadHistory((block(4), block(6, 1), block(9, 1))), 9, 6, 4, 5)
    async with await Store.open(tmp_path) as store:
        memory = ChainMemory(store)
        await memory.save(CHAIN, None, first, [])
        await memory.save(CHAIN, first, second, [])
    assert await loaded(tmp_path) == second
    async with await Store.open(tmp_path) as store:
        await ChainMemory(store).save(CHAIN, second, forked, [])
    assert await loaded(tmp_path) == forked


class Refused:
    """A row that can't be stored."""

    weight = 1
    epoch = None

    def add_to(self, batch: Batch) -> None:
        raise ValueError


async def test_rows_are_saved_with_progress_or_nothing_is(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        memory = ChainMemory(store)
        with pytest.raises(StoreError):
            await memory.save(CHAIN, None, progress(3), [MetaRow("found", b"1"), Refused()])
        assert await memory.load(CHAIN) is None
        await memory.save(CHAIN, None, progress(3), [MetaRow("found", b"2")])
        assert await store.reader.get_meta("found") == b"2"
        assert await memory.load(CHAIN) == progress(3)
