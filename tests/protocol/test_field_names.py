"""Fields in other cases than the exact one."""

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.cbor import Key
from minirelay.protocol.field_names import find_field, get_field


def test_exact_name_is_found() -> None:
    assert find_field({"Op": 1}, "Op", "patch") == "Op"


@pytest.mark.parametrize("name", ["op", "OP", "oP"])
def test_one_inexact_name_is_found(name: str) -> None:
    assert find_field({name: 1, "Other": 2}, "Op", "patch") == name


def test_exact_name_wins_over_inexact_ones() -> None:
    entries: dict[Key, int] = {"op": 1, "OP": 2, "Op": 3}
    assert find_field(entries, "Op", "patch") == "Op"
    assert get_field(entries, "Op", "patch") == 3


def test_two_inexact_names_are_refused() -> None:
    with pytest.raises(Refusal, match="two spellings") as refused:
        find_field({"op": 1, "OP": 1}, "Op", "patch")
    assert refused.value.code is Code.INVALID
    assert refused.value.message.startswith("patch")


def test_absent_field_is_none() -> None:
    assert find_field({"Opera": 1, 7: 2, b"Op": 3}, "Op", "patch") is None
    assert get_field({}, "Op", "patch") is None


def test_letters_beyond_ascii_are_other_letters() -> None:
    assert find_field({"\u212aeyCardNonce": 1}, "KeyCardNonce", "header") is None
