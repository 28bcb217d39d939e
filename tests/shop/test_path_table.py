"""The table itself: what it tells apart, and in which order."""

from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.shop.path_table import PathTable, Slot, check_presence, object_number, refuse_zero_id
from tests.shop.patching import patch

HELD: list[Any] = []


def note(*arguments: Any) -> None:
    HELD.append(arguments)


TABLE = PathTable(
    {
        ("replace",): note,
        ("replace", "Price"): note,
        ("add", "Names", Slot.NAME): note,
        ("add", "Names", Slot.NAME, "Inner", Slot.INDEX): note,
        ("remove", "Places", Slot.CHAIN, Slot.ADDRESS): note,
        ("append", "Any", Slot.ANYTHING): note,
    },
    other_fields=("ID",),
    unknown_not_found={("add",), ("remove", "Places")},
)


@pytest.mark.parametrize(
    ("op", "fields", "held"),
    [
        ("replace", (), []),
        ("replace", ("Price",), []),
        ("add", ("Names", ""), [""]),
        ("add", ("Names", "Inner"), ["Inner"]),
        ("add", ("Names", "n", "Inner", 2**64 - 1), ["n", 2**64 - 1]),
        ("remove", ("Places", 0, bytes(20)), [0, bytes(20)]),
        ("append", ("Any", b"x"), [b"x"]),
        ("append", ("Any", "x"), ["x"]),
    ],
)
def test_finds_a_row_and_what_its_slots_hold(op: str, fields: tuple[Any, ...], held: list[Any]) -> None:
    handler, found = TABLE.find(patch(op, "Listings", 1, *fields, value=0))

    assert handler is note
    assert found == held


@pytest.mark.parametrize(
    ("op", "fields", "code"),
    [
        # A field that the type has, with another op
        ("add", ("Price",), Code.INVALID),
        ("add", ("ID",), Code.INVALID),
        ("add", (), Code.INVALID),
        ("replace", ("Names", "n"), Code.INVALID),
        ("add", ("Names",), Code.INVALID),
        # Too long
        ("replace", ("Price", "x"), Code.INVALID),
        ("replace", ("ID", 5), Code.INVALID),
        ("append", ("Any", 1, 2), Code.INVALID),
        # An element of the wrong type
        ("add", ("Names", 5), Code.INVALID),
        ("add", ("Names", b"n"), Code.INVALID),
        ("add", ("Names", "n", "Inner", "0"), Code.INVALID),
        ("add", ("Names", "n", "Inner", b"\x00"), Code.INVALID),
        ("remove", ("Places", "1", bytes(20)), Code.INVALID),
        ("remove", ("Places", 1, bytes(19)), Code.INVALID),
        ("remove", ("Places", 1, bytes(21)), Code.INVALID),
        ("remove", ("Places", 1, "x" * 20), Code.INVALID),
        ("add", (5,), Code.INVALID),
        ("add", (b"Price",), Code.INVALID),
        # A field that the type does not have
        ("replace", ("Unknown",), Code.INVALID),
        ("add", ("Unknown",), Code.NOT_FOUND),
        ("add", ("price",), Code.NOT_FOUND),
        ("add", ("Unknown", 5, "deep"), Code.NOT_FOUND),
        ("add", ("Names", "n", "Unknown"), Code.INVALID),
        ("add", ("Names", "n", "Unknown", 5), Code.INVALID),
        ("remove", ("Unknown",), Code.INVALID),
    ],
)
def test_refuses_what_is_in_no_row(op: str, fields: tuple[Any, ...], code: Code) -> None:
    with pytest.raises(Refusal) as caught:
        TABLE.find(patch(op, "Listings", 77, *fields, value=0))

    assert caught.value.message
    assert (caught.value.code, caught.value.object_id) == (code, 77 if code is Code.NOT_FOUND else None)


def test_refuses_an_op_that_no_row_has() -> None:
    TABLE.check_op(patch("append", "Listings", 1, value=0))
    with pytest.raises(Refusal) as caught:
        TABLE.check_op(patch("increment", "Listings", 1, "Price", value=0))

    assert caught.value.code is Code.INVALID


def test_only_numbers_are_blamed() -> None:
    assert object_number(patch("remove", "Listings", 2**64 - 1)) == 2**64 - 1
    assert object_number(patch("remove", "Orders", 3)) == 3
    assert object_number(patch("remove", "Inventory", 4, "x")) == 4
    assert object_number(patch("remove", "Tags", "\x00")) is None
    assert object_number(patch("remove", "Accounts", bytes(20))) is None
    assert object_number(patch("remove", "Manifest", "x")) is None


@pytest.mark.parametrize(
    ("op", "fields", "is_present", "code"),
    [
        ("add", (), False, None),
        ("add", (), True, Code.INVALID),
        ("add", ("x",), True, None),
        ("add", ("x",), False, Code.NOT_FOUND),
        ("replace", (), True, None),
        ("replace", (), False, Code.NOT_FOUND),
        ("remove", ("x",), False, Code.NOT_FOUND),
    ],
)
def test_presence(op: str, fields: tuple[str, ...], is_present: bool, code: Code | None) -> None:
    one = patch(op, "Orders", 8, *fields, value=0)
    if code is None:
        check_presence(one, is_present)
        return
    with pytest.raises(Refusal) as caught:
        check_presence(one, is_present)

    assert (caught.value.code, caught.value.object_id) == (code, 8 if code is Code.NOT_FOUND else None)
    assert "order" in caught.value.message


def test_nothing_is_added_under_the_id_0() -> None:
    refuse_zero_id(patch("replace", "Listings", 0, value=0))
    refuse_zero_id(patch("add", "Manifest", "Payees", 0, bytes(20), value={}))
    for fields in ((), ("Metadata", "Images", 0)):
        with pytest.raises(Refusal) as caught:
            refuse_zero_id(patch("add", "Listings", 0, *fields, value=0))
        assert caught.value.code is Code.INVALID
