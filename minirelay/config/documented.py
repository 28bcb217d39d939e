"""The settings file with all its settings, as comments, for people to fill in (spec 09, "Settings")."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import msgspec

from minirelay.config.setting import ANY_ID, Setting
from minirelay.config.settings import SETTINGS

WIDTH: Final = 80
_BEGINNING: Final = """\
# The settings of minirelay. What is commented out has its default; take the #
# away to change it. A flag (--listen-port 4444) or a variable
# (MINIRELAY_LISTEN_PORT=4444) overrides what stands here.
"""


def documented(given: Mapping[str, Any], chain_ids: Sequence[int]) -> str:
    """Write a settings file: each setting with what it means; those that are not given are commented out.

    given: values as TOML has them, by full name. chain_ids: whose tables are written.
    """
    lines = [_BEGINNING]
    for table, settings in groupby(_named(chain_ids), lambda one: one[0].rpartition(".")[0]):
        if table:
            lines += ["", f"[{table}]"]
        for name, setting in settings:
            lines += _lines(name, setting, given)
    return "\n".join(lines) + "\n"


def _named(chain_ids: Sequence[int]) -> Iterator[tuple[str, Setting]]:
    """List all settings with their names: first those of no table, since TOML has them in front."""
    in_tables = [one for one in SETTINGS if "." in one.name]
    yield from ((one.name, one) for one in SETTINGS if "." not in one.name)
    yield from ((one.name, one) for one in in_tables if ANY_ID not in one.name)
    for chain_id in chain_ids:
        for one in in_tables:
            if ANY_ID in one.name:
                yield one.name.replace(ANY_ID, str(chain_id)), one


def _lines(name: str, setting: Setting, given: Mapping[str, Any]) -> Iterator[str]:
    field = name.rpartition(".")[2]
    yield ""
    of = "Some of" if setting.is_list else "One of"
    choices = f" {of}: {', '.join(setting.choices)}." if setting.choices else ""
    yield from textwrap.wrap(
        f"{setting.help[0].upper()}{setting.help[1:]}.{choices}",
        WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    if name in given:
        yield f"{field} = {toml(given[name])}"
    elif setting.default is None or setting.default == ():
        yield f"# {field} =    (not set)"
    else:
        yield f"# {field} = {_default(setting)}"


def _default(setting: Setting) -> str:
    value = setting.default
    if isinstance(value, bool) or type(value) in (int, float, tuple):
        return toml(value)
    # Times and sizes as people write them; nothing of a default is secret.
    return toml(str(value))


def toml(value: Any) -> str:
    """Write a value as TOML has it: a truth value, a number, a text, or a list of them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return str(value)
    # What JSON escapes, TOML escapes the same way, but for one character.
    return msgspec.json.encode(str(value)).decode().replace("\x7f", "\\u007f")
