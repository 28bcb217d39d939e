"""Blocks by hash and by number."""

import pytest

from minirelay.errors import MalformedInput
from minirelay.protocol.block_id import BlockId, read_block_id

HASH = bytes(range(32))
BLOCK = BlockId(4711, HASH)


def test_names() -> None:
    assert BLOCK.by_hash() == {"blockHash": f"0x{HASH.hex()}", "requireCanonical": True}
    assert BLOCK.by_number() == "0x1267"


def test_headers() -> None:
    assert read_block_id({"number": "0x1267", "hash": f"0x{HASH.hex()}", "parentHash": "0x"}) == BLOCK


@pytest.mark.parametrize(
    "header",
    [
        None,
        "0x1267",
        {},
        {"number": "0x1267"},
        {"number": 4711, "hash": f"0x{HASH.hex()}"},
        {"number": "0x1267", "hash": "0x"},
        {"number": "0x1267", "hash": f"0x{HASH.hex()}00"},
    ],
)
def test_headers_that_are_none(header: object) -> None:
    with pytest.raises(MalformedInput):
        read_block_id(header)
