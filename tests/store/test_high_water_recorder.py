"""The file is rewritten now and then, beside the writing, with nothing in it that is not durable."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from minirelay.store.database import Store
from minirelay.store.high_water import HIGH_WATER_FILE, MAX_SHOPS, HighWater, read_high_water
from minirelay.store.high_water_recorder import HighWaterRecorder
from tests.store.examples import ShopLog, beginning, shop_row

FIRST, SECOND = (shop_row(row).shop_id for row in (1, 2))
LONG_S = 3600.0
TIMEOUT_S = 20.0


class Saves:
    """Takes what is saved instead of the disk, and fails or waits when it is told to."""

    def __init__(self) -> None:
        self.marks: list[HighWater] = []
        self.error: OSError | None = None
        self.saved = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def save(self, mark: HighWater) -> None:
        try:
            if self.error is not None:
                raise self.error
            self.marks.append(mark)
        finally:
            self._loop.call_soon_threadsafe(self.saved.set)

    async def next(self) -> None:
        await asyncio.wait_for(self.saved.wait(), TIMEOUT_S)
        self.saved.clear()


@asynccontextmanager
async def recording(
    store: Store, interval_s: float = LONG_S
) -> AsyncIterator[tuple[HighWaterRecorder, Saves]]:
    """Keep the mark of a store with two shops; closed at the end."""
    saves = Saves()
    recorder = HighWaterRecorder(HighWater({}, 16384), {}, store.reader, saves.save, interval_s)
    try:
        yield recorder, saves
    finally:
        await recorder.close()


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path) as opened:
        for shop in (1, 2):
            for commit in beginning(shop, cards=()):
                await opened.writer.commit(commit)
        yield opened


async def test_many_transactions_are_saved_once(two: Store) -> None:
    async with recording(two, 0.01) as (recorder, saves):
        for seq in range(1, 1001):
            recorder.note({1: seq})
        recorder.note({2: 5})
        await saves.next()
        assert saves.marks == [HighWater({FIRST: 1000, SECOND: 5}, 16384)]


async def test_nothing_is_saved_while_nothing_changes(two: Store) -> None:
    async with recording(two, 0.0) as (recorder, saves):
        recorder.note({1: 1})
        await saves.next()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await saves.saved.wait()
        recorder.note({1: 2})
        await saves.next()
    assert [mark.ends for mark in saves.marks] == [{FIRST: 1}, {FIRST: 2}]


async def test_what_is_noted_while_it_is_saved_is_saved_next(two: Store) -> None:
    async with recording(two, 0.0) as (recorder, saves):
        recorder.note({1: 1})
        await saves.next()
        # The task is not over yet.
        recorder.note({1: 2})
        await saves.next()
        assert saves.marks[-1].ends == {FIRST: 2}


async def test_at_the_end_it_is_exact(two: Store) -> None:
    async with recording(two) as (recorder, saves):
        recorder.note({1: 1})
        recorder.note({1: 2, 2: 1})
        recorder.note({1: 3})
        assert not saves.marks
    assert saves.marks == [HighWater({SECOND: 1, FIRST: 3}, 16384)]
    assert list(saves.marks[0].ends) == [SECOND, FIRST]
    async with recording(two) as (_, untouched):
        pass
    assert untouched.marks == []


async def test_few_shops_are_kept_those_that_were_written_last(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        for shop in range(1, MAX_SHOPS + 21):
            await asyncio.gather(*map(store.writer.commit, [*beginning(shop, cards=()), ShopLog(shop).add()]))
        async with recording(store) as (recorder, saves):
            for shop in range(1, MAX_SHOPS + 21):
                recorder.note({shop: 1})
            recorder.note({3: 2})
        ends = list(saves.marks[0].ends)
    assert len(ends) == MAX_SHOPS
    assert ends[0] == shop_row(22).shop_id
    assert ends[-2:] == [shop_row(MAX_SHOPS + 20).shop_id, shop_row(3).shop_id]
    found = read_high_water(tmp_path / HIGH_WATER_FILE)
    assert found is not None
    assert len(found.ends) == MAX_SHOPS


async def test_a_file_that_cannot_be_written_is_said_once_and_tried_again(
    two: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with recording(two, 0.0) as (recorder, saves):
        saves.error = OSError(28, "No space left on device")
        recorder.note({1: 7})
        for _ in range(3):
            await saves.next()
        saves.error = None
        while not saves.marks:
            await saves.next()
        assert saves.marks == [HighWater({FIRST: 7}, 16384)]
    assert len([one for one in caplog.records if "No space left" in one.getMessage()]) == 1


async def test_a_stores_file_follows_its_writes(tmp_path: Path) -> None:
    path = tmp_path / HIGH_WATER_FILE
    log = ShopLog()
    async with await Store.open(tmp_path, high_water_interval_s=0.0) as store:
        await asyncio.gather(*map(store.writer.commit, [*beginning(), log.add(), log.add()]))
        async with asyncio.timeout(TIMEOUT_S):
            while read_high_water(path) != HighWater({FIRST: 2}):  # noqa: ASYNC110
                await asyncio.sleep(0.001)


async def test_files_are_written_far_less_often_than_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    replace = Path.replace

    def count(draft: Path, target: Path) -> Path:
        written.append(target)
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", count)
    log = ShopLog()
    async with await Store.open(tmp_path, high_water_interval_s=LONG_S) as store:
        await asyncio.gather(*map(store.writer.commit, beginning()))
        for _ in range(200):
            await store.writer.commit(log.add())
        assert written == []
    assert len(written) == 1
    assert read_high_water(tmp_path / HIGH_WATER_FILE) == HighWater({FIRST: 200})


async def test_what_was_refused_is_not_noted(two: Store) -> None:
    log = ShopLog()
    await two.writer.commit(log.add())
    noted: list[object] = []
    two.writer.on_stored = noted.append
    log.seq = 5
    with pytest.raises(Exception, match="gap"):
        await two.writer.commit(log.add())
    await two.writer.put_meta("something", b"else")
    assert noted == []
    log.seq, log.epoch = 1, two.writer.epoch
    await two.writer.commit(log.add())
    assert noted == [{1: 2}]
