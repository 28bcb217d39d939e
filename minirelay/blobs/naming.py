"""Which blobs are named: by a text of a shop's state, or by a block (spec 08; `minirelay blobs`).

A CID counts wherever it stands in an object: alone, in a URL, of either version. Blocks that name one are
those that were kept for orders (a listing as it was sold), those of text files (a shop's metadata, which the
registry names, names its pictures), and those of a larger file. What is named by mistake only stays in use.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from minirelay.blobs.cid import CID_BYTES, find_cids
from minirelay.blobs.leaves import read_leaf
from minirelay.blobs.media_type import TEXT
from minirelay.blobs.unixfs import CHUNK_BYTES
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import BlobRow, StoredObject
from minirelay.store.reader import Reader

_BLOCKS_AT_ONCE: Final = 64


class ListedBlob(msgspec.Struct, frozen=True):
    """A blob. hash: SHA-256 of its root. uploaded_at: first, epoch seconds. shops: by token id, ascending."""

    hash: bytes
    size: int
    media_type: str
    uploaded_at: int
    shops: tuple[int, ...]
    is_named: bool


async def list_blobs(reader: Reader) -> Sequence[ListedBlob]:
    """List all blobs, the oldest first. Raises StoreUnavailable, StoreClosed.

    The objects of a shop are held at a time, or a chunk of a file. Beside a relay, the blobs come first: one
    that is named from then on is found to be.
    """
    shop_ids = {shop.row_id: shop.shop_id for shop in await reader.shops()}
    uploads = await reader.shop_blobs()
    blobs = await reader.blobs()
    named = await _find_named(reader, blobs)
    first: dict[bytes, int] = {}
    shops: dict[bytes, set[int]] = {}
    for upload in uploads:
        first.setdefault(upload.hash, upload.uploaded_at)
        if upload.shop in shop_ids:
            shops.setdefault(upload.hash, set()).add(shop_ids[upload.shop])
    known = {blob.hash: blob for blob in blobs}
    return [
        ListedBlob(
            hash=digest,
            size=known[digest].size,
            media_type=known[digest].media_type,
            uploaded_at=uploaded_at,
            shops=tuple(sorted(shops.get(digest, ()))),
            is_named=digest in named,
        )
        for digest, uploaded_at in first.items()
        if digest in known
    ]


async def _find_named(reader: Reader, blobs: Sequence[BlobRow]) -> set[bytes]:
    found = set(await reader.blobs_in_others())
    for blob in blobs:
        if blob.media_type == TEXT:
            found |= await _named_in_file(reader, blob)
    for shop in await reader.shops():
        objects = await reader.load_objects(shop.row_id)
        found |= await asyncio.to_thread(_named_in_objects, objects)
    return found | await _named_in_kept(reader)


def _named_in_objects(objects: Sequence[StoredObject]) -> set[bytes]:
    # The names of tags are texts, too.
    return {digest for one in objects for text in (one.key, one.value) for digest in find_cids(text)}


async def _named_in_file(reader: Reader, blob: BlobRow) -> set[bytes]:
    found: set[bytes] = set()
    before = b""
    try:
        for place in range(0, blob.size, CHUNK_BYTES):
            content = before + await read_leaf(reader, blob, place)
            found |= await asyncio.to_thread(find_cids, content)
            before = content[-CID_BYTES:]
    except StoreUnavailable:
        if await reader.blob(blob.hash) == blob:
            raise
        # It was removed meanwhile, and names nothing any more.
        return set()
    return found


async def _named_in_kept(reader: Reader) -> set[bytes]:
    found: set[bytes] = set()
    row = 0
    while kept := await reader.kept_blocks(row, _BLOCKS_AT_ONCE):
        found.update(*[find_cids(data) for _, data in kept])
        row = kept[-1][0]
    return found
