"""The one task that writes: it groups what all shops have queued into transactions."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context

from minirelay.store import bulk_insert
from minirelay.store.batch import Writable, batch_of
from minirelay.store.connection import Connection, unavailable
from minirelay.store.errors import StaleEpoch, StoreClosed
from minirelay.store.failed_commits import FailedCommits, rehearse
from minirelay.store.failure_log import FailureLog
from minirelay.store.file_identity import ANY_FILE, WrittenFile
from minirelay.store.messages import BatchReport
from minirelay.store.wal_recovery import overwrite_failed
from minirelay.store.write_queue import MAX_BATCH_BYTES, Waiting, WriteQueue
from minirelay.store.writes import Commit, MetaRow

log = logging.getLogger(__name__)

# When more waits for its transaction, or is under way, those who make commits should wait: a patch of a few
# bytes may change much of a large object.
MAX_WAITING_BYTES = 4 * MAX_BATCH_BYTES

PROBE_KEY = "probe"


class Writer:
    """Commit in groups, one transaction at a time.

    What is queued while a transaction is under way makes the next one: group commit without a timer.
    When a transaction fails, all commits in it fail, and all that were queued by then, since they were
    judged on states that were never stored. The next commit tries again.

    epoch: goes up by one whenever a commit failed that way. A commit that was judged on a state of an older
    epoch is refused with StaleEpoch; take the epoch *before* loading a state. on_failure: called on the
    loop right after the epoch went up, before any caller that waits hears of it. on_batch: called after each
    transaction that was stored. on_stored: called after each, too, with the last sequence number of each
    shop that has new sets, by its row id. stored_at: when a transaction was stored last, in the clock's
    seconds.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        file: WrittenFile = ANY_FILE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """connection: open, configured to write, with its bulk insert. clock: in seconds.

        file: asked in the connection's thread, before anything is stored and before any caller
        hears that it was.
        """
        self.epoch = 0
        self.stored_at = float("-inf")
        self.on_failure: Callable[[], None] | None = None
        self.on_batch: Callable[[BatchReport], None] | None = None
        self.on_stored: Callable[[Mapping[int, int]], None] | None = None
        self.connection = connection
        """What else runs on it waits in the same line as the commits."""
        self._clock = clock
        self.file = file
        self._failed = FailedCommits(MAX_BATCH_BYTES)
        self._failures = FailureLog(log, clock)
        self._queue = WriteQueue()
        self.is_writing = False
        """Whether a transaction is on its way to the disk."""
        self._is_closing = False
        self._is_scheduled = False

    def commit(self, part: Writable) -> asyncio.Future[None]:
        """Queue something to be stored, all of it or nothing; the future resolves after the fsync.

        The future fails with StoreUnavailable (StaleEpoch) or StoreClosed; the call itself raises nothing.
        """
        if part.epoch is not None and part.epoch != self.epoch:
            return _failed(StaleEpoch("could not be stored: it was judged on a state that was not stored"))
        return self._submit(Waiting(_future(), part, part.weight))

    def commit_step(self, part: Writable) -> asyncio.Future[None]:
        """Queue something large that may wait, judged on no state; see `write_queue.py`.

        The future resolves when it is stored; now and then not before the write-ahead log was moved into the
        database, so that it never grows by much. It fails with StoreUnavailable or StoreClosed.
        """
        if part.epoch is not None:
            raise RuntimeError("what was judged on a state goes with the others")
        return self._submit(Waiting(_future(), part, part.weight, is_step=True))

    def put_meta(self, key: str, value: bytes) -> asyncio.Future[None]:
        """Queue a row of `meta`, which replaces the one with the same key."""
        return self.commit(MetaRow(key, value))

    def barrier(self) -> asyncio.Future[None]:
        """Wait for the commits that were queued so far; fail as they fail, be done soon if there are none."""
        return self._submit(Waiting(_future()))

    @property
    def is_full(self) -> bool:
        """Return whether so much waits that a `barrier` should come before the next commit is made."""
        return self._queue.commit_bytes > MAX_WAITING_BYTES

    @property
    def is_failing(self) -> bool:
        """Return whether commits failed, and neither others of their shops nor a probe were stored since."""
        return bool(self._failed)

    def probe(self) -> asyncio.Future[None]:
        """Check that the disk takes writes, with a transaction of one page; what failed must pass, too.

        It is a real one: what is rolled back in WAL mode never reaches the disk, and would find nothing out.
        """
        row = MetaRow(PROBE_KEY, str(int(time.time())).encode("ascii"))
        return self._submit(Waiting(_future(), row, row.weight, is_probe=True))

    async def close(self) -> None:
        """Refuse what comes from now on, and wait until everything that was queued is settled."""
        ends = [self.barrier(), self._submit(Waiting(_future(), is_step=True))]
        self._is_closing = True
        await asyncio.wait(ends)

    def _submit(self, waiting: Waiting) -> asyncio.Future[None]:
        if self._is_closing:
            return _failed(StoreClosed("the database is closed"))
        self._queue.add(waiting)
        self._schedule()
        return waiting.done

    def _schedule(self) -> None:
        """Start at the end of this turn of the loop, so that all of the turn goes into one batch."""
        if not self._is_scheduled and not self.is_writing and self._queue:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._start, context=Context())

    def _start(self) -> None:
        self._is_scheduled = False
        batch = self._queue.take(is_failing=self.is_failing)
        parts = _parts(batch)
        if not parts and not batch[0].moves:
            self._settle(batch, None)
            return
        self.is_writing = True
        loop = asyncio.get_running_loop()
        rehearsed = self._failed.all() if batch[0].is_probe else ()

        def write(connection: sqlite3.Connection) -> None:
            if batch[0].moves:
                outcome: BatchReport | BaseException | None = _move(connection, self.file)
            else:
                outcome = _write(connection, parts, rehearsed, self.file)
            loop.call_soon_threadsafe(self._settle, batch, outcome)

        try:
            self.connection.post(write)
        except StoreClosed as error:
            self._settle(batch, error)

    def _settle(self, batch: list[Waiting], outcome: BatchReport | BaseException | None) -> None:
        self.is_writing = False
        told = self._queue.settle(batch, is_stored=not isinstance(outcome, BaseException))
        self._note(batch, outcome)
        if isinstance(outcome, BaseException):
            self._failures.failed(outcome)
            self._fail(batch, outcome)
        else:
            if outcome is not None:
                self._failures.stored()
            for waiting in told:
                _resolve(waiting.done)
            if outcome is not None and self.on_batch is not None:
                self.on_batch(outcome)
        self._schedule()

    def _note(self, batch: list[Waiting], outcome: BatchReport | BaseException | None) -> None:
        """Remember what this says about the writes to come."""
        if isinstance(outcome, sqlite3.Error):
            self._failed.add(_parts(batch))
        elif isinstance(outcome, BatchReport):
            self.stored_at = self._clock()
            if outcome.ends and self.on_stored is not None:
                self.on_stored(outcome.ends)
            if batch[0].is_probe:
                self._failed.clear()
            elif self._failed:
                self._failed.forget(_parts(batch))

    def _fail(self, batch: list[Waiting], error: BaseException) -> None:
        is_state_lost = _count_judged(_parts(batch)) > 0
        if is_state_lost:
            batch = [*batch, *self._queue.drop_commits()]
            self.epoch += 1
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_exception(unavailable("store it", error))
        if is_state_lost and self.on_failure is not None:
            self.on_failure()


