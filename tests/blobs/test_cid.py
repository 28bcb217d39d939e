"""Content ids."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.blobs.cid import find_cids, read_cid, write_cid, write_cid_1
from minirelay.errors import MalformedInput

DIGEST = bytes(range(32))


def version_1(digest: bytes, codec: int = 0x70) -> str:
    return "b" + base64.b32encode(bytes([1, codec, 0x12, 32]) + digest).decode().lower().rstrip("=")


@given(st.binary(min_size=32, max_size=32))
def test_a_cid_of_either_version_is_read_as_its_digest(digest: bytes) -> None:
    assert write_cid(digest).startswith("Qm")
    assert len(write_cid(digest)) == 46
    assert read_cid(write_cid(digest)) == digest
    assert write_cid_1(digest) == version_1(digest)
    assert read_cid(version_1(digest)) == digest
    assert find_cids(f"bQm{write_cid(digest)}bb{version_1(digest)}a".encode()) >= {digest}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Qm",
        "Qm" + "1" * 43,
        "Qm" + "z" * 44,
        "Qm" + "0" * 44,
        "Qm" + "ü" * 44,
        "Qm" + "1" * 10**6,
        "b" + "a" * 10**6,
        "b" + "1" * 58,
        "b" + "a" * 58,
        version_1(DIGEST).upper(),
        version_1(DIGEST, codec=0x55),
        version_1(DIGEST)[:-1] + "b",
        "z" + write_cid(DIGEST),
        "../../etc/passwd",
        "b" + "é" * 58,
    ],
)
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(MalformedInput):
        read_cid(text)


@given(st.text(max_size=70))
def test_whatever_is_asked_for_is_read_or_malformed(text: str) -> None:
    with suppress(MalformedInput):
        assert len(read_cid(text)) == 32


def test_no_other_text_is_a_cid() -> None:
    assert (
        find_cids(b"Qm" + b"1" * 44 + version_1(DIGEST, 0x55).encode() + write_cid(DIGEST)[:-1].encode())
        == set()
    )
