"""What the files of a shop may take together."""

import asyncio
import random
from pathlib import Path

import pytest

from minirelay.blobs.errors import UploadTooLarge
from minirelay.blobs.library import BlobLibrary
from minirelay.errors import StoreError
from minirelay.store.blob_rows import COUNTED_BYTES
from minirelay.store.errors import StoreUnavailable
from minirelay.store.reader import Reader
from tests.blobs.test_library import OTHER_SHOP, SHOP, opened, put, rows

SHARE = 100_000


async def left(library: BlobLibrary, shop: int = SHOP) -> int:
    return await library.quota.left_bytes(shop)


async def test_each_shop_has_a_share_of_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path, shop_bytes=SHARE) as library:
        await put(library, bytes(60_000))
        with pytest.raises(UploadTooLarge, match="share"):
            await put(library, b"1" * 40_001)
        await put(library, b"2" * 40_001, OTHER_SHOP)
        await put(library, b"3" * 40_000)
        await library.finish_removals()
        assert rows(tmp_path)["blob"] == 3
        assert (await left(library), await left(library, OTHER_SHOP)) == (0, 59_999)


async def test_what_is_too_much_is_refused_before_it_is_stored(tmp_path: Path) -> None:
    async with opened(tmp_path, shop_bytes=SHARE) as library, library.upload(SHOP) as upload:
        for _ in range(SHARE // 10_000):
            await upload.add(bytes(10_000))
        with pytest.raises(UploadTooLarge):
            await upload.add(b"1")
        assert rows(tmp_path)["block"] == 0


async def test_two_uploads_at_once_do_not_take_more_than_the_share(tmp_path: Path) -> None:
    async with opened(tmp_path, shop_bytes=SHARE) as library:
        outcomes = await asyncio.gather(
            *[put(library, bytes([n]) * 60_000) for n in range(4)], return_exceptions=True
        )
        assert sum([isinstance(one, UploadTooLarge) for one in outcomes]) == 3


async def test_very_many_small_files_fill_the_share_too(tmp_path: Path) -> None:
    async with opened(tmp_path, shop_bytes=4 * COUNTED_BYTES) as library:
        for number in range(4):
            await put(library, bytes([number]))
        with pytest.raises(UploadTooLarge):
            await put(library, b"one more")
        with pytest.raises(UploadTooLarge):
            await put(library, b"")


async def test_the_same_file_again_takes_nothing(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(40_000)
    async with opened(tmp_path, shop_bytes=SHARE) as library:
        for _ in range(5):
            await put(library, data)
        assert await left(library) == SHARE - 40_000
        # It is stored once, and counts for each shop that has it.
        await put(library, data, OTHER_SHOP)
        assert await left(library, OTHER_SHOP) == SHARE - 40_000


async def test_nothing_is_summed_up_again_for_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums: list[int] = []
    blob_bytes = Reader.blob_bytes

    async def counted(reader: Reader, shop: int) -> int:
        sums.append(shop)
        return await blob_bytes(reader, shop)

    monkeypatch.setattr(Reader, "blob_bytes", counted)
    async with opened(tmp_path) as library:
        for number in range(20):
            await put(library, bytes([number]), SHOP if number % 2 else OTHER_SHOP)
    assert sorted(sums) == [SHOP, OTHER_SHOP]


async def test_it_is_the_same_after_a_start_and_more_or_less_as_it_is_set(tmp_path: Path) -> None:
    async with opened(tmp_path, shop_bytes=SHARE) as library:
        await put(library, bytes(60_000))
        counted = await left(library)
    async with opened(tmp_path, shop_bytes=SHARE) as library:
        assert await left(library) == counted == 40_000
    async with opened(tmp_path, shop_bytes=SHARE // 2) as library:
        assert await left(library) == -10_000
        with pytest.raises(UploadTooLarge):
            await put(library, b"1")
    async with opened(tmp_path, shop_bytes=2 * SHARE) as library:
        await put(library, b"1" * 140_000)


async def test_what_is_removed_gives_its_room_back_to_all_shops(tmp_path: Path) -> None:
    data = random.Random(2).randbytes(60_000)
    async with opened(tmp_path, shop_bytes=SHARE) as library:
        digest = await put(library, data)
        await put(library, data, OTHER_SHOP)
        blob = await library.find(digest)
        assert blob is not None
        await library.remove(blob)
        assert (await left(library), await left(library, OTHER_SHOP)) == (SHARE, SHARE)


async def test_a_file_that_could_not_be_stored_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, shop_bytes=SHARE) as library:
        await put(library, bytes(10_000))
        digest = bytes(32)
        with pytest.raises(StoreError):
            async with library.quota.taking(SHOP, digest, 50_000):
                raise StoreUnavailable("disk full")
        assert await left(library) == 90_000


async def test_an_upload_that_is_ended_while_it_is_stored_counts_if_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path, shop_bytes=SHARE) as library:
        # Summed up before, so that there is something to be wrong.
        assert await left(library) == SHARE
        for number in range(1, 30):
            upload = asyncio.create_task(put(library, bytes([number]) * 3000))
            for _ in range(number):
                await asyncio.sleep(0)
            upload.cancel()
            await asyncio.wait([upload])
            assert SHARE - await left(library) == await library.store.reader.blob_bytes(SHOP)
