"""The leaves of a stored blob: what of a file stands in one block."""

from minirelay.blobs.unixfs import CHUNK_BYTES, content_offset
from minirelay.store.messages import BlobRow
from minirelay.store.reader import Reader


async def read_leaf(reader: Reader, blob: BlobRow, place: int) -> bytes:
    """Read what a leaf has of the file. place: where in the file it begins. Raises StoreError."""
    length = min(CHUNK_BYTES, blob.size - place)
    if not length:
        return b""
    return await reader.blob_part(blob.row, place, content_offset(length), length)
