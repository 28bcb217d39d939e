"""A relay's endpoints for files over a real store, for tests of both."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession
from msgspec.structs import replace

from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.config.limits import LimitSettings
from minirelay.relay.clock import utc_now
from minirelay.store.database import Store
from minirelay.store.messages import ShopRow
from minirelay.store.writes import Commit
from tests.web.edge import BASE_URL, OPEN, SETTINGS, Backend, serving

SHOP, OTHER_SHOP = 1, 2
BOUNDARY = "b0unda1y"


@dataclass(frozen=True)
class Files:
    client: ClientSession
    library: BlobLibrary
    tokens: UploadTokens

    def target(self) -> str:
        return f"/v4/upload_blob?token={self.tokens.issue(1, SHOP)}"


@asynccontextmanager
async def files(directory: Path, limits: LimitSettings = OPEN) -> AsyncIterator[Files]:
    """Serve uploads and files while the block runs."""
    tokens = UploadTokens(str(BASE_URL), 64, time.monotonic)
    async with await Store.open(directory) as store:
        for row in (SHOP, OTHER_SHOP):
            await store.writer.commit(Commit(epoch=0, shop=row, new_shop=ShopRow(row, row, 0)))
        async with (
            BlobLibrary.opened(store, shop_bytes=int(limits.shop_blobs), now=utc_now) as library,
            serving(Backend(blobs=library, upload_tokens=tokens), replace(SETTINGS, limits=limits)) as client,
        ):
            yield Files(client, library, tokens)


def field(data: bytes, name: str = "file") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="x.png"'
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + b"\r\n"


def form(data: bytes, name: str = "file") -> bytes:
    return field(data, name) + END


END = f"--{BOUNDARY}--\r\n".encode()
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
