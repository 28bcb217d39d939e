"""What msgspec found wrong, in the words of the protocol.

msgspec says "Expected `str` matching regex '\\\\S' - at `$.Metadata.Title`"; a client hears
"Listing.Metadata.Title must not be blank".
"""

import re
from collections.abc import Callable

from minirelay.shop.objects import EMAIL_PATTERN, NOT_BLANK_PATTERN, PHONE_PATTERN, VARIATION_NAME_PATTERN

_PLACE = re.compile(r"(?P<what>.*) - at `(?P<key>key` in `)?\$(?P<path>.*)`", re.DOTALL)
_NAMES = {
    "str": "text",
    "int": "an integer",
    "bool": "a boolean",
    "bytes": "a byte string",
    "datetime": "a time",
    "array": "a list",
    "object": "a map",
    "null": "null",
}
_PATTERNS = {
    repr(NOT_BLANK_PATTERN): "must not be blank",
    repr(VARIATION_NAME_PATTERN): "must not be blank, nor contain '|'",
    repr(EMAIL_PATTERN): "must be an e-mail address",
    repr(PHONE_PATTERN): "must be + and 7 to 15 digits",
}


def describe(subject: str, message: str) -> str:
    """Turn a message of msgspec into a sentence about a subject, like "Listing" or "Price"."""
    placed = _PLACE.fullmatch(message)
    if placed is None:
        return _sentence(subject, message)
    where = subject + placed["path"]
    return _sentence(f"a key of {where}" if placed["key"] else where, placed["what"])


def _sentence(where: str, what: str) -> str:
    missing = re.fullmatch(r"Object missing required field `(.*)`", what)
    if missing is not None:
        return f"{where}.{missing[1]} is missing"
    return f"{where} {_predicate(what)}"


def _predicate(what: str) -> str:
    for pattern, words in _RULES:
        match = pattern.fullmatch(what)
        if match is not None:
            return words(match)
    return what  # a rule of `objects`, in words already


def _wrong_type(match: re.Match[str]) -> str:
    expected = [_NAMES.get(name, name) for name in match[1].split(" | ") if name != "null"]
    return f"must be {' or '.join(expected)}, not {_NAMES.get(match[2], match[2])}"


def _wrong_length(match: re.Match[str]) -> str:
    if match[1] == "bytes":
        return f"must be {match[3]} bytes"  # all byte strings have one legal length
    return f"must have at {'least' if match[2] == '>=' else 'most'} {match[3]} entries"


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"Expected `str` matching regex (.*)"), lambda match: _PATTERNS[match[1]]),
    (re.compile(r"Expected `(bytes|array|object)` of length (>=|<=) (\d+)"), _wrong_length),
    (re.compile(r"Expected `int` >= (\d+)"), lambda match: f"must be at least {match[1]}"),
    (re.compile(r"Expected `int` <= (\d+)"), lambda match: f"must be at most {match[1]}"),
    (re.compile(r"Expected `(.*)`, got `(.*)`"), _wrong_type),
    (re.compile(r"Invalid enum value (.*)"), lambda match: f"must not be {match[1]}"),
)
