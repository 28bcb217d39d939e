"""Is every stored blob what its CID says? It is built once more, from its leaves (`minirelay verify`)."""

from minirelay.blobs.cid import write_cid
from minirelay.blobs.leaves import read_leaf
from minirelay.blobs.media_type import SNIFFED_BYTES, sniff
from minirelay.blobs.unixfs import CHUNK_BYTES, DagBuilder
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import BlobRow
from minirelay.store.reader import Reader


async def find_blob_damage(reader: Reader) -> str | None:
    """Say in a line what is wrong first with the blobs; None if all is well. Raises StoreClosed.

    A chunk of a file is held at a time. What was broken off and is not removed yet is no damage.
    """
    if (stray := await reader.stray_block()) is not None:
        return stray
    for blob in await reader.blobs():
        # Of one moment: a relay may be removing it.
        async with reader.held() as still:
            is_there = await still.blob(blob.hash) == blob
            damage = await _find_damage(still, blob) if is_there else None
        if damage is not None:
            return f"file {write_cid(blob.hash)}: {damage}"
    return None


async def _find_damage(reader: Reader, blob: BlobRow) -> str | None:
    builder, found = DagBuilder(), await reader.blob_places(blob.row)
    expected: dict[int, bytes] = {}
    beginning = b""
    try:
        for place in range(0, max(blob.size, 1), CHUNK_BYTES):
            content = await read_leaf(reader, blob, place)
            beginning = beginning or content[:SNIFFED_BYTES]
            expected.update({block.place: block.hash for block in builder.add(content)})
    except StoreUnavailable as error:
        return str(error)
    expected.update({block.place: block.hash for block in builder.finish()})
    if builder.root.hash != blob.hash:
        return "its blocks are those of another file"
    if found != expected:
        return "a block is stored at another place in it, or one too many"
    if sniff(beginning) != blob.media_type:
        return "its media type is not what its first bytes say"
    return None
