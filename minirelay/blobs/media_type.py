"""What a file is, by its first bytes: the types that browsers may be told (spec 08, "Blobs").

Source: WHATWG "MIME Sniffing", its signatures. Whatever is not listed is an octet-stream; SVG and HTML are
text at most, which no browser runs.
"""

import codecs
from typing import Final

OCTETS: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"

SNIFFED_BYTES: Final = 1445
"""So much of a file is looked at."""

_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"%PDF-", "application/pdf"),
    (b"OggS\x00", "application/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_MPEG_AUDIO: Final = tuple([bytes([0xFF, second]) for second in (0xFB, 0xFA, 0xF3, 0xF2)])
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wave"}
_FTYP: Final = {b"avif": "image/avif", b"avis": "image/avif", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"}
_BINARY: Final = frozenset({*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)})
"""What no text has, "binary data bytes"."""


def sniff(beginning: bytes) -> str:
    """Return the media type of a file. beginning: its first SNIFFED_BYTES, or all of it."""
    beginning = beginning[:SNIFFED_BYTES]
    for signature, media_type in _SIGNATURES:
        if beginning.startswith(signature):
            return media_type
    if beginning.startswith(b"RIFF"):
        return _RIFF.get(beginning[8:12], OCTETS)
    if beginning[4:8] == b"ftyp":
        return _FTYP.get(beginning[8:12], "video/mp4")
    if beginning.startswith(_MPEG_AUDIO):
        return "audio/mpeg"
    return TEXT if _is_text(beginning) else OCTETS


def _is_text(beginning: bytes) -> bool:
    if not _BINARY.isdisjoint(beginning):
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        # The last character may be cut off.
        decoder.decode(beginning)
    except UnicodeDecodeError:
        return False
    return True
