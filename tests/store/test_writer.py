import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from minirelay.errors import StoreError
from minirelay.protocol.objects import ObjectType
from minirelay.store import write_queue
from minirelay.store import writer as writer_module
from minirelay.store.batch import Batch
from minirelay.store.blob_rows import BlobBlock
from minirelay.store.bulk_insert import Kind
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.errors import StaleEpoch, StoreClosed, StoreUnavailable
from minirelay.store.messages import BatchReport, ObjectRow
from minirelay.store.writer import PROBE_KEY
from minirelay.store.writes import Commit, MetaRow
from tests.store import limited_process, writing_process
from tests.store.examples import CARD, GUEST, ShopLog, beginning, key_card, listing, wire_of

ROOT = Path(__file__).parent.parent.parent
TIMEOUT_S = 60
ALL = 10**9


async def outcomes(*futures: asyncio.Future[None]) -> list[type[BaseException] | None]:
    results = await asyncio.gather(*futures, return_exceptions=True)
    return [None if result is None else type(result) for result in results]


async def stored_seqs(store: Store) -> list[int]:
    page = await store.reader.page(1, after_seq=0, upto_seq=10**6, max_patches=ALL, max_bytes=ALL)
    return [one.seq for one in page]


def reports_of(store: Store) -> list[BatchReport]:
    reports: list[BatchReport] = []
    store.writer.on_batch = reports.append
    return reports


@asynccontextmanager
async def held_up(store: Store) -> AsyncIterator[None]:
    """Keep the writing thread busy, so that what is queued meanwhile waits for one transaction."""
    go_on = threading.Event()

    def wait(_: sqlite3.Connection) -> None:
        go_on.wait(TIMEOUT_S)

    store.writer.connection.post(wait)
    try:
        yield
    finally:
        go_on.set()


@asynccontextmanager
async def full_disk(store: Store) -> AsyncIterator[None]:
    """Let the database file grow no more."""

    def limit(db: sqlite3.Connection, pages: int | None) -> None:
        now = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {now if pages is None else pages}")

    await store.writer.connection.run(lambda db: limit(db, None))
    try:
        yield
    finally:
        await store.writer.connection.run(lambda db: limit(db, 10**6))


async def test_what_is_reported_can_be_read_and_is_synced(store: Store) -> None:
    log = ShopLog()
    await store.writer.commit(log.add(nonces={CARD: 2**63}, relay_nonce=4))
    assert await stored_seqs(store) == [1]
    assert (await store.reader.cards(1))[0].last_nonce == 2**63
    assert (await store.reader.shops())[0].relay_nonce == 4
    assert await store.writer.connection.run(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (2,)


async def test_what_one_turn_of_the_loop_submits_is_one_transaction(store: Store) -> None:
    reports = reports_of(store)
    log = ShopLog()
    futures = [store.writer.commit(log.add()) for _ in range(200)]
    assert not any(future.done() for future in futures)
    await asyncio.gather(*futures)
    assert [report.commits for report in reports] == [200]
    assert reports[0].rows == 400
    assert reports[0].duration_s > 0
    assert await stored_seqs(store) == list(range(1, 201))


async def test_what_comes_during_a_transaction_makes_the_next_one(store: Store) -> None:
    reports = reports_of(store)
    log = ShopLog()
    async with held_up(store):
        futures = [store.writer.commit(log.add())]
        for _ in range(3):
            # Let the first transaction begin, and time pass before each of the others.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            futures.append(store.writer.commit(log.add()))
    await asyncio.gather(*futures)
    assert [report.commits for report in reports] == [1, 3]


async def test_it_is_full_while_much_waits(store: Store) -> None:
    log = ShopLog()
    size_bytes = writer_module.MAX_WAITING_BYTES // 5
    async with held_up(store):
        futures = [store.writer.commit(log.add(size_bytes=size_bytes)) for _ in range(4)]
        # What is under way counts, too.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not store.writer.is_full
        futures.append(store.writer.commit(log.add(size_bytes=size_bytes)))
        barrier = store.writer.barrier()
        assert store.writer.is_full
    await barrier
    assert not store.writer.is_full
    await asyncio.gather(*futures)
    async with full_disk(store):
        futures = [store.writer.commit(log.add(size_bytes=size_bytes)) for _ in range(6)]
        assert store.writer.is_full
        assert set(await outcomes(*futures)) == {StoreUnavailable}
    assert not store.writer.is_full


async def test_commits_are_reported_in_the_order_in_which_they_were_queued(store: Store) -> None:
    log = ShopLog()
    reported: list[int] = []

    async def commit() -> None:
        commit = log.add()
        await store.writer.commit(commit)
        reported.append(commit.sets[0].seq)

    await asyncio.gather(*[commit() for _ in range(100)])
    assert reported == list(range(1, 101))


async def test_a_transaction_is_bounded_in_commits_and_bytes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "MAX_BATCH_PARTS", 10)
    reports = reports_of(store)
    log = ShopLog()
    await asyncio.gather(*[store.writer.commit(log.add()) for _ in range(25)])
    assert [report.commits for report in reports] == [10, 10, 5]
    reports.clear()
    monkeypatch.setattr(write_queue, "MAX_BATCH_BYTES", 3000)
    sizes = [1000, 1000, 5000, 10, 2000, 2000]
    await asyncio.gather(*[store.writer.commit(log.add(size_bytes=size)) for size in sizes])
    assert [report.commits for report in reports] == [2, 1, 2, 1]
    assert await stored_seqs(store) == list(range(1, 32))


