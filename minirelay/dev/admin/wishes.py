"""What the page asks for, read from JSON."""

from fractions import Fraction
from typing import Final

from minirelay.dev.arguments import read_percent, share_of
from minirelay.dev.order_payment import Wish
from minirelay.dev.paying import How
from minirelay.errors import ConfigError, MalformedInput
from minirelay.web.admin.json_body import number, text

_MOST_CHARACTERS: Final = 50


def read_wish(content: dict[str, object], order_id: int, shop_id: int) -> Wish:
    """Read how an order is to be paid. Raises MalformedInput for what can't be."""
    try:
        how = How(text(content, "how", _MOST_CHARACTERS) or How.ADDRESS.value)
    except ValueError as error:
        known = ", ".join(one.value for one in How)
        raise MalformedInput(f"how: one of {known} is wanted") from error
    try:
        share = share_of(_percent(content, "part"), _percent(content, "over"))
        return Wish(order_id, shop_id, how, share, flag(content, "late"))
    except ConfigError as error:
        raise MalformedInput(str(error)) from error


def number_of(content: dict[str, object], name: str, default: int, allowed: range) -> int:
    """Return a whole number of the object. Raises MalformedInput."""
    value = number(content, name)
    if value is None:
        return default
    if value not in allowed:
        raise MalformedInput(f"{name}: a number from {allowed[0]} to {allowed[-1]} is wanted")
    return value


def flag(content: dict[str, object], name: str) -> bool:
    """Return a yes or no of the object, which is no where it is missing. Raises MalformedInput."""
    value = content.get(name, False)
    if not isinstance(value, bool):
        raise MalformedInput(f"{name} is true or false")
    return value


def _percent(content: dict[str, object], name: str) -> Fraction | None:
    given = text(content, name, _MOST_CHARACTERS)
    return read_percent(given) if given else None
