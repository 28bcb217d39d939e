"""What the page asks for: how an order is paid."""

from fractions import Fraction

import pytest

from minirelay.dev.admin.wishes import flag, number_of, read_wish
from minirelay.dev.order_payment import Wish
from minirelay.dev.paying import How
from minirelay.errors import MalformedInput
from minirelay.operations.operator import OperatorError


@pytest.mark.parametrize(
    ("content", "how", "share", "is_late"),
    [
        ({}, How.ADDRESS, None, False),
        ({"how": "token", "part": "50%"}, How.TOKEN, Fraction(1, 2), False),
        ({"over": "10", "late": True}, How.ADDRESS, Fraction(11, 10), True),
        ({"how": "wallet", "part": "", "over": ""}, How.WALLET, None, False),
    ],
)
def test_what_is_missing_is_the_usual(
    content: dict[str, object], how: How, share: Fraction | None, is_late: bool
) -> None:
    assert read_wish(content, 1, 2) == Wish(1, 2, how, share, is_late)


@pytest.mark.parametrize(
    "content",
    [{"how": "x"}, {"part": "0"}, {"over": "x"}, {"part": "1", "over": "1"}, {"how": "wallet", "late": True}],
)
def test_what_makes_no_sense_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(MalformedInput):
        read_wish(content, 1, 2)


def test_numbers_and_flags_are_bounded() -> None:
    assert number_of({}, "n", 3, range(1, 5)) == 3
    assert number_of({"n": 4}, "n", 3, range(1, 5)) == 4
    for wrong in (0, 5, -1):
        with pytest.raises(MalformedInput, match="from 1 to 4"):
            number_of({"n": wrong}, "n", 3, range(1, 5))
    with pytest.raises(OperatorError):
        number_of({"n": 1.5}, "n", 3, range(1, 5))
    assert flag({"f": True}, "f")
    assert not flag({}, "f")
    with pytest.raises(MalformedInput):
        flag({"f": 1}, "f")
