"""`minirelay config`: prints the effective settings and where each comes from."""

from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.output import show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings

if TYPE_CHECKING:
    from minirelay.config import Settings


@click.command(cls=CommandWithSettings)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def config(as_json: bool, **given: Any) -> None:
    """Print the effective settings and where each comes from.

    Secrets are left out: of an endpoint only its host is shown.
    """
    settings = read_settings(given)
    rows = {name: _value(settings, name) for name in settings.names()}
    if as_json:
        content = {name: {"value": value, "origin": settings.origin(name)} for name, value in rows.items()}
        show(content, as_json=True)
        return
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        origin = click.style(f"({settings.origin(name)})", dim=True)
        click.echo(f"{click.style(f'{name:<{width}}', bold=True)}  {value}  {origin}")


def _value(settings: "Settings", name: str) -> str:
    from minirelay.config import find

    setting = find(name)
    if setting is None:
        raise RuntimeError(f"{name} is no setting")
    return setting.show(settings.value(name))
