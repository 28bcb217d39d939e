import click
import pytest

from minirelay.cli.dev_chain import dev_chain
from minirelay.cli.dev_pay import dev_pay

COMMANDS = [dev_pay, *dev_chain.commands.values()]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: str(one.name))
def test_every_command_can_be_told_which_relay_it_is_about(command: click.Command) -> None:
    assert "--relay" in [name for parameter in command.params for name in parameter.opts]
