"""`minirelay restore FILE`: puts a backup in the place of the database."""

from pathlib import Path
from typing import Any

import click

from minirelay.cli.inspection import FOR_READING
from minirelay.cli.output import busy
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.cli.tables import quantity


@click.command(cls=CommandWithSettings, settings=FOR_READING)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--force", is_flag=True, help="Also if what is there has more than the backup, or can't be read."
)
def restore(file: Path, force: bool, **given: Any) -> None:
    """Put the backup FILE in the place of the database. The relay must be stopped.

    What is there is kept under another name. The logs go on behind a gap, so that no client mistakes what
    comes now for what it had (docs/backup.md).
    """
    from minirelay.operations.restoring import restore as put_back

    settings = read_settings(given)
    with busy("restoring"):
        done = put_back(file, settings.data_dir, force=force)
    shops = "" if done.backup is None else f", {quantity(len(done.backup.shops), 'shop')}"
    click.echo(f"{done.database}: restored from {file}{shops}")
    if done.kept is not None:
        click.echo(f"What was there is in {done.kept}")
    click.echo("Start the relay now; browsers that were ahead may have to clear the site's data.")
