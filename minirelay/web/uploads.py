"""`POST /v4/upload_blob`: a clerk's file (spec 08, "Blobs")."""

import asyncio
import logging
import time
from typing import Final

from aiohttp import ClientError, web

from minirelay.blobs.cid import write_cid
from minirelay.blobs.errors import UploadRefused, UploadTooLarge
from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.config.limits import LimitSettings
from minirelay.errors import StorageFull, StoreError
from minirelay.protocol.paths import BLOBS_PATH
from minirelay.web.draining import Drain
from minirelay.web.errors import STORE_SILENT, failure
from minirelay.web.multipart import OVERHEAD_BYTES, file_of
from minirelay.web.upload_places import SLOWEST_BYTES_PER_S, Place, UploadPlaces

log = logging.getLogger(__name__)

GRACE_S: Final = 60.0
"""After the first minute an upload has to be as fast as `SLOWEST_BYTES_PER_S`, from its beginning."""

UNKNOWN_URL: Final = "this upload URL is unknown, was used, or is older than an hour; ask for another"
TOO_MANY: Final = "too many uploads are under way; try again in a moment"
LOST_PLACE: Final = (
    "others who had fewer uploads under way needed the place; ask for another URL and try again"
)
TOO_SLOW: Final = "the upload took too long"
BROKEN_OFF: Final = "the upload was broken off"
_DRAINED_SIZES: Final = 4
"""So many times the largest upload is read behind a refusal: who picks a larger file is to hear of it."""

_RETRY_S: Final = "5"
_REFUSING: Final = (
    StorageFull,
    UploadRefused,
    StoreError,
    TimeoutError,
    web.RequestPayloadError,
    ClientError,
    ConnectionError,
)
_STATUSES: Final[dict[type[Exception], int]] = {StorageFull: 507, UploadTooLarge: 413, UploadRefused: 400}


class UploadEndpoint:
    """Takes files, piece by piece."""

    def __init__(self, library: BlobLibrary, tokens: UploadTokens, limits: LimitSettings) -> None:
        self._library = library
        self._tokens = tokens
        self._most_bytes = int(limits.upload_size)
        self._timeout_s = float(limits.upload_timeout)
        self._places = UploadPlaces(limits.uploads_at_once, time.monotonic)
        most_bytes = _DRAINED_SIZES * (self._most_bytes + OVERHEAD_BYTES)
        self._clerks_drain = Drain(limits.uploads_at_once, most_bytes)
        self._strangers_drain = Drain(limits.uploads_at_once, most_bytes)

    async def post(self, request: web.Request) -> web.Response:
        """Answer 201 and where the file is, or why it was not taken; whoever breaks a bound is closed."""
        # Before anything of the body is read.
        named = request.query.get("token", "")
        token = self._tokens.find(named)
        if token is None:
            return await self._strangers_drain.answer(request, failure(request, 400, UNKNOWN_URL))
        place = self._places.take(token.card, token.shop)
        if place is None:
            return await self._clerks_drain.answer(request, _busy(request, TOO_MANY))
        self._tokens.take(named)
        try:
            digest = await self._take(request, place)
        except _REFUSING as error:
            refusal = _refusal(request, error, place)
        else:
            path = path_of(digest)
            log.info("a file was uploaded", extra={"path": path})
            return web.json_response({"ipfs_path": path, "url": f"{self._tokens.base_url}{path}"}, status=201)
        finally:
            self._places.give_back(place)
        return await self._clerks_drain.answer(request, refusal)

    async def _take(self, request: web.Request, place: Place) -> bytes:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        first_s = min(GRACE_S, self._timeout_s)
        async with self._library.upload(place.shop) as upload, asyncio.timeout(first_s) as deadline:
            place.when_lost(lambda: deadline.reschedule(loop.time()))
            async for piece in file_of(request, self._most_bytes):
                await upload.add(piece)
                place.received_bytes = upload.size
                is_late_at = began_at + max(GRACE_S, upload.size / SLOWEST_BYTES_PER_S)
                if not place.is_lost:
                    deadline.reschedule(min(began_at + self._timeout_s, is_late_at))
            place.is_whole = not place.is_lost
            return await upload.finish()


def _busy(request: web.Request, words: str) -> web.Response:
    response = failure(request, 503, words)
    response.headers["Retry-After"] = _RETRY_S
    return response


def _refusal(request: web.Request, error: Exception, place: Place) -> web.Response:
    """Say why a file was not taken."""
    status = _STATUSES.get(type(error))
    if status is not None:
        return failure(request, status, str(error))
    if isinstance(error, StoreError):
        log.error("an upload could not be stored", extra={"reason": str(error)})
        return failure(request, 503, STORE_SILENT)
    if not isinstance(error, TimeoutError):
        # Whoever sent it may still be there.
        return failure(request, 400, BROKEN_OFF)
    return _busy(request, LOST_PLACE) if place.is_lost else failure(request, 408, TOO_SLOW)


def path_of(digest: bytes) -> str:
    """Return the path of a file on its relay. digest: SHA-256 of its root."""
    return f"{BLOBS_PATH}{write_cid(digest)}"
