"""`minirelay verify [SHOP]`: replays logs, rechecks everything in them, compares with what is stored."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.inspection import FOR_READING, find, reading
from minirelay.cli.output import show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings

if TYPE_CHECKING:
    from minirelay.config import Settings

FOUND_A_DIFFERENCE = 1


@click.command(cls=CommandWithSettings, settings=FOR_READING)
@click.argument("shop_id", metavar="[SHOP]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(shop_id: str | None, as_json: bool, **given: Any) -> int:
    """Replay the log of every shop, or of one, and recheck each signature, root, proof and rule.

    What comes out is compared with what is stored. Ends with exit code 1 and the first difference if
    anything is off. It only reads, and may run beside the relay.
    """
    results = asyncio.run(_verify(read_settings(given), shop_id))
    if as_json:
        show(results, as_json=True)
    else:
        for one in results:
            click.echo(_line(one))
    return 0 if all(one["ok"] for one in results) else FOUND_A_DIFFERENCE


async def _verify(settings: "Settings", shop_id: str | None) -> list[dict[str, Any]]:
    from minirelay.relay.audit import Difference, audit

    results: list[dict[str, Any]] = []
    async with reading(settings) as reader:
        rows = await reader.shops() if shop_id is None else [await find(reader, shop_id)]
        lengths = [(await reader.tail(row.row_id))[0] for row in rows]
        with _progress(sum(lengths)) as advance:
            for row in rows:
                try:
                    audited = await audit(reader, row, advance)
                except Difference as difference:
                    results.append({"shop_id": str(row.shop_id), "ok": False, "difference": str(difference)})
                    continue
                results.append(
                    {
                        "shop_id": str(audited.shop_id),
                        "ok": True,
                        "sets": audited.set_count,
                        "patches": audited.patch_count,
                        "root_hash": f"0x{audited.root_hash.hex()}",
                    }
                )
    return results


def _line(result: dict[str, Any]) -> str:
    if not result["ok"]:
        return f"{click.style('FAIL', fg='red')}  shop {result['shop_id']}: {result['difference']}"
    counts = f"{result['sets']:,} sets, {result['patches']:,} patches"
    return (
        f"{click.style('ok', fg='green')}    shop {result['shop_id']}: {counts}, root {result['root_hash']}"
    )


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal while the block runs; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sets", total=total)
        yield lambda count: bar.advance(task, count)
