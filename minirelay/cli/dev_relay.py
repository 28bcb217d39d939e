"""What the commands that work on a running `minirelay dev` have in common: a flag to say which."""

import click

relay_flag = click.option(
    "--relay", metavar="URL", help="URL of its relay, where several run.  [default: the one that runs]"
)
