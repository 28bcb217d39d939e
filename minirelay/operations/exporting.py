"""Exporting one shop, beside a running relay or without one (spec 09, "Commands")."""

import asyncio
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from minirelay import __version__
from minirelay.blobs.cid import CID_BYTES, find_cids
from minirelay.blobs.media_type import TEXT
from minirelay.blobs.unixfs import CHUNK_BYTES, content_offset
from minirelay.errors import StoreError
from minirelay.operations.backups import ROOM_BYTES, BackupDamaged
from minirelay.operations.export_file import FORMAT, Export, seal
from minirelay.operations.export_replay import Progress, Replayed, replay_copy
from minirelay.operations.manifest import hash_file
from minirelay.operations.one_writer import only_writer_in
from minirelay.store.database import FILE_NAME, open_readonly
from minirelay.store.errors import StoreUnavailable
from minirelay.store.high_water import sync_path
from minirelay.store.messages import BlobRow, ShopRow
from minirelay.store.schema import migrations, newest_of
from minirelay.store.shop_copy import ShopCopy, copying_shop, estimate_size, keep_signers


class FileThere(StoreError):
    """What is to be written would replace a file."""


def export_shop(
    data_dir: Path,
    shop: ShopRow,
    target: Path,
    *,
    force: bool = False,
    progress: Progress = lambda _count, _total: None,
) -> Export:
    """Write one shop of a data directory to a file, and replay it there before it takes its name.

    force: also in the place of a file that is there. To be called where no event loop runs. Raises
    StoreError; then `target` is as it was.
    """
    draft = target.with_name(f".{target.name}.exporting")
    try:
        with only_writer_in(target.parent):
            _require_free(target, force=force)
            try:
                return _export(data_dir / FILE_NAME, shop, draft, target, progress)
            finally:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"could not write {draft}: {error.strerror}") from error


def _export(database: Path, shop: ShopRow, draft: Path, target: Path, progress: Progress) -> Export:
    draft.unlink(missing_ok=True)
    _require_room(database, shop, draft)
    exported_at = int(time.time())
    with copying_shop(database, draft, shop) as copy:
        copy.take_blobs(_wanted_blobs(copy))
    try:
        replayed = asyncio.run(replay_copy(draft, progress))
    except BackupDamaged as error:
        raise BackupDamaged(f"the shop is not as its log says, see `minirelay verify`: {error}") from error
    keep_signers(draft, replayed.audited.signed_by)
    export = _describe(draft, replayed, exported_at)
    seal(draft, export)
    draft.replace(target)
    sync_path(target.parent)
    return export


def _require_free(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise FileThere(f"{target}: is a directory; name a file in it")
    if target.exists() and not force:
        raise FileThere(f"{target}: is there already; name another file, or replace it with --force")


def list_shops(data_dir: Path) -> list[ShopRow]:
    """List the shops of a data directory. To be called where no event loop runs. Raises StoreError."""

    async def read() -> list[ShopRow]:
        async with await open_readonly(data_dir) as store:
            return await store.reader.shops()

    return asyncio.run(read())


def _require_room(database: Path, shop: ShopRow, draft: Path) -> None:
    wanted = estimate_size(database, shop) + ROOM_BYTES
    free = shutil.disk_usage(draft.parent).free
    if free < wanted:
        raise StoreUnavailable(
            f"{draft.parent} has {free // 2**20:,} MiB free, and the export needs about "
            f"{wanted // 2**20:,} MiB: make room, or name another place"
        )


def _wanted_blobs(copy: ShopCopy) -> list[BlobRow]:
    """List the blobs that were uploaded for a shop, or that it names, or that one of those names."""
    wanted = {blob.hash: blob for blob in copy.uploaded()}
    new = list(wanted.values())
    named = set(_names(text for one in copy.objects() for text in one)) | set(_names(copy.sold_listings()))
    while new or named:
        for blob in new:
            if blob.media_type == TEXT:
                named.update(_names(_content(copy, blob)))
        new = copy.find_blobs(named.difference(wanted))
        wanted.update({blob.hash: blob for blob in new})
        named = set()
    return list(wanted.values())


def _names(texts: Iterable[bytes]) -> Iterator[bytes]:
    for text in texts:
        yield from find_cids(text)


def _content(copy: ShopCopy, blob: BlobRow) -> Iterator[bytes]:
    """Go through a text in pieces, each with the end of the one before it, in which a name may begin."""
    before = b""
    for place in range(0, blob.size, CHUNK_BYTES):
        length = min(CHUNK_BYTES, blob.size - place)
        content = before + copy.read_blob(blob, place, content_offset(length), length)
        yield content
        before = content[-CID_BYTES:]


def _describe(draft: Path, replayed: Replayed, exported_at: int) -> Export:
    audited = replayed.audited
    return Export(
        format=FORMAT,
        version=__version__,
        schema=newest_of(migrations()),
        shop_id=str(audited.shop_id),
        sequence_number=replayed.end,
        root_hash=f"0x{audited.root_hash.hex()}",
        wallets=replayed.wallets,
        exported_at=exported_at,
        size_bytes=draft.stat().st_size,
        sha256=hash_file(draft),
    )
