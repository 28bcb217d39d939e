"""`minirelay admin`: the address of the operator's page, with a link that logs in once."""

import sys
from typing import Any

import click

from minirelay.cli.inspection import FOR_READING
from minirelay.cli.output import show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings


@click.command(
    cls=CommandWithSettings, settings=FOR_READING, short_help="Print a link to the operator's page."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def admin(as_json: bool, **given: Any) -> None:
    """Print a link that logs in to the operator's page of the running relay.

    It works once, within 5 minutes. On a server without a browser, run `ssh -L 4445:127.0.0.1:4445 SERVER` on
    your own machine and open the link there.
    """
    from minirelay.cli.operating import ask_relay
    from minirelay.web.admin.login import LINKS

    link = ask_relay(read_settings(given).data_dir, LINKS)
    if as_json:
        show(link, as_json=True)
    else:
        click.echo(link["url"])
        if sys.stdout.isatty():
            click.echo(f"It works once, within {link['expires_in_s'] // 60} minutes.")
