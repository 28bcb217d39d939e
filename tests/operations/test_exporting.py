"""Exporting: one shop and nothing of the others, beside a relay that writes."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minirelay.blobs.cid import write_cid
from minirelay.blobs.library import BlobLibrary
from minirelay.errors import StoreError
from minirelay.operations.backups import BackupDamaged
from minirelay.operations.export_file import read_export
from minirelay.operations.exporting import FileThere, export_shop, list_shops
from minirelay.operations.importing import import_file
from minirelay.operations.one_writer import only_writer_in
from minirelay.protocol.signing import checksum_address
from minirelay.relay.clock import utc_now
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.errors import StoreUnavailable, StoreUnreadable
from minirelay.store.messages import ShopRow
from tests.blobs.test_library import put
from tests.operations.databases import OTHER_SHOP, fill, write
from tests.operations.shops import everything, export_of, run_sql
from tests.relay.house import RELAY_KEY, SHOP, listing, running_relay

SECRET = b"a customer of the other shop"


def test_the_file_says_what_is_in_it(tmp_path: Path) -> None:
    roots = fill(tmp_path / "data")
    for shop_id, root in roots.items():
        made = export_of(tmp_path / "data", shop_id, tmp_path / "file")
        assert read_export(tmp_path / "file") == made
        assert (made.shop_id, made.root_hash) == (str(shop_id), root)
        assert made.wallets == (checksum_address(RELAY_KEY.address),)
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
        (tmp_path / "file").unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_nothing_of_another_shop_is_in_it(tmp_path: Path) -> None:
    fill(tmp_path / "data")

    async def sell() -> None:
        async with running_relay(tmp_path / "data") as house:
            clerk = await house.clerk(OTHER_SHOP)
            await clerk.write(listing(9, Metadata={"Title": SECRET.decode(), "Description": "x"}))

    asyncio.run(sell())
    export_of(tmp_path / "data", OTHER_SHOP, tmp_path / "other")
    assert SECRET in (tmp_path / "other").read_bytes()
    export_of(tmp_path / "data", SHOP, tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    assert SECRET not in content
    assert OTHER_SHOP.to_bytes(32) not in content


async def test_beside_a_relay_that_writes_it_is_of_one_moment(tmp_path: Path) -> None:
    async with running_relay(tmp_path / "data") as house:
        clerk = await house.clerk()
        roots = {}
        stop = asyncio.Event()

        async def keep_writing() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                root = await clerk.write(listing(number))
                roots[await house.durable_seq()] = f"0x{root.hex()}"

        writing = asyncio.create_task(keep_writing())
        rows = await asyncio.to_thread(list_shops, tmp_path / "data")
        while not roots:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        made = [
            await asyncio.to_thread(export_shop, tmp_path / "data", rows[0], tmp_path / f"file{number}")
            for number in range(3)
        ]
        stop.set()
        await writing
    for one in made:
        assert roots[one.sequence_number] == one.root_hash
    assert len({one.sequence_number for one in made}) == 3


def test_files_that_a_shop_names_go_with_it_whoever_uploaded_them(tmp_path: Path) -> None:
    fill(tmp_path / "data")

    async def upload() -> list[bytes]:
        async with (
            await Store.open(tmp_path / "data") as store,
            BlobLibrary.opened(store, shop_bytes=2**30, now=utc_now) as library,
        ):
            picture = await put(library, b"picture" * 10, 2)
            page = await put(library, f"see {write_cid(picture)}".encode() + b"." * 300_000, 2)
            unnamed = await put(library, b"unnamed", 2)
            return [picture, page, unnamed]

    picture, page, unnamed = asyncio.run(upload())

    async def name_it() -> None:
        async with running_relay(tmp_path / "data") as house:
            clerk = await house.clerk()
            text = f"ipfs://{write_cid(page)}"
            await clerk.write(listing(7, Metadata={"Title": "x", "Description": text}))

    asyncio.run(name_it())
    export_of(tmp_path / "data", SHOP, tmp_path / "file")
    import_file(tmp_path / "file", tmp_path / "new")

    async def stored() -> dict[bytes, int]:
        async with await Store.open(tmp_path / "new") as store:
            return {blob.hash: blob.size for blob in await store.reader.blobs()}

    found = asyncio.run(stored())
    assert found == {picture: 70, page: 300_000 + len(f"see {write_cid(picture)}")}
    assert unnamed not in found


def test_a_shop_that_is_not_as_its_log_says_is_not_exported(tmp_path: Path) -> None:
    data = everything(tmp_path / "data")
    run_sql(data, "UPDATE key_card SET wallet = zeroblob(20) WHERE is_guest = 0")
    (tmp_path / "file").write_bytes(b"the last one")
    (row,) = [row for row in list_shops(data) if row.shop_id == SHOP]
    with pytest.raises(BackupDamaged, match="`minirelay verify`"):
        export_shop(data, row, tmp_path / "file", force=True)
    assert (tmp_path / "file").read_bytes() == b"the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "file"]


def test_what_is_left_of_one_that_was_broken_off_is_replaced(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    (tmp_path / ".file.exporting").write_bytes(b"half of it")
    (tmp_path / "file.new").write_bytes(b"somebody else's")
    export_of(tmp_path / "data", SHOP, tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "file", "file.new"]


def test_a_file_that_is_there_is_replaced_only_if_that_is_said(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    (tmp_path / "file").write_bytes(b"the last one")
    with pytest.raises(FileThere, match=r"file: is there already; .*--force"):
        export_of(tmp_path / "data", SHOP, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"the last one"
    (row,) = [row for row in list_shops(tmp_path / "data") if row.shop_id == SHOP]
    made = export_shop(tmp_path / "data", row, tmp_path / "file", force=True)
    assert read_export(tmp_path / "file") == made
    with pytest.raises(FileThere, match="is a directory"):
        export_shop(tmp_path / "data", row, tmp_path, force=True)


def test_two_at_once_do_not_take_each_others_draft(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    with only_writer_in(tmp_path), pytest.raises(StoreUnavailable, match="another backup or export"):
        export_of(tmp_path / "data", SHOP, tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_without_a_database_or_a_place_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreadable, match="no such file"):
        list_shops(tmp_path / "nothing")
    fill(tmp_path / "data")
    with pytest.raises(StoreError, match="No such file or directory"):
        export_of(tmp_path / "data", SHOP, tmp_path / "nowhere" / "file")
    gone = ShopRow(77, 5, 0)
    with pytest.raises(StoreError):
        export_shop(tmp_path / "data", gone, tmp_path / "file")


def test_a_large_file_takes_no_memory(tmp_path: Path) -> None:
    """Blobs go through SQLite, never through memory."""
    write(tmp_path / "data", 1)

    async def upload() -> None:
        async with (
            await Store.open(tmp_path / "data") as store,
            BlobLibrary.opened(store, shop_bytes=2**30, now=utc_now) as library,
        ):
            for _ in range(4):
                await put(library, os.urandom(30_000_000), 1)

    asyncio.run(upload())
    code = f"""
from pathlib import Path
from minirelay.operations.exporting import export_shop, list_shops
from minirelay.operations.importing import import_file
from minirelay.operations.one_writer import only_writer_in
data, file = Path({str(tmp_path / "data")!r}), Path({str(tmp_path / "file")!r})
(row,) = list_shops(data)
export_shop(data, row, file)
import_file(file, Path({str(tmp_path / "new")!r}))
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert (tmp_path / "file").stat().st_size > 120_000_000
    assert int(done.stdout.split()[1]) < 100 * 1024
    assert (tmp_path / "new" / FILE_NAME).stat().st_size > 120_000_000
