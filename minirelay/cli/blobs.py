"""`minirelay blobs`: the files that nothing names any more; `minirelay blobs remove` deletes some."""

import asyncio
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.cli.inspection import FOR_READING, reading
from minirelay.cli.output import Document, busy, show
from minirelay.cli.setting_flags import CommandWithSettings, GroupWithSettings, merge_flags, read_settings
from minirelay.cli.tables import echo_table, quantity, size
from minirelay.errors import ConfigError, MalformedInput

if TYPE_CHECKING:
    from minirelay.blobs.naming import ListedBlob
    from minirelay.config.settings import Settings

_SHORT: Final = re.compile("Qm[1-9A-HJ-NP-Za-km-z]{6,43}")
"""A CID of version 0 has 46 characters."""

COLUMNS: Final = ("file", "size", "age", "named")
_AGES: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


@click.group(
    cls=GroupWithSettings,
    settings=FOR_READING,
    invoke_without_command=True,
    short_help="List uploaded files that nothing names.",
)
@click.option("--all", "with_named", is_flag=True, help="Also those that are named.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def blobs(context: click.Context, /, with_named: bool, as_json: bool, **given: Any) -> None:
    """List uploaded files that no text of a shop and no other file names, the oldest first.

    Look before you remove one: a shop's metadata on the chain may name it, which the relay does not read.
    Listing only reads, and may run beside the relay.
    """
    if context.invoked_subcommand is not None:
        context.obj = given
        return
    settings = read_settings(given)
    with busy("looking for what names each file"):
        listed = asyncio.run(_read(settings))
    found = [blob for blob in listed if with_named or not blob.is_named]
    if as_json:
        show([_describe(blob) for blob in found], as_json=True)
    elif not found:
        click.echo("no files" if with_named else "no files that nothing names")
    else:
        _print_table(found, with_named=with_named)


@blobs.command(cls=CommandWithSettings, settings=FOR_READING)
@click.argument("cids", metavar="CID...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def remove(above: dict[str, Any], /, cids: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Remove files for good, from all shops, whatever names them.

    CID: as the list shows it, or its first eight characters or more. It goes through the running relay.
    """
    from minirelay.cli.operating import ask_relay

    settings = read_settings(merge_flags(above, given))
    removed = []
    # All are found before the first is removed.
    for cid in _whole(settings, cids):
        removed.append(ask_relay(settings.data_dir, f"/v1/blobs/{cid}/remove"))
        if not as_json:
            click.echo(f"{removed[-1]['cid']} is removed: {size(removed[-1]['size'])}")
    if as_json:
        show(removed, as_json=True)


def _whole(settings: "Settings", cids: Sequence[str]) -> list[str]:
    """Complete CIDs of which the first characters are given. Raises ConfigError, UsageError."""
    shortened = [cid for cid in cids if _SHORT.fullmatch(cid)]
    for cid in cids:
        if cid not in shortened:
            _check(cid)
    if not shortened:
        return list(cids)
    known = [str(_describe(blob)["cid"]) for blob in asyncio.run(_read(settings))]
    return [_complete(cid, known) if cid in shortened else cid for cid in cids]


def _complete(first: str, known: Sequence[str]) -> str:
    found = [cid for cid in known if cid.startswith(first)]
    if not found:
        raise ConfigError(f"there is no file {first}; `minirelay blobs --all` lists those that there are")
    if len(found) > 1:
        raise ConfigError(f"the CIDs of {len(found)} files begin with {first}; give more characters")
    return found[0]


def _check(cid: str) -> None:
    from minirelay.blobs.cid import read_cid

    try:
        read_cid(cid)
    except MalformedInput as error:
        raise click.UsageError(f"{cid[:100]!r}: {error}") from error


async def _read(settings: "Settings") -> "Sequence[ListedBlob]":
    from minirelay.blobs.naming import list_blobs

    async with reading(settings) as reader:
        return await list_blobs(reader)


def _describe(blob: "ListedBlob") -> dict[str, Document]:
    from minirelay.blobs.cid import write_cid

    return {
        "cid": write_cid(blob.hash),
        "size": blob.size,
        "media_type": blob.media_type,
        "uploaded_at": datetime.fromtimestamp(blob.uploaded_at, UTC),
        "shop_ids": [str(shop_id) for shop_id in blob.shops],
        "is_named": blob.is_named,
    }


def _print_table(found: "Sequence[ListedBlob]", *, with_named: bool) -> None:
    from minirelay.blobs.cid import write_cid

    now = time.time()
    columns = COLUMNS if with_named else COLUMNS[:-1]
    rows = [
        [write_cid(blob.hash), size(blob.size), _age(now - blob.uploaded_at), "✓" if blob.is_named else ""]
        for blob in found
    ]
    echo_table(columns, [row[: len(columns)] for row in rows], left=("file", "named"))
    click.echo(f"{quantity(len(found), 'file')}, {size(sum(blob.size for blob in found))} together")


def _age(seconds: float) -> str:
    for unit_s, unit in _AGES:
        if seconds >= unit_s:
            return f"{seconds // unit_s:,.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
