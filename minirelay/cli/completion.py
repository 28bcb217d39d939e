"""`minirelay completion SHELL`: what makes a shell complete commands and flags."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands and flags.

    \b
    For bash, in ~/.bashrc:
      eval "$(minirelay completion bash)"
    For zsh, in ~/.zshrc:
      eval "$(minirelay completion zsh)"
    For fish:
      minirelay completion fish > ~/.config/fish/completions/minirelay.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"nothing is known of {shell}")
    click.echo(kind(ctx.find_root().command, {}, "minirelay", "_MINIRELAY_COMPLETE").source())
