"""`minirelay`: finds the command, and turns whatever goes wrong into one line and an exit code."""

import difflib
import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from minirelay import __version__
from minirelay.build_form import version_and_form
from minirelay.errors import ConfigError, MinirelayError

COMMANDS: Final = {
    "serve": "minirelay.cli.serve",
    "dev": "minirelay.cli.dev",
    "dev-pay": "minirelay.cli.dev_pay",
    "dev-chain": "minirelay.cli.dev_chain",
    "init": "minirelay.cli.init",
    "doctor": "minirelay.cli.doctor",
    "register": "minirelay.cli.register",
    "shops": "minirelay.cli.shops",
    "shop": "minirelay.cli.shop",
    "payments": "minirelay.cli.payments",
    "prices": "minirelay.cli.prices",
    "verify": "minirelay.cli.verify",
    "alerts": "minirelay.cli.alerts",
    "admin": "minirelay.cli.admin",
    "webhook": "minirelay.cli.webhook",
    "blobs": "minirelay.cli.blobs",
    "backup": "minirelay.cli.backup",
    "restore": "minirelay.cli.restore",
    "export": "minirelay.cli.export",
    "import": "minirelay.cli.import_",
    "config": "minirelay.cli.config",
    "bench": "minirelay.cli.bench",
    "decode": "minirelay.cli.decode",
    "help": "minirelay.cli.help",
    "completion": "minirelay.cli.completion",
}
"""Where each command is: a module with a click command of the same name.

It has an underscore for each hyphen, and one behind what is a word of Python's.
It is imported when it is asked for.
"""

OWN_FAULT: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's)
        """List the commands, most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's)
        """Import a command; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module = COMMANDS[cmd_name]
        name = module.rpartition(".")[2] if keyword.iskeyword(cmd_name) else cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name]} has no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name. Raises UsageError, which names the nearest one."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(version_and_form(), prog_name="minirelay", message="%(prog)s %(version)s")
def cli() -> None:
    """Run a Mass Market relay of your own: one process, one SQLite file."""


def main() -> None:
    """Run `minirelay` with the arguments of this process, and end it."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command; gives the exit code: 0, 1 when it failed, 2 when it was asked for wrongly."""
    try:
        result = cli.main(list(arguments), prog_name="minirelay", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_USE
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        return _complain(_usage(error), error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has enough of it; nothing may be flushed there at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OWN_FAULT
    except MinirelayError as error:
        return _complain(str(error), WRONG_USE if isinstance(error, ConfigError) else OWN_FAULT)
    except Exception as error:  # noqa: BLE001 (whatever it is, people get one line)
        return _complain(_bug(error), OWN_FAULT)
    return result if isinstance(result, int) else 0


def _complain(message: str, code: int) -> int:
    line = " ".join(message.split())
    click.echo(f"{click.style('minirelay:', fg='red')} {line}", err=True)
    return code


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".").replace("not a valid integer range", "not a whole number")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{message}; see `{context.command_path} --help`" if context else message


def _bug(error: Exception) -> str:
    """Return a line that says where a bug is, for the report of it."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if "minirelay" in file.parts:
            place = f" at {file.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"a bug in minirelay {__version__}{place}: {type(error).__name__}: {error}; please report it"


if __name__ == "__main__":
    main()
