"""Headers of blocks, read strictly."""

from typing import Any

import pytest

from minirelay.chain.block import MOST, Block, read_block, read_block_if_there
from minirelay.errors import MalformedInput
from minirelay.protocol.block_id import BlockId


def header(**changed: Any) -> dict[str, Any]:
    members = {"number": "0x5", "hash": "0x" + "ab" * 32, "parentHash": "0x" + "cd" * 32, "timestamp": "0x10"}
    return {**members, **changed}


def test_a_header_is_read_whatever_else_it_has() -> None:
    block = read_block(header(miner="0x00"), latest=16)
    assert block == Block(5, b"\xab" * 32, b"\xcd" * 32, 16)
    assert block.id == BlockId(5, b"\xab" * 32)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        {},
        [],
        header(number=5),
        header(number=hex(MOST + 1)),
        header(hash="0x" + "ab" * 31),
        header(hash=None),
        header(parentHash="0x" + "cd" * 33),
        header(parentHash=None),
        header(timestamp="10"),
        header(timestamp=hex(MOST + 1)),
        header(timestamp="0x" + "f" * 64),
    ],
)
def test_what_is_no_header_is_refused(bad: Any) -> None:
    with pytest.raises(MalformedInput):
        read_block(bad)


def test_a_block_later_than_it_may_be_is_refused() -> None:
    with pytest.raises(MalformedInput):
        read_block(header(timestamp="0x11"), latest=16)


def test_a_block_that_a_node_does_not_have_is_none() -> None:
    assert read_block_if_there(None) is None
    assert read_block_if_there(header()) == read_block(header())
    with pytest.raises(MalformedInput):
        read_block_if_there({})
