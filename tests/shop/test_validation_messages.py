from datetime import datetime
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from minirelay.shop.objects import (
    EMAIL_PATTERN,
    NOT_BLANK_PATTERN,
    PHONE_PATTERN,
    VARIATION_NAME_PATTERN,
    Hash,
    Listing,
    PriceModifier,
    Uint32,
)
from minirelay.shop.order_states import OrderState
from minirelay.shop.validation_messages import describe

NOT_BLANK = Annotated[str, Meta(pattern=NOT_BLANK_PATTERN)]


def words(kind: Any, value: Any) -> str:
    """What is said of a value that msgspec refuses: the messages are msgspec's own, whatever its version."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, kind, builtin_types=(bytes, datetime))
    return describe("Thing", str(caught.value))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (str, 1, "Thing must be text, not an integer"),
        (int, "1", "Thing must be an integer, not text"),
        (int, True, "Thing must be an integer, not a boolean"),
        (bool, 1, "Thing must be a boolean, not an integer"),
        (bytes, "x", "Thing must be a byte string, not text"),
        (datetime, b"x", "Thing must be a time, not a byte string"),
        (list[int], {}, "Thing must be a list, not a map"),
        (dict[str, int], [], "Thing must be a map, not a list"),
        (str, None, "Thing must be text, not null"),
        (int, datetime(2025, 1, 1), "Thing must be an integer, not a time"),
        (str | None, 1, "Thing must be text, not an integer"),
        (Uint32, -1, "Thing must be at least 0"),
        (Uint32, 2**32, "Thing must be at most 4294967295"),
        (Hash, b"x", "Thing must be 32 bytes"),
        (Hash, bytes(33), "Thing must be 32 bytes"),
        (Annotated[list[int], Meta(min_length=1)], [], "Thing must have at least 1 entries"),
        (Annotated[dict[str, int], Meta(max_length=0)], {"a": 1}, "Thing must have at most 0 entries"),
        (OrderState, 9, "Thing must not be 9"),
        (NOT_BLANK, " ", "Thing must not be blank"),
        (
            Annotated[str, Meta(pattern=VARIATION_NAME_PATTERN)],
            "|",
            "Thing must not be blank, nor contain '|'",
        ),
        (Annotated[str, Meta(pattern=EMAIL_PATTERN)], "x", "Thing must be an e-mail address"),
        (Annotated[str, Meta(pattern=PHONE_PATTERN)], "x", "Thing must be + and 7 to 15 digits"),
    ],
)
def test_each_complaint_has_words(kind: Any, value: Any, expected: str) -> None:
    assert words(kind, value) == expected


def test_a_missing_field_is_named() -> None:
    assert words(Listing, {}) == "Thing.ID is missing"
    assert words(Listing, {"ID": 1, "Price": 1, "Metadata": {}}) == "Thing.Metadata.Title is missing"


def test_the_place_is_named_but_never_what_a_client_wrote() -> None:
    assert words(dict[str, list[int]], {"secret": [1, "x"]}) == "Thing[...][1] must be an integer, not text"
    assert words(dict[NOT_BLANK, dict[int, int]], {" ": {}}) == "a key of Thing must not be blank"
    assert words(dict[str, dict[int, int]], {"x": {"y": 1}}) == (
        "a key of Thing[...] must be an integer, not text"
    )


def test_rules_of_our_own_are_said_as_they_are() -> None:
    assert words(list[PriceModifier], [{}]) == (
        "Thing[0] must have one of ModificationPercent and ModificationAbsolute"
    )


def test_words_that_look_like_a_place_do_not_confuse() -> None:
    assert describe("Thing", "must not be 'a - at `$.b`' - at `$.Options`") == (
        "Thing.Options must not be 'a - at `$.b`'"
    )
    assert describe("Thing", "two\nlines - at `$.a`") == "Thing.a two\nlines"
