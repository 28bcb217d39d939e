"""Whether blobs are what their CIDs say; `tests/system/test_tampering.py` tampers with every column."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.blobs.audit import find_blob_damage
from minirelay.blobs.unixfs import CHUNK_BYTES, MAX_LINKS
from minirelay.store.database import FILE_NAME
from tests.blobs.test_library import opened, put


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
async def test_a_sound_blob_has_no_damage(tmp_path: Path, size: int) -> None:
    async with opened(tmp_path) as library:
        await put(library, random.Random(size).randbytes(size))
        assert await find_blob_damage(library.store.reader) is None


async def test_one_with_several_levels_has_none_either(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        await put(library, bytes((MAX_LINKS + 1) * CHUNK_BYTES + 5), piece=CHUNK_BYTES)
        assert await find_blob_damage(library.store.reader) is None


async def test_what_was_broken_off_is_no_damage(tmp_path: Path) -> None:
    async with opened(tmp_path) as library, library.upload(1) as upload:
        await upload.add(random.Random(1).randbytes(3 * CHUNK_BYTES))
        assert await find_blob_damage(library.store.reader) is None


async def test_a_block_in_the_place_of_another_is_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        await put(library, random.Random(2).randbytes(3 * CHUNK_BYTES))
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
            swap = "UPDATE blob_block SET place = ? WHERE place = ?"
            for new, old in ((-9, 0), (0, CHUNK_BYTES), (CHUNK_BYTES, -9)):
                db.execute(swap, (new, old))
            db.commit()
        assert "those of another file" in (await find_blob_damage(library.store.reader) or "")
