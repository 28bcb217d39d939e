"""Whether clients' writes can be stored: seen from what the writer did, and by as few probes as possible."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.errors import StoreClosed, StoreUnavailable
from minirelay.store.messages import BatchReport, ObjectRow
from minirelay.store.write_check import PROBE_INTERVAL_S, WriteCheck
from minirelay.store.writer import Writer
from minirelay.store.writes import Commit
from tests.store.examples import CARD, ShopLog, beginning, order

PAGE_BYTES = 4096


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def writer(store: Store, clock: Clock) -> Writer:
    """Return the writer of a store with two shops, with a clock that stands still."""
    return Writer(store.writer.connection, clock=clock)


@pytest.fixture
async def log(writer: Writer) -> ShopLog:
    for commit in beginning(2, cards=(9,)):
        await writer.commit(commit)
    return ShopLog()


def reports_of(writer: Writer) -> list[BatchReport]:
    reports: list[BatchReport] = []
    writer.on_batch = reports.append
    return reports


async def is_well(check: WriteCheck) -> bool:
    try:
        await check.check()
    except StoreUnavailable:
        return False
    return True


async def fails(writer: Writer, commit: Commit) -> None:
    with pytest.raises(StoreUnavailable):
        await writer.commit(commit)


@asynccontextmanager
async def full_disk(store: Store) -> AsyncIterator[None]:
    """Let the database file grow no more: what needs no page of its own is still stored."""

    def limit(db: sqlite3.Connection, pages: int | None) -> None:
        now = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {now if pages is None else pages}")

    await store.writer.connection.run(lambda db: limit(db, None))
    try:
        yield
    finally:
        await store.writer.connection.run(lambda db: limit(db, 10**6))


async def test_it_writes_every_ten_seconds_at_most_however_often_it_is_asked(
    writer: Writer, clock: Clock
) -> None:
    reports = reports_of(writer)
    check = WriteCheck(writer, clock=clock)
    for expected in (1, 2, 3):
        for _ in range(20):
            await asyncio.gather(check.check(), check.check())
            clock.now += PROBE_INTERVAL_S / 20
        assert len(reports) == expected


async def test_it_writes_nothing_when_a_commit_succeeded_lately(
    writer: Writer, clock: Clock, log: ShopLog
) -> None:
    reports = reports_of(writer)
    check = WriteCheck(writer, clock=clock)
    for _ in range(30):
        await writer.commit(log.add())
        await check.check()
        clock.now += PROBE_INTERVAL_S - 1
        await check.check()
    assert [report.commits for report in reports] == [1] * 30
    clock.now += 1
    await check.check()
    assert reports[-1].commits == 0


async def test_commits_that_fail_are_seen_although_a_tiny_write_succeeds(
    store: Store, writer: Writer, clock: Clock, log: ShopLog
) -> None:
    check = WriteCheck(writer, clock=clock)
    await check.check()
    async with full_disk(store):
        await fails(writer, log.add(size_bytes=100_000))
        assert not await is_well(check)
        await writer.put_meta("tiny", b"write")
        for _ in range(5):
            clock.now += PROBE_INTERVAL_S
            assert not await is_well(check)
            assert writer.is_failing
    # Nobody writes, and it is seen all the same that they could.
    assert not await is_well(check)
    clock.now += PROBE_INTERVAL_S
    assert await is_well(check)
    assert not writer.is_failing


async def test_a_probe_needs_as_much_room_as_what_failed(
    store: Store, writer: Writer, clock: Clock, log: ShopLog
) -> None:
    check = WriteCheck(writer, clock=clock)
    async with full_disk(store):
        await fails(writer, log.add(size_bytes=100_000))
    await check.check()
    pages = (store.path.with_name(f"{FILE_NAME}-wal").stat().st_size) // PAGE_BYTES
    assert pages > 100_000 // PAGE_BYTES
    rows = await store.writer.connection.run(lambda db: db.execute("SELECT key FROM meta").fetchall())
    assert ("rehearsal",) not in rows
    assert (await store.reader.tail(1))[0] == 0
    assert await store.writer.connection.run(
        lambda db: db.execute("SELECT count(*) FROM patch_index").fetchone()
    ) == (0,)


async def test_a_commit_that_succeeds_ends_it_at_once(
    store: Store, writer: Writer, clock: Clock, log: ShopLog
) -> None:
    check = WriteCheck(writer, clock=clock)
    async with full_disk(store):
        await fails(writer, log.add(size_bytes=100_000))
    assert writer.is_failing
    await writer.commit(ShopLog(epoch=writer.epoch).add())
    reports = reports_of(writer)
    assert await is_well(check)
    assert reports == []


async def test_another_shops_commits_do_not_hide_it(store: Store, writer: Writer, log: ShopLog) -> None:
    other = ShopLog(2)
    await store.writer.connection.run(
        lambda db: db.execute(
            "CREATE TEMP TRIGGER broken BEFORE INSERT ON patch_set WHEN NEW.position >> 40 = 1 "
            "BEGIN SELECT RAISE(ABORT, 'this page is damaged'); END"
        )
    )
    await fails(writer, log.add())
    other.epoch = writer.epoch
    for _ in range(3):
        await writer.commit(other.add())
    assert writer.is_failing
    assert not await is_well(WriteCheck(writer))


async def test_a_failing_probe_fails_nobody_else(
    store: Store, writer: Writer, clock: Clock, log: ShopLog
) -> None:
    async with full_disk(store):
        await fails(writer, log.add(size_bytes=100_000))
        probe, note = writer.probe(), writer.put_meta("a", b"note")
        outcomes = await asyncio.gather(probe, note, return_exceptions=True)
    assert isinstance(outcomes[0], StoreUnavailable)
    assert outcomes[1] is None


async def test_who_gives_up_waiting_leaves_the_probe_to_the_others(
    store: Store, writer: Writer, clock: Clock
) -> None:
    reports = reports_of(writer)
    check = WriteCheck(writer, clock=clock)
    first, second = asyncio.create_task(check.check()), asyncio.create_task(check.check())
    await asyncio.sleep(0)
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    await second
    assert len(reports) == 1


async def test_a_closed_store_is_said(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreClosed):
        await WriteCheck(store.writer, clock=lambda: 10.0**9).check()


# -- really damaged files


def overwrite_root(path: Path, name: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        page: int = db.execute(sql, (name,)).fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(b"\xa5" * PAGE_BYTES)


@pytest.mark.parametrize("name", ["patch_index", "patch_index_by_owner", "sqlite_autoindex_object_1"])
async def test_a_damaged_page_of_an_index_is_seen_when_commits_fail_of_it(tmp_path: Path, name: str) -> None:
    log = ShopLog()
    change = (ObjectRow(ObjectType.TAG, b"key", b"value"),)
    async with await Store.open(tmp_path) as store:
        for commit in [*beginning(), log.add(order(1, CARD), changes=change)]:
            await store.writer.commit(commit)
    overwrite_root(tmp_path / FILE_NAME, name)
    clock = Clock()
    async with await Store.open(tmp_path) as store:
        writer = Writer(store.writer.connection, clock=clock)
        check = WriteCheck(writer, clock=clock)
        await check.check()
        await fails(writer, log.add(order(2, CARD), changes=change))
        for _ in range(3):
            assert not await is_well(check)
            await writer.put_meta("tiny", b"write")
            clock.now += PROBE_INTERVAL_S
