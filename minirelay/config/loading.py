"""How settings are read: TOML file < environment < flags (spec 09, "Settings")."""

import difflib
import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from minirelay.config.setting import ANY_ID, Setting
from minirelay.config.settings import (
    DEFAULT_FILE,
    ENVIRONMENT_PREFIX,
    FILE_VARIABLE,
    SETTINGS,
    Settings,
    find,
    variable_of,
)
from minirelay.config.values import read
from minirelay.errors import ConfigError

_SHOWN_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True)
class Given:
    """A value that was configured. origin: where, in words. is_text: has yet to be taken apart."""

    value: object
    origin: str
    is_text: bool


Layer = Mapping[str, Given]
"""Values by full name; a later layer overrides an earlier one."""


def load(*layers: Layer) -> Settings:
    """Make settings of layers of values, the weakest first.

    Raises ConfigError: one line that says what, where and what to do.
    """
    given: dict[str, Given] = {}
    for layer in layers:
        given.update(layer)
    tree: dict[str, Any] = {"origins": {name: one.origin for name, one in given.items()}}
    for name, one in given.items():
        *sections, field = name.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[field] = _convert(name, one)
    # Each value is what its field wants already: this puts them into their structs.
    return msgspec.convert(tree, Settings, dec_hook=read, str_keys=True)


def load_from_outside(
    *,
    file: Path | None,
    environ: Mapping[str, str] = os.environ,
    flags: Mapping[str, object],
    base: Layer | None = None,
) -> Settings:
    """Read the settings of a command.

    file: what `--config` says. flags: values by full name. base: what stands in for the defaults
    (`minirelay dev`). Raises ConfigError.
    """
    named = file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    path = named or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    return load(
        base or {},
        file_layer(path) if path else {},
        environment_layer(environ),
        flag_layer(flags),
    )


def fixed_layer(origin: str, **values: object) -> Layer:
    """Make a layer of values in the code. Names with `__` for the dot: limits__max_sessions=9."""
    layer = {}
    for name, value in values.items():
        full_name = name.replace("__", ".")
        layer[full_name] = Given(value, origin, is_text=False)
    return _checked(layer)


def file_layer(path: Path) -> Layer:
    """Read a TOML file. Raises ConfigError."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; check the path and who may read it") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file: {error}; correct that place") from error
    flat = _flatten(content, "")
    return _checked({name: Given(value, str(path), is_text=False) for name, value in flat})


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Read MINIRELAY_… variables; an empty one counts as not set. Raises ConfigError for an unknown one."""
    layer = {}
    for variable, text in environ.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == FILE_VARIABLE or not text:
            continue
        name = _name_of(variable)
        if name is None:
            known = [variable_of(setting.name) for setting in SETTINGS]
            raise ConfigError(f"{variable} (environment): no such setting{_nearest(variable, known)}")
        layer[name] = Given(text, f"{variable} (environment)", is_text=True)
    return layer


def flag_layer(flags: Mapping[str, object]) -> Layer:
    """Take the values of flags by full name; None means that the flag was not given. Raises ConfigError."""
    return _checked(
        {
            name: Given(value, "a flag", is_text=isinstance(value, str))
            for name, value in flags.items()
            if value is not None
        }
    )


def _name_of(variable: str) -> str | None:
    rest = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
    chain = re.fullmatch(r"chains_([0-9]+)_(.+)", rest)
    candidates = [f"chains.{chain[1]}.{chain[2]}"] if chain else [s.name for s in SETTINGS]
    return next((name for name in candidates if find(name) and variable_of(name) == variable), None)


def _flatten(table: Mapping[str, object], prefix: str) -> Iterable[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _checked(layer: Layer) -> Layer:
    for name, given in layer.items():
        if find(name) is None:
            known = [setting.name for setting in SETTINGS]
            generic = re.sub(r"^chains\.[^.]*\.", f"chains.{ANY_ID}.", name)
            raise ConfigError(f"{name} ({given.origin}): no such setting{_nearest(generic, known)}")
    return layer


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; docs/settings.md lists them"


def _convert(name: str, given: Given) -> object:
    setting = find(name)
    if setting is None:
        raise ConfigError(f"{name} ({given.origin}): no such setting")
    value = given.value
    if given.is_text and setting.is_list:
        value = [part for part in re.split(r"[,\s]+", str(value)) if part]
    try:
        converted = msgspec.convert(value, setting.type, strict=not given.is_text, dec_hook=read)
        if isinstance(converted, float) and not math.isfinite(converted):
            raise msgspec.ValidationError("Expected a finite number")
        return converted
    except msgspec.ValidationError as error:
        # Not chained: the error knows the value, which may be a secret.
        raise ConfigError(f"{name} ({given.origin}): {_problem(setting, given, error)}") from None


def _problem(setting: Setting, given: Given, error: msgspec.ValidationError) -> str:
    written = "" if setting.is_secret else f"{_written(given.value)}: "
    if setting.choices:
        return f"{written}expected one of {', '.join(setting.choices)}"
    message = re.sub(r" - at `\$.*`$", "", str(error)).replace("`", "")
    # What msgspec itself says is about types, in a programmer's words; what the kinds say is for people.
    if message.startswith("Expected"):
        message = f"expected {setting.wanted}"
    return written + message


def _written(value: object) -> str:
    """Show what was written, as in the file; no longer than fits a line."""
    is_special = isinstance(value, float) and not math.isfinite(value)
    # Of which TOML has words, and JSON none.
    text = str(value) if is_special else msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
