"""What commands print: for people on a terminal, plain lines in a pipe, JSON for scripts (spec 09)."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

Scalar = None | bool | int | float | str | bytes | datetime
Document = Scalar | Sequence["Document"] | Mapping[Any, "Document"]
"""What is shown: text keys are names, other keys and all scalars are values."""

_INDENT: Final = "  "
_COLOURS: Final[dict[type, str]] = {
    str: "green",
    bytes: "yellow",
    int: "cyan",
    float: "cyan",
    bool: "magenta",
    type(None): "magenta",
    datetime: "blue",
}


def show(document: Document, *, as_json: bool) -> None:
    """Print a document: as JSON, or readably, in colours on a terminal."""
    if as_json:
        sys.stdout.write(json.dumps(to_json(document), ensure_ascii=False) + "\n")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    for indent, name, scalar, is_scalar in _lines(document, 0):
        line = Text(_INDENT * indent)
        line.append(name, "bold")
        if is_scalar:
            line.append(" " if name else "").append(written(scalar), _COLOURS[type(scalar)])
        console.print(line)


def written(value: Scalar) -> str:
    """Write a value on one line, whatever strangers put into it: bytes as 0x…, text in quotes."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def to_json(document: Document) -> object:
    """Turn a document into what JSON has: bytes and times become text, and so do all keys."""
    if isinstance(document, Mapping):
        return {_json_key(key): to_json(value) for key, value in document.items()}
    if isinstance(document, bytes | datetime):
        return written(document)
    if isinstance(document, Sequence) and not isinstance(document, str):
        return [to_json(value) for value in document]
    return document


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show on a terminal that something takes its time; say nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def _json_key(key: object) -> str:
    return key if isinstance(key, str) else f"0x{key.hex()}" if isinstance(key, bytes) else str(key)


def _name(key: object) -> str:
    if isinstance(key, str):
        return key if key.isprintable() and key else json.dumps(key)
    return _json_key(key)


Line = tuple[int, str, Scalar, bool]
"""Indentation, name, value, and whether there is a value."""


def _lines(document: Document, indent: int, name: str = "") -> Iterator[Line]:
    if isinstance(document, Mapping):
        entries = [(f"{_name(key)}:", value) for key, value in document.items()]
        empty = "{}"
    elif isinstance(document, Sequence) and not isinstance(document, str | bytes):
        entries = [("-", value) for value in document]
        empty = "[]"
    else:
        yield indent, name, document, True
        return
    if name or not entries:
        yield indent, f"{name} {empty}".lstrip() if not entries else name, None, False
        indent += 1
    for entry_name, value in entries:
        yield from _lines(value, indent, entry_name)
