"""The whole relay on a disk that is full or fails for a while: it refuses, and goes on (docs/testing.md)."""

import asyncio
import itertools
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession

from minirelay.client import ObjectType, RelayRefused
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.store.connection import CHECKPOINT_PAGES
from minirelay.store.database import FILE_NAME
from tests.failing_fsync import FailingFsync, failing_fsync
from tests.store.test_write_check import overwrite_root
from tests.system.killable import WALLET, KillableRelay, assert_verified, killable_relay
from tests.system.ledger import NOT_STORED, WholeLog
from tests.system.serving import Serving, serving
from tests.system.traffic import Place, Traffic, listing

FAILURES = int(os.environ.get("MINIRELAY_FAILURES", "2"))
SEED = int(os.environ.get("MINIRELAY_SEED", "1"))
TIMEOUT_S = 30.0
PAGE_BYTES, WAL_HEADER_BYTES = 4096, 32

HEALTHY = (200, "health OK")
FAILED = (500, "health FAILED: the database does not take writes")

Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Disk:
    """A disk that can be made to fail."""

    place: Place
    data: Path
    begin: Step
    end: Step


async def health_becomes(place: Place, expected: tuple[int, str]) -> None:
    """Wait until the relay says this of itself; what it says stands for half a second."""
    async with asyncio.timeout(TIMEOUT_S), ClientSession() as http:
        said = None
        while said != expected:
            async with http.get(f"{place.url}/health") as response:
                said = response.status, await response.text()
            await asyncio.sleep(0.05)


async def go_through_a_failure(disk: Disk, traffic: Traffic, draw: random.Random) -> None:
    """Let the disk fail for a while: everything is refused that would be stored, everything else goes on."""
    await traffic.more_acknowledged(draw.choice([1, 20]))
    await disk.begin()
    try:
        await traffic.more_not_stored(draw.choice([1, 10, 40]))
        await traffic.more_not_enrolled(1)
        await health_becomes(disk.place, FAILED)
        await reading_goes_on(disk, traffic)
    finally:
        await disk.end()
    await traffic.more_acknowledged(10)
    await health_becomes(disk.place, HEALTHY)


async def reading_goes_on(disk: Disk, traffic: Traffic) -> None:
    """See to it that everybody gets what is in the log, those who come now included."""
    await traffic.watch_as_guest()
    await traffic.watch_as_visitor()
    log = await WholeLog.read(disk.data, disk.place.shop_id)
    for watcher in traffic.watchers:
        await watcher.has_reached(log)


async def check_all(disk: Disk, traffic: Traffic) -> None:
    """Let everybody finish, and hold all that was said against the log; cards that were refused are free."""
    await traffic.end_writing()
    await traffic.check(await WholeLog.read(disk.data, disk.place.shop_id))
    for key in traffic.enroller.not_stored[-2:]:
        await traffic.enroller.enrol(key)


async def go_through_failures(disk: Disk, relay_address: bytes) -> None:
    draw = random.Random(SEED)
    async with Traffic.at(disk.place, relay_address, draw) as traffic:
        await traffic.begin()
        for _ in range(FAILURES):
            await go_through_a_failure(disk, traffic, draw)
        await check_all(disk, traffic)
        assert not any(writer.connections_lost for writer in traffic.writers)


# -- full


def database_full(relay: Serving, data: Path) -> Disk:
    """Let the database grow no more, as SQLite sees it; what needs no page of its own is still stored."""

    def limit(db: sqlite3.Connection, pages: int | None) -> None:
        now = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {now if pages is None else pages}")

    writing = relay.server.relay.store.writer.connection
    return Disk(
        relay,
        data,
        begin=lambda: writing.run(lambda db: limit(db, None)),
        end=lambda: writing.run(lambda db: limit(db, 10**6)),
    )


