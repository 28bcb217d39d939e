"""What must hold for what strangers send about files: forms, ranges, content ids, upload tokens."""

# Either outcome is right, and each is checked where it turns up.
# ruff: noqa: PT017

import asyncio
from functools import cache

from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from minirelay.blobs.cid import find_cids, read_cid, write_cid, write_cid_1
from minirelay.blobs.errors import UploadRefused
from minirelay.blobs.media_type import TEXT, sniff
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.errors import MalformedInput
from minirelay.web.blobs import has_it, range_of
from minirelay.web.multipart import file_of

MOST_BYTES = 2000
"""Of a file."""
SIZE = 1000
"""Of a file that ranges are asked of."""
PIECE = 7
BOUNDARY = "b0unda1y"
ETAG = f'"{write_cid(bytes(32))}"'
DIGEST = bytes(range(32))


def upload(data: bytes) -> None:
    """Uploads, behind a line with their content type: a file that stands in them, or refused.

    However it arrives, the same comes of it.
    """
    content_type, _, body = data.partition(b"\n")
    headers = {"Content-Type": "".join(filter(str.isprintable, content_type.decode("latin-1")))}
    whole, cut = (_taken(headers, body, piece) for piece in (len(body) or 1, PIECE))
    assert isinstance(whole, bytes) == isinstance(cut, bytes)
    if isinstance(whole, bytes):
        assert whole == cut
        assert whole in body
        assert len(whole) <= MOST_BYTES
        assert sniff(whole).partition("/")[0] in ("image", "audio", "video", "application", "text")
        assert "html" not in sniff(whole)
        assert sniff(whole) == TEXT or not sniff(whole).startswith("text")


def _taken(headers: dict[str, str], body: bytes, piece: int) -> bytes | UploadRefused:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_take(headers, body, piece))
    finally:
        loop.close()


async def _take(headers: dict[str, str], body: bytes, piece: int) -> bytes | UploadRefused:
    loop = asyncio.get_running_loop()
    content = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    for start in range(0, len(body), piece):
        content.feed_data(body[start : start + piece])
    content.feed_eof()
    request = make_mocked_request("POST", "/", headers, payload=content, loop=loop)
    taken = b""
    try:
        async for part in file_of(request, MOST_BYTES):
            assert len(part) <= MOST_BYTES
            taken += part
    except UploadRefused as refused:
        assert str(refused)
        return refused
    return taken


def byte_range(data: bytes) -> None:
    """Ranges: a part of the file, all of it, or none; whatever else is asked for."""
    text = "".join(filter(str.isprintable, data.decode("latin-1")))
    found = range_of(_asking(Range=text), SIZE, ETAG)
    if found is not None:
        start, stop = found
        assert 0 <= start < stop <= SIZE
    assert range_of(_asking(Range=text), 0, ETAG) in (None, (0, 0))
    assert range_of(_asking(**{"Range": "bytes=1-2", "If-Range": text}), SIZE, ETAG) == (
        (1, 3) if text == ETAG else (0, SIZE)
    )
    if has_it(_asking(**{"If-None-Match": text}), ETAG):
        assert "*" in text or ETAG in text


def _asking(**headers: str) -> web.Request:
    return make_mocked_request("GET", "/", headers)


def content_id(data: bytes) -> None:
    """Content ids: a digest has one of each version, and no other text is read as it."""
    text = data.decode("utf-8", "replace")
    try:
        digest = read_cid(text)
    except MalformedInput as malformed:
        assert str(malformed)
    else:
        assert text in (write_cid(digest), write_cid_1(digest))
        assert digest in find_cids(data)
    for digest in find_cids(data):
        assert write_cid(digest).encode() in data or write_cid_1(digest).encode() in data


@cache
def _tokens() -> tuple[UploadTokens, str]:
    tokens = UploadTokens("http://localhost", 64, lambda: 0.0)
    return tokens, tokens.issue(1, 1)


def token(data: bytes) -> None:
    """Upload tokens: whatever is sent, it is good for nothing and uses none up."""
    tokens, _ = _tokens()
    assert tokens.take(data.decode("utf-8", "replace")) is None
    assert len(tokens) == 1


# -- sound inputs


def uploads() -> list[bytes]:
    """Return forms behind a line with their content type."""
    field = b'--%b\r\nContent-Disposition: form-data; name="%b"; filename="x"\r\n%b\r\n%b\r\n'
    boundary = BOUNDARY.encode()
    end = b"--%b--\r\n" % boundary
    head = b"multipart/form-data; boundary=%b\n" % boundary
    encoded = [
        b"",
        b"Content-Type: text/html\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Length: 3\r\n",
    ]
    found = [head + field % (boundary, b"file", more, b"Zm9v") + end for more in encoded]
    found += [head + field % (boundary, b"a", b"", b"b") + found[0].partition(b"\n")[2]]
    found += [head + b"preamble\r\n" + field % (boundary, b"file", b"", b"\r\n--" * 300) + end + b"epilogue"]
    nested = b"Content-Type: multipart/mixed; boundary=c\r\n"
    found += [head + field % (boundary, b"file", nested, b"--c\r\n\r\nx\r\n--c--") + end]
    return found


def ranges() -> list[bytes]:
    """Return ranges, and names of what is there already."""
    texts = ["bytes=0-", "bytes=0-0", "bytes=10-99", "bytes=-5", "bytes=999-", "bytes=1000-", "bytes=0-1,5-6"]
    return [text.encode() for text in (*texts, "bytes=9-3", "items=0-1", "*", ETAG, f"W/{ETAG}, {ETAG}")]


def content_ids() -> list[bytes]:
    """Return content ids of both versions."""
    digests = (DIGEST, bytes(32), b"\xff" * 32)
    return [write(digest).encode() for digest in digests for write in (write_cid, write_cid_1)]


def tokens() -> list[bytes]:
    """Return tokens that look like those which were given out."""
    return [_tokens()[1].encode()[:-1], _tokens()[1].swapcase().encode() + b"=", b"", b"x" * 5000]
