"""UnixFS: the blocks of files, and their CIDs."""

import json
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.blobs.cid import write_cid
from minirelay.blobs.unixfs import (
    CHUNK_BYTES,
    MAX_LINKS,
    DagBuilder,
    Link,
    content_offset,
    decode,
    encode_leaf,
    encode_node,
)
from minirelay.errors import MalformedInput

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "unixfs.json").read_text())


def pattern(size: int) -> bytes:
    """Byte i is (i*31 + (i>>8)*7 + (i>>16)*3) & 255."""
    first = bytes([(i * 31 + (i >> 8) * 7) & 255 for i in range(1 << 16)])
    shifted = (first.translate(bytes([(x + 3 * h) & 255 for x in range(256)])) for h in range(256))
    repeats = list(shifted)
    parts = -(-size >> 16) if size else 0
    return b"".join([repeats[h & 255] for h in range(parts)])[:size]


def dag(data: bytes, piece: int = 100_000) -> tuple[Link, dict[bytes, bytes]]:
    builder = DagBuilder()
    blocks: dict[bytes, bytes] = {}

    def take(made: Iterator[Any]) -> None:
        blocks.update({block.hash: block.data for block in made})

    for start in range(0, len(data), piece):
        take(builder.add(data[start : start + piece]))
    take(builder.finish())
    return builder.root, blocks


def walk(blocks: dict[bytes, bytes], digest: bytes) -> bytes:
    node = decode(blocks[digest])
    assert sha256(blocks[digest]).digest() == digest
    return node.content + b"".join([walk(blocks, link.hash) for link in node.links])


def test_the_bounds_are_those_of_the_vectors() -> None:
    assert (VECTORS["chunk_size"], VECTORS["max_children"]) == (CHUNK_BYTES, MAX_LINKS)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["cid"]))
def test_files_have_the_cids_of_the_vectors(case: dict[str, Any]) -> None:
    data = case["text"].encode() if "text" in case else pattern(case["pattern_size"])
    root, blocks = dag(data)
    assert write_cid(root.hash) == case["cid"]
    assert root.file_bytes == len(data)
    assert root.dag_bytes >= sum(map(len, blocks.values()))
    assert walk(blocks, root.hash) == data


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2 * CHUNK_BYTES + 2), st.integers(1, 3 * CHUNK_BYTES))
def test_in_what_pieces_a_file_comes_does_not_matter(size: int, piece: int) -> None:
    data = pattern(size)
    assert dag(data, piece)[0] == dag(data, size)[0]


def test_a_builder_holds_a_chunk_and_the_links_of_one_path() -> None:
    builder = DagBuilder()
    most = 0
    for _ in range(2 * MAX_LINKS + 3):
        for _block in builder.add(bytes(CHUNK_BYTES)):
            pass
        most = max(most, builder.held_bytes)
    assert most <= CHUNK_BYTES + 2 * MAX_LINKS * 64


@given(st.integers(1, 300_000))
@settings(max_examples=50, deadline=None)
def test_where_the_content_of_a_leaf_begins_follows_from_its_length(length: int) -> None:
    content = b"\xa5" * length
    leaf = encode_leaf(content)
    offset = content_offset(length)
    assert leaf[offset : offset + length] == content
    assert leaf[offset - 1 : offset] != b"\xa5"


@given(st.binary(max_size=200))
def test_what_is_no_block_is_malformed_or_read(data: bytes) -> None:
    with suppress(MalformedInput):
        decode(data)


def test_a_node_that_does_not_say_how_much_its_parts_hold_is_malformed() -> None:
    link, said = Link(bytes(32), 5, 9), encode_node([Link(bytes(32), 5, 9)])
    assert decode(said).links == (link,)
    silent = said.replace(b"\x18\x05\x20\x05", b"\x18\x05\x28\x05")
    assert silent != said
    with pytest.raises(MalformedInput, match="how much"):
        decode(silent)
