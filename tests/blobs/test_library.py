"""The blobs in the store."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from minirelay.blobs import library as library_module
from minirelay.blobs.cid import write_cid
from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.media_type import TEXT
from minirelay.blobs.unixfs import CHUNK_BYTES
from minirelay.relay.clock import utc_now
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.messages import ShopRow
from minirelay.store.write_queue import SLICE_BYTES
from minirelay.store.writes import Commit

SHOP, OTHER_SHOP = 1, 2


@asynccontextmanager
async def opened(directory: Path, shop_bytes: int = 2**30) -> AsyncIterator[BlobLibrary]:
    async with await Store.open(directory) as store:
        for row in (SHOP, OTHER_SHOP):
            if await store.reader.shop_of_row(row) is None:
                await store.writer.commit(Commit(epoch=0, shop=row, new_shop=ShopRow(row, row, 0)))
        async with BlobLibrary.opened(store, shop_bytes=shop_bytes, now=utc_now) as library:
            yield library


async def put(library: BlobLibrary, data: bytes, shop: int = SHOP, piece: int = 50_000) -> bytes:
    async with library.upload(shop) as upload:
        for start in range(0, len(data), piece):
            await upload.add(data[start : start + piece])
        return await upload.finish()


async def break_off(library: BlobLibrary, data: bytes) -> None:
    async with library.upload(SHOP) as upload:
        await upload.add(data)
        raise ConnectionError


async def content(library: BlobLibrary, digest: bytes, start: int = 0, stop: int | None = None) -> bytes:
    blob = await library.find(digest)
    assert blob is not None
    stop = blob.size if stop is None else stop
    return b"".join([piece async for piece in library.read(blob, start, stop)])


def rows(directory: Path) -> dict[str, int]:
    with sqlite3.connect(f"file:{directory / FILE_NAME}?mode=ro", uri=True) as db:
        tables = ("blob", "shop_blob", "blob_block", "block")
        counted = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    db.close()
    return counted


NOTHING = {"blob": 0, "shop_blob": 0, "blob_block": 0, "block": 0}


@pytest.mark.parametrize(
    "size", [0, 1, 1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 1_000_003]
)
async def test_a_file_comes_back_as_it_was(tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    async with opened(tmp_path) as library:
        digest = await put(library, data)
        assert await content(library, digest) == data
    async with opened(tmp_path) as library:
        assert await content(library, digest) == data


async def test_any_range_of_it_comes_back(tmp_path: Path) -> None:
    chance = random.Random(4)
    data = chance.randbytes(2 * CHUNK_BYTES + 77)
    async with opened(tmp_path) as library:
        digest = await put(library, data)
        for _ in range(60):
            start = chance.randrange(len(data))
            stop = chance.randrange(start, len(data) + 1)
            assert await content(library, digest, start, stop) == data[start:stop]


async def test_its_cid_and_type_are_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        blob = await library.find(await put(library, b"hello world\n"))
        assert blob is not None
        assert write_cid(blob.hash) == "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
        assert (blob.media_type, blob.size) == (TEXT, 12)


async def test_the_same_bytes_are_stored_once(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(2 * CHUNK_BYTES)
    async with opened(tmp_path) as library:
        first = await put(library, data)
        before = rows(tmp_path)
        again = await asyncio.gather(*[put(library, data, shop) for shop in (SHOP, OTHER_SHOP, SHOP)])
        await library.finish_removals()
        assert set(again) == {first}
        assert rows(tmp_path) == before | {"shop_blob": 2}
        assert await content(library, first) == data


async def test_an_upload_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    data = random.Random(2).randbytes(40 * CHUNK_BYTES)
    async with opened(tmp_path) as library:
        with pytest.raises(ConnectionError):
            await break_off(library, data)
        await library.finish_removals()
        assert rows(tmp_path) == NOTHING


@pytest.mark.parametrize("turns", range(1, 8))
async def test_an_upload_that_is_broken_off_as_it_begins_leaves_nothing(tmp_path: Path, turns: int) -> None:
    async with opened(tmp_path) as library:
        task = asyncio.create_task(break_off(library, b""))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await library.store.writer.barrier()
        await library.finish_removals()
        assert await library.store.reader.unfinished_blobs() == []


async def test_an_upload_that_dies_with_the_relay_leaves_nothing_behind_the_next_start(
    tmp_path: Path,
) -> None:
    data = random.Random(3).randbytes(3 * CHUNK_BYTES + 1)
    async with opened(tmp_path) as library:
        kept = await put(library, data[:CHUNK_BYTES])
        # As a kill leaves it: nobody gets to clean up.
        upload = library.upload(SHOP)
        await (await upload.__aenter__()).add(data)
        assert rows(tmp_path)["blob"] == 2
    async with opened(tmp_path) as library:
        await library.finish_removals()
        assert rows(tmp_path) == {"blob": 1, "shop_blob": 1, "blob_block": 1, "block": 1}
        assert await content(library, kept) == data[:CHUNK_BYTES]


async def test_what_is_not_whole_is_not_found(tmp_path: Path) -> None:
    data = random.Random(5).randbytes(CHUNK_BYTES + 1)
    async with opened(tmp_path) as library:
        digest = await put(library, data)
        blob = await library.find(digest)
        assert blob is not None
        await library.remove(blob)
        assert rows(tmp_path) == NOTHING
        async with library.upload(SHOP) as upload:
            await upload.add(data)
            assert await library.find(digest) is None
            assert await upload.finish() == digest
        assert await content(library, digest) == data


async def test_removing_a_blob_keeps_what_others_share_with_it(tmp_path: Path) -> None:
    shared = random.Random(6).randbytes(20 * CHUNK_BYTES)
    async with opened(tmp_path) as library:
        one, other = await put(library, shared + b"one"), await put(library, shared + b"other")
        blob = await library.find(one)
        assert blob is not None
        await library.remove(blob)
        assert await library.find(one) is None
        assert await content(library, other) == shared + b"other"


async def test_a_file_that_repeats_itself_can_be_removed(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        digest = await put(library, bytes(40 * CHUNK_BYTES))
        assert rows(tmp_path)["block"] == 2
        assert await content(library, digest, 5 * CHUNK_BYTES, 6 * CHUNK_BYTES) == bytes(CHUNK_BYTES)
        blob = await library.find(digest)
        assert blob is not None
        await library.remove(blob)
        assert rows(tmp_path) == NOTHING


async def test_blocks_are_removed_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "REMOVED_AT_ONCE", 2)
    async with opened(tmp_path) as library:
        digest = await put(library, random.Random(7).randbytes(6 * CHUNK_BYTES))
        blob = await library.find(digest)
        assert blob is not None
        batches: list[int] = []
        library.store.writer.on_batch = lambda report: batches.append(report.rows)
        await library.remove(blob)
        assert len(batches) == 1 + 4
        assert rows(tmp_path) == NOTHING


async def test_uploads_never_leave_much_to_be_checkpointed_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        files = [random.Random(seed).randbytes(2 * 1024 * 1024) for seed in range(8)]
        await asyncio.gather(*[put(library, data, piece=100_000) for data in files])
        logged_bytes = (tmp_path / f"{FILE_NAME}-wal").stat().st_size
    assert SLICE_BYTES < logged_bytes < 2 * SLICE_BYTES


async def test_uploads_store_a_block_at_a_time_and_a_write_goes_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        writer = library.store.writer
        batches: list[int] = []
        writer.on_batch = lambda report: batches.append(report.rows)
        files = [random.Random(seed).randbytes(6 * CHUNK_BYTES) for seed in range(8)]
        uploads = asyncio.gather(*[put(library, data) for data in files])
        waited = []
        while not uploads.done():
            before = len(batches)
            await writer.put_meta("a", b"1")
            waited.append(len(batches) - before)
        await uploads
    # The one that was under way, perhaps one whose turn it was, and its own.
    assert max(waited) <= 3
