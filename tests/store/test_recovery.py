"""A start that finds less than there was: it refuses and changes nothing, or goes on behind a gap."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from minirelay.protocol.gaps import GAP_STEP
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.errors import DataMissing, StoreUnreadable
from minirelay.store.high_water import HIGH_WATER_FILE, HighWater, read_high_water
from minirelay.store.messages import NEW_SHOPS, Gap
from tests.store.examples import ShopLog, beginning, shop_row

SHOP_ID = shop_row().shop_id
OTHER_ID = shop_row(2).shop_id


async def write(directory: Path, log: ShopLog, count: int, **options: bool) -> None:
    """Open a store, go on with the log of shop 1, and close it in order."""
    async with await Store.open(directory, **options) as store:  # type: ignore[arg-type]
        if not log.sets:
            await asyncio.gather(*map(store.writer.commit, beginning()))
        for _ in range(count):
            await store.writer.commit(log.add())


@pytest.fixture
async def log(tmp_path: Path) -> ShopLog:
    """A log that was at 42, over a database that is at 22: an older copy was put in its place."""
    log = ShopLog()
    await write(tmp_path, log, 22)
    shutil.copy(tmp_path / FILE_NAME, tmp_path / "copy")
    await write(tmp_path, log, 20)
    shutil.copy(tmp_path / "copy", tmp_path / FILE_NAME)
    return log


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir() if file.name != "minirelay.lock"}


async def test_an_older_copy_is_refused_in_one_line(tmp_path: Path, log: ShopLog) -> None:
    before = contents(tmp_path)
    for _ in range(2):
        with pytest.raises(DataMissing) as caught:
            await Store.open(tmp_path)
        assert str(caught.value) == (
            f"{tmp_path / FILE_NAME}: data is missing: the log of shop {SHOP_ID} ends with set 22 and went "
            f"on to 42; put its -wal file or a newer copy back beside it ({FILE_NAME}-wal), or start the "
            "relay once with --accept-loss to go on without"
        )
    assert contents(tmp_path) == before


async def test_a_loss_that_is_accepted_leaves_a_gap(
    tmp_path: Path, log: ShopLog, caplog: pytest.LogCaptureFixture
) -> None:
    began = int(time.time())
    async with await Store.open(tmp_path, accepts_loss=True) as store:
        [gap] = await store.reader.gaps(1)
        assert gap.after == 22
        assert began // 60 * GAP_STEP <= gap.next <= time.time() // 60 * GAP_STEP
        assert (await store.reader.gaps(NEW_SHOPS))[0].next == gap.next
        row = await store.reader.shop_of_row(1)
        assert row is not None
        assert row.relay_nonce == gap.next - 1
        # It is said from now on that the database is no further, already before anything is written.
        assert read_high_water(tmp_path / HIGH_WATER_FILE) == HighWater({SHOP_ID: 22}, gap.next)
    assert "all shops count as restored" in caplog.text
    assert "went on to 42" in caplog.text
    assert "--accept-loss" not in caplog.text, "it is what was done"
    # And the next start has nothing against it, nor makes another gap.
    for accepts_loss in (False, True):
        async with await Store.open(tmp_path, accepts_loss=accepts_loss) as store:
            assert await store.reader.gaps(1) == (gap,)


async def test_a_second_loss_within_a_minute_leaves_other_numbers(tmp_path: Path, log: ShopLog) -> None:
    gaps: list[Gap] = []
    for _ in range(3):
        async with await Store.open(tmp_path, accepts_loss=True) as store:
            gaps += await store.reader.gaps(1)
            log.seq = gaps[-1].next - 1
            await store.writer.commit(log.add())
        # Lost again, with the gap.
        shutil.copy(tmp_path / "copy", tmp_path / FILE_NAME)
        with pytest.raises(DataMissing):
            await Store.open(tmp_path)
    assert [gap.after for gap in gaps] == [22, 22, 22]
    assert len({gap.next for gap in gaps}) == 3
    assert gaps == sorted(gaps, key=lambda gap: gap.next)


async def test_the_gap_itself_cannot_be_lost_unnoticed(tmp_path: Path, log: ShopLog) -> None:
    found: list[tuple[Gap, ...]] = []
    for _ in range(2):
        async with await Store.open(tmp_path, accepts_loss=True) as store:
            found.append(await store.reader.gaps(1) + await store.reader.gaps(NEW_SHOPS))
        shutil.copy(tmp_path / "copy", tmp_path / FILE_NAME)
        with pytest.raises(DataMissing, match="restored before"):
            await Store.open(tmp_path)
    # The second within the same minute: what the first had decided on may have been told in any shop.
    assert {gap.next for gap in found[0]}.isdisjoint(gap.next for gap in found[1])


async def test_numbers_told_beyond_the_clock_are_not_given_out_again(tmp_path: Path, log: ShopLog) -> None:
    async with await Store.open(tmp_path, accepts_loss=True) as store:
        [first] = await store.reader.gaps(1)
        log.seq = first.next - 1
        # So many in a minute that the numbers are ahead of the clock.
        log.sets.clear()
        commits = [log.add() for _ in range(2 * GAP_STEP + 10)]
        await asyncio.gather(*map(store.writer.commit, commits))
    shutil.copy(tmp_path / "copy", tmp_path / FILE_NAME)
    async with await Store.open(tmp_path, accepts_loss=True) as store:
        [second] = await store.reader.gaps(1)
    # And some that the file could not know of by then.
    assert second.next > log.seq + GAP_STEP


def empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("lose", [Path.unlink, empty])
async def test_a_database_that_is_gone_is_not_begun_anew(
    tmp_path: Path, log: ShopLog, lose: Callable[[Path], None]
) -> None:
    lose(tmp_path / FILE_NAME)
    before = contents(tmp_path)
    with pytest.raises(DataMissing, match=r"has no sets and went on to 42"):
        await Store.open(tmp_path)
    assert contents(tmp_path) == before
    async with await Store.open(tmp_path, accepts_loss=True) as store:
        assert await store.reader.shops() == []
        for commit in beginning():
            await store.writer.commit(commit)
        [gap] = await store.reader.gaps(1)
        assert gap.after == 0
        with pytest.raises(Exception, match="gap"):
            await store.writer.commit(ShopLog().add())


async def test_a_write_ahead_log_that_was_deleted_or_cut_is_missed(tmp_path: Path) -> None:
    live, killed = tmp_path / "live", tmp_path / "killed"
    log = ShopLog()
    await write(live, log, 3)
    async with await Store.open(live, high_water_interval_s=0.0) as store:
        for _ in range(5):
            await store.writer.commit(log.add())
        async with asyncio.timeout(20):
            while read_high_water(live / HIGH_WATER_FILE) != HighWater({SHOP_ID: 8}):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        shutil.copytree(live, killed)
    wal = killed / f"{FILE_NAME}-wal"
    whole = wal.read_bytes()
    assert len(whole) > 20_000
    for length in (None, 0, 100, len(whole) // 2, len(whole) - 1):
        if length is None:
            wal.unlink()
        else:
            wal.write_bytes(whole[:length])
        with pytest.raises(DataMissing, match=r"ends with set \d and went on to 8"):
            await Store.open(killed)
    # It was put back: nothing was spoilt by trying.
    wal.write_bytes(whole)
    async with await Store.open(killed) as store:
        assert (await store.reader.tail(1))[0] == 8


async def test_a_database_ahead_of_its_file_is_whole(tmp_path: Path) -> None:
    log = ShopLog()
    await write(tmp_path, log, 3)
    lagging = (tmp_path / HIGH_WATER_FILE).read_bytes()
    await write(tmp_path, log, 3)
    (tmp_path / HIGH_WATER_FILE).write_bytes(lagging)
    async with await Store.open(tmp_path):
        # Exact again at once.
        assert read_high_water(tmp_path / HIGH_WATER_FILE) == HighWater({SHOP_ID: 6})


async def test_a_database_from_before_there_was_the_file_gets_one(tmp_path: Path) -> None:
    await write(tmp_path, ShopLog(), 3)
    (tmp_path / HIGH_WATER_FILE).unlink()
    await (await Store.open(tmp_path)).close()
    assert read_high_water(tmp_path / HIGH_WATER_FILE) == HighWater({SHOP_ID: 3})


async def test_whoever_puts_a_copy_where_nothing_was_known_can_ask_for_the_gap(tmp_path: Path) -> None:
    await write(tmp_path, ShopLog(), 3)
    (tmp_path / HIGH_WATER_FILE).unlink()
    async with await Store.open(tmp_path, accepts_loss=True) as store:
        [gap] = await store.reader.gaps(1)
        assert gap.after == 3


@pytest.mark.parametrize("content", [b"", b"rubbish"])
async def test_a_file_that_is_damaged_is_no_reason_to_go_on(tmp_path: Path, content: bytes) -> None:
    await write(tmp_path, ShopLog(), 3)
    path = tmp_path / HIGH_WATER_FILE
    path.write_bytes(content)
    with pytest.raises(DataMissing, match="damaged"):
        await Store.open(tmp_path)
    assert path.read_bytes() == content
    async with await Store.open(tmp_path, accepts_loss=True) as store:
        assert [gap.after for gap in await store.reader.gaps(1)] == [3]
    await (await Store.open(tmp_path)).close()


async def test_a_database_that_cannot_be_read_to_compare_is_not_taken_for_whole(tmp_path: Path) -> None:
    await write(tmp_path, ShopLog(), 3)
    (tmp_path / FILE_NAME).unlink()
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StoreUnreadable):
        await Store.open(tmp_path)


async def test_a_file_that_cannot_be_written_keeps_nobody_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await write(tmp_path, ShopLog(), 3)
    path = tmp_path / HIGH_WATER_FILE
    path.unlink()
    path.with_name(f"{HIGH_WATER_FILE}.part").mkdir()
    async with await Store.open(tmp_path) as store:
        assert (await store.reader.tail(1))[0] == 3
    assert "could not be noted" in caplog.text


async def test_shops_and_cards_of_the_lost_part_can_come_again(tmp_path: Path) -> None:
    """Row ids are given out again, for other shops and cards perhaps; nobody remembers them."""
    log = ShopLog()
    await write(tmp_path, log, 2)
    shutil.copy(tmp_path / FILE_NAME, tmp_path / "copy")
    async with await Store.open(tmp_path) as store:
        for commit in [*beginning(2, cards=(7,)), ShopLog(2).add()]:
            await store.writer.commit(commit)
    shutil.copy(tmp_path / "copy", tmp_path / FILE_NAME)
    with pytest.raises(DataMissing, match=f"shop {OTHER_ID} has no sets"):
        await Store.open(tmp_path)
    async with await Store.open(tmp_path, accepts_loss=True) as store:
        assert (await store.reader.next_rows()).shop == 2
        for commit in beginning(2, cards=(7,)):
            await store.writer.commit(commit)
        other = ShopLog(2)
        other.seq = (await store.reader.gaps(2))[0].next - 1
        await store.writer.commit(other.add())
    await (await Store.open(tmp_path)).close()
