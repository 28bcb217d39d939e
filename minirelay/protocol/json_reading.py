"""Reading JSON that strangers wrote, bounded in depth.

msgspec recurses as deep as the interpreter's recursion limit lets it, and some libraries (py_ecc, which comes
with eth-account) raise that limit beyond what the stack can hold: then brackets alone end the process.
"""

import re
from typing import Final, TypeVar

import msgspec

from minirelay.errors import MalformedInput

T = TypeVar("T")

MAX_DEPTH: Final = 64

# The closing quote may be missing: what follows is read by nobody then, and searched only once.
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS: Final = b"[]{}"
_NO_BRACKETS: Final = bytes(set(range(256)) - set(_BRACKETS))


def decode_json(data: bytes, kind: type[T]) -> T:
    """Decode JSON (RFC 8259) into a type that msgspec knows; `object` for whatever it is.

    Raises MalformedInput: not JSON, something else than the type, nested deeper than MAX_DEPTH. Time and
    memory are linear in the input.
    """
    # Mostly there are so few brackets that they can't be nested too deep, and nothing needs to be counted.
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
        raise MalformedInput(f"JSON nested deeper than {MAX_DEPTH}")
    try:
        return msgspec.json.decode(data, type=kind)
    except ValueError as error:
        raise MalformedInput(f"not the JSON expected: {error}") from error


def _depth(data: bytes) -> int:
    depth = deepest = 0
    for bracket in _TEXT.sub(b"", data).translate(None, _NO_BRACKETS):
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest
