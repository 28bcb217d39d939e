"""`GET /ipfs/<cid>`: what was uploaded (spec 08, "Blobs"): strangers' bytes on the relay's own origin."""

import asyncio
from typing import Final

from aiohttp import web

from minirelay.blobs.cid import read_cid, write_cid
from minirelay.blobs.library import Blob, BlobLibrary
from minirelay.blobs.media_type import OCTETS
from minirelay.errors import MalformedInput
from minirelay.web.errors import failure

_ALWAYS: Final = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "public, max-age=29030400, immutable",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}

SLOWEST_PIECE_S: Final = 30.0
"""How long a client may take to read a piece."""


class BlobEndpoint:
    """Gives files, whole or a range of them."""

    def __init__(self, library: BlobLibrary) -> None:
        self._library = library

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Answer with the file: 200, 206, 304, 400, 404 or 416."""
        try:
            digest = read_cid(request.match_info["cid"])
        except MalformedInput as error:
            return failure(request, 400, str(error))
        blob = await self._library.find(digest)
        if blob is None:
            return failure(request, 404, "this relay has no such file")
        return await self._answer(request, blob)

    async def _answer(self, request: web.Request, blob: Blob) -> web.StreamResponse:
        headers = _headers(blob)
        if has_it(request, headers["ETag"]):
            return web.Response(status=304, headers=headers)
        wanted = range_of(request, blob.size, headers["ETag"])
        if wanted is None:
            headers["Content-Range"] = f"bytes */{blob.size}"
            refused = failure(request, 416, f"this file has {blob.size} bytes")
            refused.headers.update({**_ALWAYS, "Content-Range": headers["Content-Range"]})
            return refused
        start, stop = wanted
        is_part = stop - start < blob.size
        if is_part:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{blob.size}"
        response = web.StreamResponse(status=206 if is_part else 200, headers=headers)
        response.content_length = stop - start
        await response.prepare(request)
        if request.method != "HEAD":
            await self._send(response, blob, start, stop)
        await response.write_eof()
        return response

    async def _send(self, response: web.StreamResponse, blob: Blob, start: int, stop: int) -> None:
        async for piece in self._library.read(blob, start, stop):
            async with asyncio.timeout(SLOWEST_PIECE_S):
                await response.write(piece)


def _headers(blob: Blob) -> dict[str, str]:
    headers = {**_ALWAYS, "ETag": f'"{write_cid(blob.hash)}"', "Content-Type": blob.media_type}
    if blob.media_type == OCTETS:
        headers["Content-Disposition"] = "attachment"
    return headers


def has_it(request: web.BaseRequest, etag: str) -> bool:
    """Say whether the client has the file: under its one name it never changes."""
    known = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
    return etag in known or "*" in known


def range_of(request: web.BaseRequest, size: int, etag: str) -> tuple[int, int] | None:
    """Return from where up to where the file is wanted; None for a range that it does not have.

    What is no range of bytes, or several, is not looked at (RFC 9110, section 14.2): that is the whole file.
    """
    whole = 0, size
    if "Range" not in request.headers or request.headers.get("If-Range", etag) != etag:
        return whole
    try:
        wanted = request.http_range
    except ValueError:
        return whole
    if wanted.start is None and wanted.stop is None:
        return whole
    start, stop, _ = wanted.indices(size)
    return (start, stop) if start < stop else None
