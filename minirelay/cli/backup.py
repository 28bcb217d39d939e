"""`minirelay backup FILE`: a checked copy of the database."""

from pathlib import Path
from typing import Any

import click

from minirelay.cli.inspection import FOR_READING
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.cli.tables import quantity, size


@click.command(
    cls=CommandWithSettings, settings=FOR_READING, short_help="Copy the database to FILE, and check the copy."
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="How many backups there are at most: FILE is the newest, FILE.1 the one before it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backup(file: Path, keep: int, as_json: bool, **given: Any) -> None:
    """Copy the database to FILE, while the relay runs or not, and check the copy.

    Every page is read and every log replayed before FILE is replaced; beside it comes FILE.json, which says
    what is in it. Keep both on another machine, and the wallet's key with them: that is not in the backup.

    \b
    For example, one each day for two weeks:
      minirelay backup /mnt/stick/minirelay.backup --keep 14
    """
    from msgspec import to_builtins

    from minirelay.operations.backups import back_up
    from minirelay.operations.last_backup import remember_backup

    settings = read_settings(given)
    with busy("backing up"):
        made = back_up(settings.data_dir, file, keep=keep, floor_bytes=int(settings.disk_floor))
    try:
        remember_backup(settings.data_dir, file)
    except OSError as error:
        click.echo(f"minirelay doctor will not know of it: {error}", err=True)
    if as_json:
        show({"file": str(file), **to_builtins(made)}, as_json=True)
        return
    shops = quantity(len(made.shops), "shop")
    click.echo(f"{file}: {size(made.size_bytes)}, {shops}, checked")
    click.echo(f"  sha256 {made.sha256}")
    key = settings.wallet_key_file or "wallet_key_file"
    click.echo(f"The wallet's key is not in it: keep a copy of {key} as well.")
