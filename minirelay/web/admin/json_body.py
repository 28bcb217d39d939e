"""Reading what comes with the operator's requests: a JSON object, or nothing."""

import json

from aiohttp import web

from minirelay.operations.operator import OperatorError


async def read_object(request: web.Request) -> dict[str, object]:
    """Read the JSON object in a request's body; an empty one if there is no body. Raises OperatorError."""
    if not request.can_read_body:
        return {}
    try:
        content = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise OperatorError("the body is not JSON") from error
    if not isinstance(content, dict):
        raise OperatorError("the body is not a JSON object")
    return content


def text(content: dict[str, object], name: str, most: int) -> str:
    """Return a text of the object, "" if it is missing. most: characters. Raises OperatorError."""
    value = content.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise OperatorError(f"{name} is text of at most {most} characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # JSON can write half a character
        raise OperatorError(f"{name} has a character that is none") from error
    return value


def number(content: dict[str, object], name: str) -> int | None:
    """Return a whole number of the object, None if it is missing. Raises OperatorError."""
    value = content.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise OperatorError(f"{name} is a whole number")
    return value
