"""`minirelay export SHOP FILE`: one shop in a file, for another relay."""

from pathlib import Path
from typing import Any

import click

from minirelay.cli.inspection import FOR_READING, find_row
from minirelay.cli.output import show
from minirelay.cli.replay_bar import replay_bar
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.cli.tables import size


@click.command(cls=CommandWithSettings, settings=FOR_READING, short_help="Write one shop to FILE.")
@click.argument("shop_id", metavar="SHOP")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Also if FILE is there: it is replaced.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(shop_id: str, file: Path, force: bool, as_json: bool, **given: Any) -> None:
    """Write one shop to FILE: its log, key cards, orders, payments, alerts and files.

    The relay may run meanwhile. The log is replayed in FILE before that takes its name. It holds customers'
    addresses: keep it private. The wallet's key is not in it. `minirelay import FILE` puts the shop into
    another relay (docs/backup.md, "Moving one shop").
    """
    from msgspec import to_builtins

    from minirelay.operations.exporting import export_shop, list_shops

    settings = read_settings(given)
    row = find_row(list_shops(settings.data_dir), shop_id)
    with replay_bar("exporting") as progress:
        made = export_shop(settings.data_dir, row, file, force=force, progress=progress)
    if as_json:
        show({"file": str(file), **to_builtins(made)}, as_json=True)
        return
    click.echo(f"{file}: {size(made.size_bytes)}, checked; of shop")
    click.echo(f"  {made.shop_id}")
    click.echo(f"up to set {made.sequence_number}, with the root hash")
    click.echo(f"  {made.root_hash}")
    click.echo("Stop that shop's clients, or this relay, before the other one serves it:")
    click.echo("what comes in here from now on is not in the file.")
