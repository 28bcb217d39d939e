"""Showing what would be sent, and asking whether it shall be: money leaves no wallet without a yes."""

import sys

import click

from minirelay.errors import ConfigError


def agree(plan: str, in_a_line: str, *, is_agreed: bool) -> bool:
    """Return whether people agree to a plan; on a terminal they are shown it, and asked.

    in_a_line: the same for where nobody can be asked. is_agreed: they said so beforehand. Raises ConfigError
    without a terminal.
    """
    if sys.stderr.isatty():
        click.echo(plan, err=True)
    if is_agreed:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(f"{in_a_line}: run it with --yes to agree")
    return click.confirm("Send it?", err=True)
