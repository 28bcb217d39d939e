"""What browsers are told of a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.blobs.media_type import OCTETS, SNIFFED_BYTES, TEXT, sniff

RUN_BY_BROWSERS = ("html", "svg", "xml", "javascript")


@pytest.mark.parametrize(
    ("beginning", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wave"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", OCTETS),
        (b"\x00\x00\x00\x1cftypavif", "image/avif"),
        (b"\x00\x00\x00\x1cftypisom", "video/mp4"),
        (b"\x1aE\xdf\xa3\x01", "video/webm"),
        (b"OggS\x00\x02", "application/ogg"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"%PDF-1.7", "application/pdf"),
        ("Grüße".encode(), TEXT),
        (b"", TEXT),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", TEXT),
        (b"<!doctype html><script>alert(1)</script>", TEXT),
        (b"\x7fELF\x02\x01\x01\x00", OCTETS),
        (b"latin \xe9 text", OCTETS),
    ],
)
def test_a_file_is_told_by_its_first_bytes(beginning: bytes, media_type: str) -> None:
    assert sniff(beginning) == media_type


@given(st.binary(max_size=64))
def test_nothing_gets_a_type_that_a_browser_runs(beginning: bytes) -> None:
    assert not any(word in sniff(beginning) for word in RUN_BY_BROWSERS)


def test_a_character_that_is_cut_off_does_not_make_a_text_binary() -> None:
    text = "ü".encode() * SNIFFED_BYTES
    assert SNIFFED_BYTES % 2
    assert sniff(text) == TEXT


def test_only_the_beginning_is_looked_at() -> None:
    assert sniff(b"a" * SNIFFED_BYTES + b"\x00") == TEXT
