"""Which blobs are in use: wherever a CID stands, it counts."""

import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from minirelay.blobs.cid import write_cid, write_cid_1
from minirelay.blobs.naming import list_blobs
from minirelay.blobs.unixfs import CHUNK_BYTES
from minirelay.protocol.objects import ObjectType
from minirelay.store.batch import Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.database import FILE_NAME, Store, open_readonly
from minirelay.store.messages import PIECE_BYTES
from minirelay.store.pieces import object_row
from minirelay.store.writes import Commit
from tests.blobs.test_library import OTHER_SHOP, SHOP, opened, put

IO = Path("/proc/self/io")
PNG = b"\x89PNG\r\n\x1a\n"


async def named(store: Store) -> dict[bytes, bool]:
    return {blob.hash: blob.is_named for blob in await list_blobs(store.reader)}


async def say(store: Store, text: bytes) -> None:
    row = object_row(ObjectType.LISTING, bytes(8), text)
    await store.writer.commit(Commit(epoch=0, shop=SHOP, changes=(row,)))


class Kept(msgspec.Struct, frozen=True):
    """A block that is kept for an order, as a listing that was sold is."""

    data: bytes
    weight: int = 1000
    epoch: None = None

    def add_to(self, batch: Batch) -> None:
        batch.put(Kind.BLOCK, (sha256(self.data).digest(),), self.data, False)


def read_bytes() -> int:
    """Count what this process has read so far, from files too."""
    counters = IO.read_text()
    return int(counters.partition("rchar: ")[2].split()[0])


@pytest.mark.skipif(not IO.exists(), reason="only Linux counts what a process reads")
async def test_pictures_are_not_read_to_find_out_who_names_them(tmp_path: Path) -> None:
    chance = random.Random(3)
    async with opened(tmp_path) as library:
        for number in range(4):
            await put(library, PNG + bytes([number]) + chance.randbytes(16 * CHUNK_BYTES))
        await put(library, b"a text that names nothing")
    size_bytes = (tmp_path / FILE_NAME).stat().st_size
    assert size_bytes > 64 * CHUNK_BYTES
    before = read_bytes()
    async with await open_readonly(tmp_path) as store:
        assert len(await list_blobs(store.reader)) == 5
        assert await store.reader.stray_block() is None
    assert read_bytes() - before < size_bytes // 20


@pytest.mark.parametrize("write", [write_cid, write_cid_1])
@pytest.mark.parametrize(
    "text", ["{}", "/ipfs/{}", "https://{}.ipfs.example/x.png?y", "QmQm{}bb", "x" * 2 * PIECE_BYTES + "{}!"]
)
async def test_a_text_of_a_shop_names_a_file(
    tmp_path: Path, text: str, write: Callable[[bytes], str]
) -> None:
    async with opened(tmp_path) as library:
        shown, other = await put(library, PNG), await put(library, PNG + b"other")
        assert await named(library.store) == {shown: False, other: False}
        await say(library.store, b"\x78" + text.format(write(shown)).encode())
        assert await named(library.store) == {shown: True, other: False}
        await say(library.store, b"\x60")
        assert await named(library.store) == {shown: False, other: False}


async def test_what_is_kept_for_orders_names_files(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        shown, other = await put(library, PNG), await put(library, PNG + b"other")
        for number in range(100):
            await library.store.writer.commit(Kept(b"listing %d" % number))
        await library.store.writer.commit(Kept(b"ipfs://" + write_cid(shown).encode()))
        assert await named(library.store) == {shown: True, other: False}


async def test_a_text_file_names_others_wherever_its_chunks_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        picture = await put(library, PNG)
        metadata = await put(library, b" " * (CHUNK_BYTES - 20) + write_cid(picture).encode())
        assert await named(library.store) == {picture: True, metadata: False}


async def test_a_file_that_is_the_chunk_of_another_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        part = await put(library, PNG + bytes(CHUNK_BYTES - len(PNG)))
        whole = await put(library, PNG + bytes(2 * CHUNK_BYTES - len(PNG)))
        assert await named(library.store) == {part: True, whole: False}


async def test_a_file_of_several_shops_is_listed_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        first = await put(library, PNG)
        await put(library, PNG, OTHER_SHOP)
        await put(library, b"second", OTHER_SHOP)
        listed = await list_blobs(library.store.reader)
        assert [(blob.size, blob.shops) for blob in listed] == [(8, (SHOP, OTHER_SHOP)), (6, (OTHER_SHOP,))]
        assert listed[0].hash == first
