"""`minirelay verify [SHOP | FILE]`: reads every page, replays logs, compares all that is stored with them."""

import asyncio
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.cli.inspection import FOR_READING, find, shortened
from minirelay.cli.output import show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings

if TYPE_CHECKING:
    from rich.progress import Progress

    from minirelay.config.settings import Settings
    from minirelay.relay.audit import Audited, Difference, RelaySigners
    from minirelay.store.database import ReadOnlyStore
    from minirelay.store.messages import ShopRow
    from minirelay.store.reader import Reader

Result = dict[str, Any]

FOUND_A_DIFFERENCE = 1
_MIB = 1024 * 1024
_ID: Final = re.compile(r"[0-9…]+|0[xX][0-9A-Fa-f]+")


@click.command(
    cls=CommandWithSettings, settings=FOR_READING, short_help="Check the database, or a backup, completely."
)
@click.argument("shop_id", metavar="[SHOP | FILE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(shop_id: str | None, as_json: bool, **given: Any) -> int:
    """Read every page of the database, and replay the log of every shop, or of one; or of a backup FILE.

    Each signature, root, proof and rule is checked again, and everything that is stored beside the log is
    compared with what the log makes of it. Ends with exit code 1 and the first difference if anything is
    off. It only reads, and may run beside the relay.
    """
    results = asyncio.run(_verify(read_settings(given), shop_id))
    if as_json:
        show(results, as_json=True)
    else:
        for one in results:
            click.echo(_line(one))
    return 0 if all(one["ok"] for one in results) else FOUND_A_DIFFERENCE


async def _verify(settings: "Settings", shop_id: str | None) -> list[Result]:
    from minirelay.errors import ConfigError, StoreError
    from minirelay.store.database import FILE_NAME, open_readonly

    backup = Path(shop_id) if shop_id is not None and Path(shop_id).is_file() else None  # noqa: ASYNC240
    if backup is not None:
        shop_id = None
    elif shop_id is not None and not _ID.fullmatch(shop_id):
        raise ConfigError(f"{shop_id}: no such file, and not the id of a shop")
    path = backup or settings.data_dir / FILE_NAME
    opening = _open_backup(path) if backup is not None else open_readonly(settings.data_dir)
    with _progress() as progress:
        async with await opening as store:
            reader = store.reader
            if shop_id is not None:
                await _check_known(reader, shop_id)
            mark_folder = None if backup is not None else settings.data_dir
            database = await _verify_database(reader, path, mark_folder, progress)
            try:
                shops = await _verify_shops(reader, shop_id, database, progress)
            except StoreError:
                if database["ok"]:
                    raise
                shops = []  # what can't be read is said already
    return [database, *shops]


async def _open_backup(path: Path) -> "ReadOnlyStore":
    """Open a backup; what is said of a damaged one is about the backup. Raises StoreError."""
    from minirelay.operations.restoring import OLDER, refuse_export
    from minirelay.store.database import open_copy
    from minirelay.store.errors import NotOurDatabase, StoreUnavailable, StoreUnreadable

    refuse_export(path)
    if not path.stat().st_size:  # noqa: ASYNC240 (a local file's size, once)
        raise StoreUnreadable(f"{path}: an empty file; {OLDER}")
    try:
        return await open_copy(path)
    except (NotOurDatabase, StoreUnavailable, StoreUnreadable) as error:
        raise StoreUnreadable(f"{str(error).partition('; ')[0]}; {OLDER}") from error


async def _check_known(reader: "Reader", shop_id: str) -> None:
    """Check that there is such a shop, before everything is read. Raises ConfigError."""
    from minirelay.store.errors import StoreUnavailable

    try:
        await find(reader, shop_id)
    except StoreUnavailable:
        return  # the reason is found, and said, when every page is read


async def _verify_database(
    reader: "Reader", path: Path, mark_folder: Path | None, progress: "Progress | None"
) -> Result:
    """Read every page. mark_folder: where it is noted how far the database was; None for a backup."""
    from minirelay.blobs.audit import find_blob_damage
    from minirelay.operations.restoring import OLDER

    size_bytes = await reader.size_bytes()
    if progress is not None:
        progress.add_task(f"reading every page, {size_bytes / _MIB:,.1f} MiB", total=None)
    start = time.perf_counter()
    damage = await reader.find_damage() or await find_blob_damage(reader)
    if damage is None and mark_folder is not None:
        damage = await _find_loss(reader, mark_folder)
    result = {
        "database": str(path),
        "ok": damage is None,
        "bytes": size_bytes,
        "seconds": round(time.perf_counter() - start, 3),
    }
    if damage is None:
        return result
    return result | {"difference": damage if mark_folder is not None else f"{damage}; {OLDER}"}


async def _find_loss(reader: "Reader", folder: Path) -> str | None:
    from minirelay.store.errors import DataMissing
    from minirelay.store.high_water import HIGH_WATER_FILE, read_high_water

    try:
        # First the file: a relay that goes on writing is only further by the time it is compared.
        mark = read_high_water(folder / HIGH_WATER_FILE)
    except DataMissing as error:
        return str(error)
    loss = None if mark is None else await reader.find_loss(mark)
    return None if loss is None else loss.describe()


async def _verify_shops(
    reader: "Reader", shop_id: str | None, database: Result, progress: "Progress | None"
) -> list[Result]:
    from minirelay.relay.audit import Audited, Difference, check_signers, read_signers
    from minirelay.store.gaps import count_sets

    # Before the shops: what these keys signed is then in the logs of those.
    signers = await read_signers(reader)
    rows = await reader.shops() if shop_id is None else [await find(reader, shop_id)]
    ends = [((await reader.tail(row.row_id))[0], await reader.gaps(row.row_id)) for row in rows]
    advance = _bar(progress, sum(count_sets(seq, gaps) for seq, gaps in ends))
    outcomes = [await _verify_shop(reader, row, signers, advance) for row in rows]
    audited = [one for one in outcomes if isinstance(one, Audited)]
    if shop_id is None and database["ok"] and len(audited) == len(rows):
        try:
            check_signers(signers, {key for one in audited for key in one.signed_by})
        except Difference as difference:
            database.update({"ok": False, "difference": str(difference)})
    return [_result(row, outcome) for row, outcome in zip(rows, outcomes, strict=True)]


async def _verify_shop(
    reader: "Reader", row: "ShopRow", signers: "RelaySigners", advance: Callable[[int], None]
) -> "Audited | Difference":
    from minirelay.relay.audit import Difference, audit

    try:
        return await audit(reader, row, signers, advance)
    except Difference as difference:
        return difference


def _result(row: "ShopRow", outcome: "Audited | Difference") -> Result:
    from minirelay.relay.audit import Difference

    if isinstance(outcome, Difference):
        return {"shop_id": str(row.shop_id), "ok": False, "difference": str(outcome)}
    return {
        "shop_id": str(row.shop_id),
        "ok": True,
        "sets": outcome.set_count,
        "patches": outcome.patch_count,
        "root_hash": f"0x{outcome.root_hash.hex()}",
    }


def _line(result: Result) -> str:
    name = f"shop {shortened(result['shop_id'])}" if "shop_id" in result else result["database"]
    if not result["ok"]:
        return f"{click.style('FAIL', fg='red')}  {name}: {result['difference']}"
    if "shop_id" in result:
        found = f"{result['sets']:,} sets, {result['patches']:,} patches\n      root {result['root_hash']}"
    else:
        found = f"every page read, {result['bytes'] / _MIB:,.1f} MiB in {result['seconds']:.1f} s"
    return f"{click.style('ok', fg='green')}    {name}: {found}"


@contextmanager
def _progress() -> Iterator["Progress | None"]:
    """Show on a terminal, while the block runs, what takes how long; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress


def _bar(progress: "Progress | None", set_count: int) -> Callable[[int], None]:
    """Begin the bar of the sets; give what moves it on."""
    if progress is None:
        return lambda _count: None
    for task in progress.task_ids:
        progress.update(task, total=1, completed=1)
    task = progress.add_task(f"replaying {set_count:,} sets", total=set_count)
    return lambda count: progress.advance(task, count)