async def test_a_set_with_very_many_patches_is_stored_whole(store: Store) -> None:
    log = ShopLog()
    leaves = [listing(7)] * 16_384
    changes = tuple(ObjectRow(ObjectType.LISTING, b"%d" % number, b"v") for number in range(5000))
    await store.writer.commit(log.add(*leaves, size_bytes=3_000_000, changes=changes))
    assert await store.reader.page(1, after_seq=0, upto_seq=1, max_patches=1, max_bytes=1) == log.sets
    assert len(await store.reader.load_objects(1)) == 5000


async def test_a_full_disk_refuses_everything_and_is_recovered_from(store: Store) -> None:
    lost: list[int] = []
    store.writer.on_failure = lambda: lost.append(store.writer.epoch)
    log = ShopLog()
    await store.writer.commit(log.add())
    async with full_disk(store):
        futures = [store.writer.commit(log.add(size_bytes=100_000)) for _ in range(3)]
        assert await outcomes(*futures) == [StoreUnavailable] * 3
        error = futures[0].exception()
        assert isinstance(error, StoreError)
        assert "disk is full" in str(error)
        assert isinstance(error.__cause__, sqlite3.OperationalError)
        assert (store.writer.epoch, lost) == (1, [1])
        # What was judged on the lost state is refused, whatever the disk does.
        assert await outcomes(store.writer.commit(log.add())) == [StaleEpoch]
        # What is judged on the state that was stored is tried, and fails as long as the disk is full.
        retry = ShopLog(epoch=1, seq=1, counts=log.sets[0].counts)
        assert await outcomes(store.writer.commit(retry.add(size_bytes=100_000))) == [StoreUnavailable]
        assert (store.writer.epoch, lost) == (2, [1, 2])
        assert await stored_seqs(store) == [1]
    seq, counts = await store.reader.tail(1)
    log = ShopLog(epoch=2, seq=seq, counts=counts)
    await asyncio.gather(*[store.writer.commit(log.add(size_bytes=100_000)) for _ in range(3)])
    assert await stored_seqs(store) == [1, 2, 3, 4]


