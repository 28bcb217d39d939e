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


def number(request: web.Request, name: str) -> int | None:
    """Return an id of up to 78 digits, None if it is missing. Raises MalformedInput."""
    given = request.query.get(name, "")
    if not given:
        return None
    if not re.fullmatch(r"[0-9]{1,78}", given):
        raise MalformedInput(f"{name}: a number is wanted")
    return int(given)