def _parts(batch: list[Waiting]) -> list[Writable]:
    return [waiting.part for waiting in batch if waiting.part is not None]


def _count_judged(parts: Sequence[Writable]) -> int:
    """Count those that were judged on a state."""
    return sum([part.epoch is not None for part in parts])


def _write(
    connection: sqlite3.Connection,
    parts: Sequence[Writable],
    rehearsed: Sequence[Commit],
    file: WrittenFile,
) -> BatchReport | BaseException:
    """Store a batch, in the connection's thread; give what went wrong instead of raising it.

    rehearsed: commits that failed before, and would have to pass now.
    """
    judged = _count_judged(parts)
    try:
        file.begin_write()
    except Exception as error:  # noqa: BLE001 - whatever it is, those who wait hear of it
        return error
    try:
        if rehearsed:
            rehearse(connection, rehearsed, MAX_BATCH_BYTES)
        batch = batch_of(parts)
        rows = batch.rows()
        start = time.perf_counter()
        bulk_insert.store(connection, rows.statements())
        report = BatchReport(judged, len(rows), batch.ends, time.perf_counter() - start)
        file.confirm_stored()
        return report
    except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait hear of it
        if judged:
            overwrite_failed(connection, error)
        return error
    finally:
        file.end_write()


def _move(connection: sqlite3.Connection, file: WrittenFile) -> BaseException | None:
    """Move the write-ahead log into the database, and give memory back; give what went wrong.

    What SQLite moves by itself would be 16 MiB, and all commits would wait for that.
    """
    try:
        file.begin_write()
    except Exception as error:  # noqa: BLE001 - whatever it is, those who wait hear of it
        return error
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        connection.execute("PRAGMA shrink_memory")
    except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait hear of it
        return error
    finally:
        file.end_write()
    return None


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


def _failed(error: Exception) -> asyncio.Future[None]:
    future = _future()
    future.set_exception(error)
    return future


def _resolve(future: asyncio.Future[None]) -> None:
    # Whoever waited may have been cancelled meanwhile, and the future with it.
    if not future.done():
        future.set_result(None)
