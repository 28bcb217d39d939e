"""Blobs as rows; what they are for is tested with the library."""

import pytest

from minirelay.errors import StoreError
from minirelay.store.blob_rows import BegunBlob, BlobBlock, RemovedBlocks, UnservedBlob, WholeBlob
from minirelay.store.database import Store
from minirelay.store.messages import BlobRow, ShopBlob

HASH, OTHER = b"\x01" * 32, b"\x02" * 32
SHOP = 1


async def put(store: Store, blob: int, hash_: bytes = HASH, data: bytes = b"data") -> None:
    await store.writer.commit(BegunBlob(blob))
    await store.writer.commit(BlobBlock(blob, 0, hash_, data))
    await store.writer.commit(WholeBlob(blob, hash_, len(data), "image/png", SHOP, 1_800_000_000))


async def test_a_blob_is_found_when_it_is_whole(store: Store) -> None:
    await store.writer.commit(BegunBlob(3))
    assert await store.reader.unfinished_blobs() == [3]
    assert await store.reader.next_blob() == 4
    await store.writer.commit(BlobBlock(3, 0, HASH, b"0123456789"))
    assert await store.reader.blob(HASH) is None
    await store.writer.commit(WholeBlob(3, HASH, 8000, "image/png", SHOP, 1_800_000_000))
    assert await store.reader.blob(HASH) == BlobRow(3, HASH, 8000, "image/png")
    assert await store.reader.unfinished_blobs() == []
    assert await store.reader.blob_part(3, 0, 2, 5) == b"23456"
    assert await store.reader.blob_bytes(SHOP) == 8000
    assert await store.reader.blob_bytes(SHOP + 1) == 0
    assert await store.reader.shop_has_blob(SHOP, HASH)
    assert not await store.reader.shop_has_blob(SHOP + 1, HASH)
    assert not await store.reader.shop_has_blob(SHOP, OTHER)
    assert await store.reader.shop_blobs() == [ShopBlob(SHOP, 8000, 1_800_000_000, HASH, "image/png")]


@pytest.mark.parametrize(("place", "start", "length"), [(1, 0, 1), (0, 3, 2), (0, 4, 1)])
async def test_a_part_that_is_not_there_is_no_empty_one(
    store: Store, place: int, start: int, length: int
) -> None:
    await put(store, 1)
    with pytest.raises(StoreError):
        await store.reader.blob_part(1, place, start, length)


async def test_a_second_blob_of_the_same_bytes_stays_unfinished(store: Store) -> None:
    await put(store, 1)
    await put(store, 2)
    assert await store.reader.unfinished_blobs() == [2]
    assert await store.reader.blob(HASH) == BlobRow(1, HASH, 4, "image/png")
    await store.writer.commit(RemovedBlocks(2, 16, True))
    assert await store.reader.blob_part(1, 0, 0, 4) == b"data"


async def test_a_block_goes_with_the_last_blob_that_has_it(store: Store) -> None:
    await put(store, 1)
    await store.writer.commit(BegunBlob(2))
    await store.writer.commit(BlobBlock(2, 0, HASH, b"data"))
    await store.writer.commit(BlobBlock(2, -1, OTHER, b"node"))
    assert await store.reader.count_blocks(2) == 2
    await store.writer.commit(UnservedBlob(1))
    await store.writer.commit(RemovedBlocks(1, 16, True))
    assert await store.reader.blob_part(2, 0, 0, 4) == b"data"
    await store.writer.commit(RemovedBlocks(2, 1, False))
    assert await store.reader.count_blocks(2) == 1
    await store.writer.commit(RemovedBlocks(2, 1, True))
    assert await store.reader.next_blob() == 1


async def test_a_whole_blob_is_not_removed_by_mistake(store: Store) -> None:
    await put(store, 1)
    with pytest.raises(StoreError):
        await store.writer.commit(BlobBlock(1, 0, OTHER, b"another at the same place"))
    with pytest.raises(StoreError):
        await store.writer.commit(WholeBlob(9, OTHER, 4, "image/png", SHOP, 0))
    assert await store.reader.blob(OTHER) is None


def test_a_block_weighs_what_it_has() -> None:
    assert BlobBlock(1, 0, HASH, bytes(1000)).weight > 1000 > BegunBlob(1).weight
    assert BlobBlock(1, 0, HASH, b"").epoch is None
