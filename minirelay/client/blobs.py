"""Uploading blobs: images of listings, mostly (spec 08 "Blobs")."""

from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from minirelay.client.enrolment import read_reason
from minirelay.client.errors import RelayUnreachable, UploadRefused
from minirelay.client.http import asking, read_json

CREATED: Final = 201


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob. ipfs_path: /ipfs/ and its CID, for anybody. url: where this relay serves it."""

    ipfs_path: str
    url: str


async def upload(http: aiohttp.ClientSession, where: bytes, content: bytes) -> Blob:
    """Upload bytes. where: the URL that the relay gave. Raises UploadRefused, RelayUnreachable."""
    url = _url(where)
    form = aiohttp.FormData()
    form.add_field("file", content, filename="file", content_type="application/octet-stream")
    async with asking(url), http.post(url, data=form) as response:
        if response.status != CREATED:
            raise UploadRefused(response.status, await read_reason(response))
        document = await read_json(response)
    match document:
        case {"ipfs_path": str(ipfs_path), "url": str(served_at)}:
            return Blob(ipfs_path, served_at)
    raise RelayUnreachable(f"{url} gave no usable answer: no ipfs_path and url", CREATED)


def _url(text: bytes) -> URL:
    try:
        return URL(text.decode())
    except ValueError as error:
        raise RelayUnreachable(f"the relay gave no usable upload URL: {error}") from error
