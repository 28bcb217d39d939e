"""Reading JSON from strangers."""

import json
import re

MAX_DEPTH = 64

# Strings as a whole, to pass over what is in them; one without an end reaches to the end.
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)


def read_json(text: bytes) -> object:
    """Read a JSON text, nested at most 64 deep. Raises ValueError."""
    # Python's own limit is no help: py-evm raises it beyond what the parser's stack bears.
    if _is_too_deep(text):
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return json.loads(text, parse_constant=_no_constant)


def _is_too_deep(text: bytes) -> bool:
    depth = 0
    for token in _TOKENS.finditer(text):
        first = text[token.start()]
        depth += (first in b"[{") - (first in b"]}")
        if depth > MAX_DEPTH:
            return True
    return False


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