async def test_a_full_database_refuses_until_there_is_room(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with serving(tmp_path, dev_chain, deployment) as relay:
        await go_through_failures(database_full(relay, tmp_path), relay.wallet.address)
    await assert_verified(tmp_path)


def files_full(relay: KillableRelay, draw: random.Random) -> Disk:
    """Let the relay's files grow no more, or by little."""

    async def begin() -> None:
        wal = relay.data / f"{FILE_NAME}-wal"
        relay.limit_files(draw.choice([1000, wal.stat().st_size, wal.stat().st_size + 10_000]))

    async def end() -> None:
        relay.lift_limit()

    return Disk(relay, relay.data, begin, end)


@asynccontextmanager
async def sound_in_the_end(relay: KillableRelay) -> AsyncIterator[None]:
    """Run the relay; stop it in the end, and verify what it leaves."""
    await relay.start()
    try:
        yield
    except BaseException as error:
        error.add_note(f"MINIRELAY_SEED={SEED} MINIRELAY_FAILURES={FAILURES}; the relay said:\n{relay.tail}")
        raise
    assert await relay.stop() == 0
    assert not any(" bug" in line for line in relay.log), relay.tail
    await assert_verified(relay.data)


async def test_files_that_cannot_grow_refuse_until_they_can(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with killable_relay(tmp_path, dev_chain, deployment) as relay, sound_in_the_end(relay):
        await go_through_failures(files_full(relay, random.Random(SEED)), WALLET.address)


# -- failing to sync


@pytest.fixture
def broken(tmp_path: Path) -> FailingFsync:
    return failing_fsync(tmp_path)


def unsyncable(relay: KillableRelay, broken: FailingFsync) -> Disk:
    async def begin() -> None:
        broken.begin()

    async def end() -> None:
        broken.end()

    return Disk(relay, relay.data, begin, end)


async def test_a_disk_that_does_not_sync_is_refused_until_it_does(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, broken: FailingFsync
) -> None:
    async with (
        killable_relay(tmp_path, dev_chain, deployment, **broken.variables) as relay,
        sound_in_the_end(relay),
    ):
        await go_through_failures(unsyncable(relay, broken), WALLET.address)


async def start_again_in_the_midst(relay: KillableRelay, disk: Disk, is_unsynced: bool) -> None:
    """Kill or stop the relay while the disk fails, or when it has just begun to work again."""
    draw = random.Random(SEED)
    async with Traffic.at(relay, WALLET.address, draw) as traffic:
        await traffic.begin()
        for _ in range(FAILURES):
            await traffic.more_acknowledged(draw.choice([1, 20]))
            await disk.begin()
            await traffic.more_not_stored(draw.choice([1, 2, 20]))
            is_over = draw.choice([True, False])
            if is_over:
                await disk.end()
                await traffic.more_acknowledged(draw.choice([1, 5]))
            await draw.choice([relay.kill, relay.stop])()
            if is_unsynced and not is_over:
                # Nobody is to read what is not on disk for sure.
                await relay.fork()
                assert await relay.ended() == 1
                assert "-wal: Input/output error" in relay.log[-1]
                await disk.end()
            await relay.start()
        await traffic.more_acknowledged(10)
        await check_all(disk, traffic)


async def test_what_files_had_no_room_for_does_not_come_back_with_the_next_start(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with killable_relay(tmp_path, dev_chain, deployment) as relay, sound_in_the_end(relay):
        disk = files_full(relay, random.Random(SEED))
        await start_again_in_the_midst(relay, disk, is_unsynced=False)


async def test_what_was_not_synced_does_not_come_back_with_the_next_start(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, broken: FailingFsync
) -> None:
    async with (
        killable_relay(tmp_path, dev_chain, deployment, **broken.variables) as relay,
        sound_in_the_end(relay),
    ):
        await start_again_in_the_midst(relay, unsyncable(relay, broken), is_unsynced=True)


def head_of(wal: Path) -> bytes:
    """Read what changes when the write-ahead log begins anew."""
    with wal.open("rb") as file:
        return file.read(WAL_HEADER_BYTES)


async def test_a_checkpoint_that_fails_is_nobody_elses_matter(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, broken: FailingFsync
) -> None:
    async with (
        killable_relay(tmp_path, dev_chain, deployment, **broken.variables) as relay,
        sound_in_the_end(relay),
        Traffic.at(relay, WALLET.address, random.Random(SEED)) as traffic,
    ):
        client, _ = await traffic.client()
        wal, numbers = relay.data / f"{FILE_NAME}-wal", itertools.count(1)

        async def write_much() -> None:
            await client.write([patch for _ in range(12) for patch in listing(next(numbers), "x" * 60_000)])

        broken.begin(FILE_NAME)
        while wal.stat().st_size < (CHECKPOINT_PAGES + 500) * PAGE_BYTES:
            await write_much()
        broken.end()
        # Its checkpoint moves everything, so that the next write begins the write-ahead log anew.
        await write_much()
        acknowledged, head = next(numbers) - 1, head_of(wal)
        broken.begin()
        with pytest.raises(RelayRefused, match=NOT_STORED):
            await write_much()
        assert head_of(wal) != head
        await relay.kill()
        broken.end()
        await relay.start()
        log = await WholeLog.read(relay.data, relay.shop_id)
        written = [one.patch for one in log.naive.patches if one.patch.object_type is ObjectType.LISTING]
        assert len(written) == acknowledged


# -- damaged


async def test_a_damaged_page_of_an_index_is_seen_when_writes_fail_of_it(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with killable_relay(tmp_path, dev_chain, deployment) as relay:
        await relay.start()
        async with Traffic.at(relay, WALLET.address, random.Random(SEED)) as traffic:
            client, _ = await traffic.client()
            await client.write(listing(1, "x"))
            assert await relay.stop() == 0
            path = relay.data / FILE_NAME
            whole = path.read_bytes()
            overwrite_root(path, "patch_index")
            await relay.start()
            await client.reconnect()
            await health_becomes(relay, HEALTHY)
            with pytest.raises(RelayRefused, match=NOT_STORED):
                await client.write(listing(2, "x"))
            await health_becomes(relay, FAILED)
            await relay.kill()
            path.write_bytes(whole)
            await relay.start()
            await client.reconnect()
            await client.write(listing(3, "x"))
            await health_becomes(relay, HEALTHY)
            assert await relay.stop() == 0
    await assert_verified(relay.data)
