"""Leaves of stored blobs."""

from pathlib import Path

import pytest

from minirelay.blobs.leaves import read_leaf
from minirelay.blobs.unixfs import CHUNK_BYTES
from tests.blobs.test_library import opened, put


@pytest.mark.parametrize("size", [0, 5, CHUNK_BYTES, CHUNK_BYTES + 7])
async def test_a_leaf_is_its_part_of_the_file(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    async with opened(tmp_path) as library:
        blob = await library.find(await put(library, data[:size]))
        assert blob is not None
        for place in range(0, max(size, 1), CHUNK_BYTES):
            found = await read_leaf(library.store.reader, blob, place)
            assert found == data[place : min(size, place + CHUNK_BYTES)]
