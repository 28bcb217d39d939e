"""Flags for settings: each one that is not a chain's or a limit has its own, `--set` is for all."""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.config.settings import Settings

_CONFIG: Final = "config_file"
_SET: Final = "set_values"


class CommandWithSettings(click.Command):
    """A command that takes the flags for settings too, as keyword arguments for `read_settings`."""

    def __init__(self, *args: Any, settings: Collection[str] | None = None, **given: Any) -> None:
        """settings: the names of those that get a flag; None for all."""
        super().__init__(*args, **given)
        self._settings = settings

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """List the flags for settings, then the command's own."""
        return [*self._setting_flags, *super().get_params(ctx)]

    @cached_property
    def _setting_flags(self) -> list[click.Parameter]:
        # Made when they are asked for: a list of all commands needs none of them.
        return [
            click.Option(
                ["--config", _CONFIG],
                type=click.Path(dir_okay=False, path_type=Path),
                help="Settings file.  [default: /etc/minirelay/minirelay.toml, if it is there]",
            ),
            click.Option(
                ["--set", _SET],
                multiple=True,
                metavar="NAME=VALUE",
                help="Any setting by its full name, limits and chains too.",
            ),
            *(
                click.Option([f"--{name.replace('_', '-')}", name], metavar="VALUE", help=text)
                for name, text in _own_flags().items()
                if self._settings is None or name in self._settings
            ),
        ]


class GroupWithSettings(CommandWithSettings, click.Group):
    """The same for a command that has commands below it, which take these flags, too."""


def merge_flags(above: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the keyword arguments of a command with those that stood before its name."""
    named = {name: value for name, value in own.items() if value is not None}
    return {**above, **named, _SET: (*above[_SET], *own[_SET])}


def read_settings(given: Mapping[str, Any]) -> "Settings":
    """Read the settings of a command from its keyword arguments, the environment and the file.

    given: may hold other arguments too. Raises ConfigError.
    """
    from minirelay.config.loading import load_from_outside

    flags: dict[str, object] = {name: given.get(name) for name in _own_flags()}
    for one in given[_SET]:
        name, equals, value = one.partition("=")
        if not equals:
            raise ConfigError(f"--set {one}: expected NAME=VALUE, like limits.max_sessions=100")
        flags[name.strip()] = value
    return load_from_outside(file=given[_CONFIG], flags=flags)


def _own_flags() -> dict[str, str]:
    """List the settings that have a flag of their own, with the help for each."""
    from minirelay.config.settings import SETTINGS

    texts = {setting.name: setting.help for setting in SETTINGS if "." not in setting.name}
    return {name: f"{text[0].upper()}{text[1:]}." for name, text in texts.items()}