async def test_what_was_queued_behind_a_failure_fails_with_it(store: Store) -> None:
    reports = reports_of(store)
    log = ShopLog()
    heard: list[str] = []
    store.writer.on_failure = lambda: heard.append("hook")
    async with full_disk(store), held_up(store):
        first = store.writer.commit(log.add(size_bytes=100_000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        behind = [store.writer.commit(log.add()), store.writer.barrier(), store.writer.put_meta("k", b"v")]
        for future in (first, *behind):
            future.add_done_callback(lambda _: heard.append("future"))
    assert await outcomes(first, *behind) == [StoreUnavailable] * 4
    # Whoever reloads in the hook has done so before anybody hears of the failure.
    assert heard == ["hook"] + ["future"] * 4
    assert reports == []
    assert await stored_seqs(store) == []
    assert await store.reader.get_meta("k") is None
    assert store.writer.epoch == 1


async def test_a_failure_that_lost_no_state_refuses_nobody_else(store: Store) -> None:
    log = ShopLog()
    lost: list[str] = []
    store.writer.on_failure = lambda: lost.append("state")
    async with held_up(store):
        bad = store.writer.put_meta("key", "text is no bytes")  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        good = store.writer.commit(log.add())
    assert await outcomes(bad, good) == [StoreUnavailable, None]
    assert (store.writer.epoch, lost) == (0, [])


async def test_a_gap_in_the_log_is_refused(store: Store) -> None:
    log = ShopLog()
    await store.writer.commit(log.add())
    log.add()
    future = store.writer.commit(log.add())
    assert await outcomes(future) == [StoreUnavailable]
    assert "gap" in str(future.exception())
    assert await stored_seqs(store) == [1]


@pytest.mark.parametrize(
    "fields",
    [
        {"nonces": {CARD: 2**64}},
        {"nonces": {99: 1}},
        {"relay_nonce": 2**63},
        {"unlinked": (99,)},
        {"changes": (ObjectRow(ObjectType.TAG, "text", b""),)},  # type: ignore[arg-type]
    ],
)
async def test_a_commit_that_no_row_can_hold_fails_instead_of_hanging(
    store: Store, fields: dict[str, Any]
) -> None:
    log = ShopLog()
    assert await outcomes(store.writer.commit(log.add(**fields))) == [StoreUnavailable]
    log = ShopLog(epoch=store.writer.epoch)
    assert await outcomes(store.writer.commit(log.add())) == [None]


async def test_a_database_that_is_busy_is_tried_again_later(store: Store) -> None:
    await store.writer.connection.run(lambda db: db.execute("PRAGMA busy_timeout = 10"))
    intruder = sqlite3.connect(store.path)
    intruder.execute("BEGIN IMMEDIATE")
    future = store.writer.commit(ShopLog().add())
    assert await outcomes(future, store.writer.probe()) == [StoreUnavailable] * 2
    assert "locked" in str(future.exception())
    intruder.rollback()
    intruder.close()
    assert await outcomes(store.writer.commit(ShopLog(epoch=1).add()), store.writer.probe()) == [None] * 2


async def test_who_gives_up_waiting_changes_nothing_for_the_others(store: Store) -> None:
    log = ShopLog()
    futures = [store.writer.commit(log.add()) for _ in range(3)]
    futures[1].cancel()
    assert await outcomes(*futures) == [None, asyncio.CancelledError, None]
    assert await stored_seqs(store) == [1, 2, 3]


async def test_a_barrier_waits_for_what_is_queued_and_writes_nothing(store: Store) -> None:
    reports = reports_of(store)
    await store.writer.barrier()
    assert reports == []
    log = ShopLog()
    async with held_up(store):
        commit = store.writer.commit(log.add())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        barrier = store.writer.barrier()
    await barrier
    assert commit.done()
    assert [report.commits for report in reports] == [1]


async def test_a_probe_reaches_the_disk_and_is_seen_to(store: Store) -> None:
    wal = store.path.with_name(f"{FILE_NAME}-wal")
    before = wal.stat().st_size
    await store.writer.probe()
    assert wal.stat().st_size > before
    assert int(await store.reader.get_meta(PROBE_KEY) or b"") > 1_700_000_000


async def test_a_note_is_replaced_and_shares_the_transaction(store: Store) -> None:
    reports = reports_of(store)
    log = ShopLog()
    await asyncio.gather(
        store.writer.put_meta("cursor", b"1"),
        store.writer.commit(log.add()),
        store.writer.put_meta("cursor", b"\x00\x02"),
    )
    assert await store.reader.get_meta("cursor") == b"\x00\x02"
    assert [(report.commits, report.rows) for report in reports] == [(1, 3)]


async def test_closing_settles_what_was_queued_and_refuses_what_comes_after(store: Store) -> None:
    log = ShopLog()
    futures = [store.writer.commit(log.add()) for _ in range(10)]
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    late = store.writer.commit(log.add())
    await closing
    assert await outcomes(*futures, late, store.writer.probe()) == [None] * 10 + [StoreClosed] * 2


async def test_shops_and_cards_of_one_batch_can_be_used_at_once(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        log = ShopLog()
        commits = [
            *beginning(cards=(CARD, GUEST)),
            log.add(nonces={CARD: 1, GUEST: 2}),
            log.add(unlinked=(GUEST,)),
        ]
        await asyncio.gather(*map(store.writer.commit, commits))
        assert [(card.last_nonce, card.is_unlinked) for card in await store.reader.cards(1)] == [
            (1, False),
            (2, True),
        ]


async def test_a_stale_commit_is_refused_without_a_transaction(store: Store) -> None:
    reports = reports_of(store)
    assert await outcomes(store.writer.commit(Commit(epoch=7, shop=1))) == [StaleEpoch]
    assert reports == []


async def run_until_killed(directory: Path, kill_after: int) -> tuple[int, int]:
    """Let a process write, kill it after some reports; give what it started from and what it reported."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        writing_process.__name__,
        str(directory),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    start = int((await process.stdout.readline()).removeprefix(b"open "))
    for _ in range(kill_after):
        reported = await process.stdout.readline()
    process.kill()
    lines = [reported, *(await process.stdout.read()).splitlines(keepends=True)]
    await process.wait()
    return start, int([line for line in lines if line.endswith(b"\n")][-1])


async def test_a_killed_process_lost_nothing_that_it_had_reported(tmp_path: Path) -> None:
    last = 0
    for kill_after in (1, 3, 10, 40, 90):
        start, reported = await run_until_killed(tmp_path, kill_after)
        assert start >= last
        assert reported > start
        async with await Store.open(tmp_path) as store:
            seq, counts = await store.reader.tail(1)
            assert seq >= reported
            page = await store.reader.page(1, after_seq=0, upto_seq=seq, max_patches=ALL, max_bytes=ALL)
            assert [one.seq for one in page] == list(range(1, seq + 1))
            assert all(one.wire == wire_of(one.seq) for one in page)
            assert page[-1].counts == counts
            # All that one commit writes is there, or nothing of it.
            assert counts.total == seq * writing_process.LEAVES
            rows = await store.writer.connection.run(
                lambda db: db.execute("SELECT count(*), max(seq) FROM patch_index").fetchone()
            )
            assert rows == (counts.total, seq)
            (counter,) = await store.reader.load_objects(1)
            assert (counter.key, int.from_bytes(counter.value, "big")) == (writing_process.COUNTER, seq)
            assert (await store.reader.cards(1))[0].last_nonce == seq
            assert (await store.reader.shops())[0].relay_nonce == seq
            integrity = await store.writer.connection.run(
                lambda db: db.execute("PRAGMA integrity_check").fetchone()
            )
            assert integrity == ("ok",)
        last = seq


async def test_files_that_cannot_grow_refuse_everything_and_are_recovered_from(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        limited_process.__name__,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    acknowledged, end = map(int, out.split())
    async with await Store.open(tmp_path) as store:
        assert (await store.reader.tail(1))[0] == end == acknowledged + 500


NEW = 50


class Card(NamedTuple):
    """Something that the writer knows nothing about: it enrols a card, or tries to."""

    row_id: int
    shop: int
    epoch: int | None = None
    weight: int = 100

    def add_to(self, batch: Batch) -> None:
        card = key_card(self.row_id, self.shop)
        batch.insert(
            Kind.KEY_CARD, card.row_id, card.public_key, card.shop, card.wallet, False, bytes(8), False, 0
        )


async def test_anything_that_has_rows_shares_the_transaction(store: Store) -> None:
    reports = reports_of(store)
    log = ShopLog()
    await asyncio.gather(store.writer.commit(log.add()), store.writer.commit(Card(NEW, 1)))
    assert [(report.commits, report.rows) for report in reports] == [(1, 3)]
    assert [card.row_id for card in await store.reader.cards(1)][-1:] == [NEW]


async def test_what_was_judged_on_no_state_fails_without_taking_the_state_along(store: Store) -> None:
    async with held_up(store):
        unknown = store.writer.commit(Card(NEW, shop=99))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        good = store.writer.commit(ShopLog().add())
    assert await outcomes(unknown, good) == [StoreUnavailable, None]
    assert (store.writer.epoch, store.writer.is_failing) == (0, False)


async def test_what_was_judged_on_a_state_fails_with_it_and_is_refused_when_it_is_stale(store: Store) -> None:
    assert await outcomes(store.writer.commit(Card(NEW, shop=99, epoch=0))) == [StoreUnavailable]
    assert store.writer.epoch == 1
    assert await outcomes(store.writer.commit(Card(NEW, shop=1, epoch=0))) == [StaleEpoch]
    assert await outcomes(store.writer.commit(Card(NEW, shop=1, epoch=1))) == [None]


async def test_a_transaction_is_bounded_whatever_its_parts_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "MAX_BATCH_PARTS", 4)
    reports = reports_of(store)
    await asyncio.gather(*[store.writer.commit(Card(NEW + number, 1)) for number in range(10)])
    assert [report.rows for report in reports] == [4, 4, 2]
    reports.clear()
    weight = write_queue.MAX_BATCH_BYTES // 2
    heavy = [Card(100 + number, 1, weight=weight) for number in range(4)]
    await asyncio.gather(*map(store.writer.commit, heavy))
    assert [report.rows for report in reports] == [2, 2]


async def test_what_steps_stored_is_moved_into_the_database_itself(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "first") as store:
        await store.writer.put_meta("a", b"1")
        await store.writer.commit_step(MetaRow("b", bytes(write_queue.SLICE_BYTES)))
        (tmp_path / FILE_NAME).write_bytes((tmp_path / "first" / FILE_NAME).read_bytes())
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as copy:
        assert copy.execute("SELECT value FROM meta WHERE key = 'a'").fetchone() == (b"1",)


async def test_a_commit_is_stored_before_the_steps_that_wait(store: Store) -> None:
    reports = reports_of(store)
    log = ShopLog()
    async with held_up(store):
        steps = [store.writer.commit_step(MetaRow(str(n), bytes(256 * 1024))) for n in range(16)]
        await asyncio.sleep(0)  # The first is under way.
        commit = store.writer.commit(log.add())
    await asyncio.gather(commit, *steps)
    assert [report.commits for report in reports] == [0, 1, *[0] * 15]


async def test_what_was_judged_on_a_state_is_no_step(store: Store) -> None:
    with pytest.raises(RuntimeError, match="judged"):
        store.writer.commit_step(ShopLog().add())


async def test_a_lost_state_loses_no_steps(store: Store) -> None:
    log = ShopLog()
    await store.writer.commit(log.add())
    log.add()  # It never reaches the store.
    async with held_up(store):
        missing = store.writer.commit(log.add())
        step = store.writer.commit_step(MetaRow("a", b"1"))
    assert await outcomes(missing, step) == [StoreUnavailable, None]
    assert await store.reader.get_meta("a") == b"1"


async def test_a_step_that_can_not_be_stored_fails_no_commit(store: Store) -> None:
    epoch = store.writer.epoch
    async with held_up(store):
        wrong = store.writer.commit_step(BlobBlock(1, 0, bytes(31), b"a hash that is none"))
        commit = store.writer.commit(ShopLog().add())
    assert await outcomes(wrong, commit) == [StoreUnavailable, None]
    assert store.writer.epoch == epoch
    assert not store.writer.is_failing


async def test_the_end_waits_for_all_steps(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        steps = [store.writer.commit_step(MetaRow(str(n), bytes(256 * 1024))) for n in range(5)]
    assert await outcomes(*steps) == [None] * 5
    assert await outcomes(store.writer.commit_step(MetaRow("late", b""))) == [StoreClosed]
