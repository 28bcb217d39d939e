"""What the operator's requests say behind the question mark."""

import re

from aiohttp import web

from minirelay.errors import MalformedInput


def count(request: web.Request, name: str, *, default: int, most: int) -> int:
    """Return a whole number from 0; larger ones are taken for the most. Raises MalformedInput."""
    given = request.query.get(name, "")
    if not given:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", given):
        raise MalformedInput(f"{name}: a whole number from 0 is wanted")
    return min(int(given), most)


def number(request: web.Request, name: str, *, bits: int) -> int | None:
    """Return an id of so many bits, None if it is missing. Raises MalformedInput."""
    given = request.query.get(name, "")
    return bounded(given, name, bits) if given else None


def bounded(text: str, name: str, bits: int) -> int:
    """Read a number of so many bits. Raises MalformedInput."""
    if not re.fullmatch(r"[0-9]{1,78}", text) or int(text) >= 1 << bits:
        raise MalformedInput(f"{name}: a number of {bits} bits is wanted")
    return int(text)
