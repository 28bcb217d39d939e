"""`POST /v4/upload_blob`: a clerk's file (spec 08, "Blobs")."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import ClientError, web

from minirelay.blobs.cid import write_cid
from minirelay.blobs.errors import UploadRefused, UploadTooLarge
from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.config.limits import LimitSettings
from minirelay.errors import StorageFull
from minirelay.protocol.paths import BLOBS_PATH
from minirelay.web.errors import failure
from minirelay.web.multipart import file_of

log = logging.getLogger(__name__)

GRACE_S: Final = 60.0
SLOWEST_BYTES_PER_S: Final = 8 * 1024
"""After the first minute an upload has to be this fast, from its beginning."""

UNKNOWN_URL: Final = "this upload URL is unknown, was used, or is older than an hour; ask for another"
TOO_MANY: Final = "too many uploads are under way; try again in a moment"
TOO_SLOW: Final = "the upload took too long"
_RETRY_S: Final = "5"


class UploadEndpoint:
    """Takes files, piece by piece."""

    def __init__(self, library: BlobLibrary, tokens: UploadTokens, limits: LimitSettings) -> None:
        self._library = library
        self._tokens = tokens
        self._most_bytes = int(limits.upload_size)
        self._timeout_s = float(limits.upload_timeout)
        self._places = limits.uploads_at_once

    async def post(self, request: web.Request) -> web.Response:
        """Answer 201 and where the file is, or why it was not taken; whoever breaks a bound is closed."""
        if not self._places:
            response = failure(request, 503, TOO_MANY)
            response.headers["Retry-After"] = _RETRY_S
            return _closing(response)
        # Before anything of the body is read.
        shop = self._tokens.take(request.query.get("token", ""))
        if shop is None:
            return _closing(failure(request, 400, UNKNOWN_URL))
        try:
            async with self._place():
                digest = await self._take(request, shop)
        except StorageFull as error:
            return _closing(failure(request, 507, str(error)))
        except UploadTooLarge as error:
            return _closing(failure(request, 413, str(error)))
        except UploadRefused as error:
            return _closing(failure(request, 400, str(error)))
        except TimeoutError:
            return _closing(failure(request, 408, TOO_SLOW))
        except (web.RequestPayloadError, ClientError, ConnectionError):
            # Broken off; whoever sent it may still be there.
            return _closing(failure(request, 400, "the upload was broken off"))
        path = path_of(digest)
        log.info("a file was uploaded", extra={"path": path})
        return web.json_response({"ipfs_path": path, "url": f"{self._tokens.base_url}{path}"}, status=201)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1

    async def _take(self, request: web.Request, shop: int) -> bytes:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        first_s = min(GRACE_S, self._timeout_s)
        async with self._library.upload(shop) as upload, asyncio.timeout(first_s) as deadline:
            async for piece in file_of(request, self._most_bytes):
                await upload.add(piece)
                is_late_at = began_at + max(GRACE_S, upload.size / SLOWEST_BYTES_PER_S)
                deadline.reschedule(min(began_at + self._timeout_s, is_late_at))
            return await upload.finish()


def path_of(digest: bytes) -> str:
    """Return the path of a file on its relay. digest: SHA-256 of its root."""
    return f"{BLOBS_PATH}{write_cid(digest)}"


def _closing(response: web.Response) -> web.Response:
    response.force_close()
    return response
