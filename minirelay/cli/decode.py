"""`minirelay decode`: prints a CBOR value, a patch set or an envelope readably."""

import base64
import binascii
import re
import sys
from pathlib import Path
from typing import Final

import click

from minirelay.cli.output import show
from minirelay.cli.tables import quantity
from minirelay.errors import MalformedInput

KINDS: Final = ("auto", "patch-set", "cbor", "envelope")
MAX_BYTES: Final = 64 * 2**20

_HEX = re.compile(rb"(?:0x)?((?:[0-9A-Fa-f]{2})+)")


@click.command()
@click.argument("source")
@click.option(
    "--as",
    "kind",
    type=click.Choice(KINDS),
    default="auto",
    show_default=True,
    help="What it is; auto tries them in this order.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def decode(source: str, kind: str, as_json: bool) -> None:
    """Print a CBOR value, a patch set or an envelope readably.

    SOURCE is hexadecimal text, base64 text, a file that holds either or the bytes themselves, or - for
    standard input.
    """
    from minirelay.cli.documents import describe

    data = read_source(source)
    try:
        document = describe(data, kind)
    except MalformedInput as error:
        raise MalformedInput(f"{_taken_as(source, data)}: {error}") from error
    show(document, as_json=as_json)


def _taken_as(source: str, data: bytes) -> str:
    """Return what a source was taken for: a name with a typing error may be base64, too."""
    size = quantity(len(data), "byte")
    if source == "-":
        return f"standard input, {size}"
    if _is_file(source):
        return f"{source}, {size}"
    return f"there is no such file, and as text it stands for {size}"


def _is_file(source: str) -> bool:
    try:
        return Path(source).is_file()
    except (OSError, ValueError):
        # Too long for a path, or with a null in it: no path then.
        return False


def read_source(source: str) -> bytes:
    """Get the bytes that a source stands for. Raises MalformedInput."""
    if source == "-":
        return from_text(sys.stdin.buffer.read(MAX_BYTES))
    path = Path(source)
    if not _is_file(source):
        data = from_text(source.encode("utf-8", "surrogateescape"))
        if data == source.encode("utf-8", "surrogateescape"):
            raise MalformedInput("SOURCE is neither hexadecimal nor base64, and there is no such file")
        return data
    try:
        return from_text(path.read_bytes()[:MAX_BYTES])
    except OSError as error:
        raise MalformedInput(f"{path}: {error.strerror}") from error


def from_text(content: bytes) -> bytes:
    """Return the bytes that hexadecimal or base64 text (also URL-safe) stands for; anything else as it is."""
    text = b"".join(content.split())
    if match := _HEX.fullmatch(text):
        return bytes.fromhex(match[1].decode())
    standard = text.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    try:
        return (
            base64.b64decode(standard + b"=" * (-len(standard) % 4), validate=True) if standard else content
        )
    except binascii.Error:
        return content
