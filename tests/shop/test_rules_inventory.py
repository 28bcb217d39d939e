"""Spec 04 "Inventory", row by row."""

from typing import Any

import pytest

from minirelay.errors import Code
from minirelay.shop.state import inventory_key
from tests.shop.patching import (
    INV,
    INVENTORY,
    LISTING,
    Row,
    applied,
    becomes,
    check_row,
    nf,
    number,
    oos,
    patch,
    refused,
    row,
    shop,
    value_of,
)

I = "Inventory"  # noqa: E741
MOST = 2**64 - 1


def variation(title: str) -> dict[str, Any]:
    return {"VariationInfo": {"Title": title, "Description": title}}


LISTING_VALUE = {
    "ID": 1,
    "Price": 5,
    "Metadata": {"Title": "x", "Description": "x"},
    "ViewState": 1,
    "Options": {
        "size": {"Title": "Size", "Variations": {"s": variation("S"), "m": variation("M")}},
        "color": {"Title": "Color", "Variations": {"r": variation("R"), "b": variation("B")}},
    },
}
SHOP = shop(
    (LISTING, number(1), LISTING_VALUE),
    (LISTING, number(2), LISTING_VALUE),
    (INVENTORY, inventory_key(1, []), 10),
    (INVENTORY, inventory_key(1, ["s", "r"]), MOST),
)
PLAIN, PAIR, OTHER = inventory_key(1, []), inventory_key(1, ["r", "s"]), inventory_key(2, [])

ON_STOCK = [
    row("add", [I, 1], INV, 5),
    row("add", [I, 1], INV, "5", "present-before-type"),
    row("append", [I, 1], INV, 5),
    row("replace", [I, 1], becomes(0), 0),
    row("replace", [I, 1], becomes(MOST), MOST),
    row("replace", [I, 1], INV, MOST + 1, "beyond-64-bits"),
    row("replace", [I, 1], INV, "5"),
    row("replace", [I, 1], INV, None, "null"),
    row("replace", [I, 1], INV, False),
    row("remove", [I, 1], becomes(None)),
    row("increment", [I, 1], becomes(15), 5),
    row("increment", [I, 1], becomes(10), 0),
    row("increment", [I, 1], becomes(MOST), MOST - 10),
    row("increment", [I, 1], INV, MOST - 9, "overflow"),
    row("increment", [I, 1], INV, MOST + 1, "beyond-64-bits"),
    row("increment", [I, 1], INV, b"\x01"),
    row("decrement", [I, 1], becomes(0), 10),
    row("decrement", [I, 1], oos(1), 11),
    row("decrement", [I, 1], oos(1), MOST),
    row("decrement", [I, 1], INV, MOST + 1),
    row("decrement", [I, 1], INV, None, "null"),
]

ON_PAIR = [
    row("increment", [I, 1, "s", "r"], INV, 1, "overflow-at-the-end"),
    row("increment", [I, 1, "s", "r"], becomes(MOST), 0),
    row("decrement", [I, 1, "r", "s"], becomes(0), MOST, "any-order"),
    row("replace", [I, 1, "r", "s"], becomes(5), 5, "any-order"),
    row("remove", [I, 1, "r", "s"], becomes(None), note="any-order"),
    row("add", [I, 1, "r", "s"], INV, 5, "present"),
    row("replace", [I, 1, "r", "s", "s"], INV, 5, "twice"),
    row("replace", [I, 1, "r", "s", "x"], INV, 5, "unknown"),
    row("replace", [I, 1, "r", 5], INV, 5, "no-text"),
    row("replace", [I, 1, "r|s"], INV, 5, "joined"),
]

ON_NOTHING = [
    row("add", [I, 2], becomes(5), 5),
    row("add", [I, 2], becomes(0), 0),
    row("add", [I, 2], INV, MOST + 1),
    row("replace", [I, 2], nf(2), 5),
    row("remove", [I, 2], nf(2)),
    row("increment", [I, 2], becomes(5), 5, "from-0"),
    row("decrement", [I, 2], oos(2), 5),
    row("decrement", [I, 2], oos(2), 0, "absent"),
    row("decrement", [I, 2], oos(2), "x", "absent-before-type"),
    row("append", [I, 2], INV, 5),
    # A listing that does not exist
    row("add", [I, 9], nf(9), 5),
    row("replace", [I, 9], nf(9), 5),
    row("remove", [I, 9], nf(9)),
    row("increment", [I, 9], nf(9), 5),
    row("decrement", [I, 9], nf(9), 5),
    row("add", [I, 9, "x", "x"], nf(9), 5, "listing-before-path"),
    row("append", [I, 9], INV, 5, "the-op-before-all"),
    row("add", [I, 0], INV, 5),
    row("increment", [I, 0], nf(0), 5),
    # Variations that do not
    row("add", [I, 2, "x"], INV, 5),
    row("replace", [I, 2, "x"], INV, 5, "variation-before-record"),
    row("decrement", [I, 2, "size"], INV, 5, "an-option-is-no-variation"),
]


@pytest.mark.parametrize("one", ON_STOCK, ids=str)
def test_row(one: Row) -> None:
    check_row(SHOP, one, PLAIN)


@pytest.mark.parametrize("one", ON_PAIR, ids=str)
def test_row_with_variations(one: Row) -> None:
    check_row(SHOP, one, PAIR)


@pytest.mark.parametrize("one", ON_NOTHING, ids=str)
def test_row_without_a_record(one: Row) -> None:
    check_row(SHOP, one, OTHER)


@pytest.mark.parametrize("names", [("s", "r"), ("r", "s")])
def test_names_of_variations_come_in_any_order(names: tuple[str, ...]) -> None:
    after = applied(
        SHOP, patch("add", I, 2, *names, value=7), patch("increment", I, 2, *reversed(names), value=1)
    )

    assert value_of(after, INVENTORY, number(2) + b"r|s") == 8


def test_removing_a_variation_leaves_what_is_counted_under_it_but_nobody_reaches_it() -> None:
    gone = patch("remove", "Listings", 1, "Options", "size", "Variations", "s")
    after = applied(SHOP, gone)

    assert value_of(after, INVENTORY, PAIR) == MOST
    assert refused(SHOP, gone, patch("remove", I, 1, "s", "r")).code is Code.INVALID
    back = patch("add", "Listings", 1, "Options", "size", "Variations", "s", value=variation("S"))
    assert (
        value_of(applied(after, back, patch("decrement", I, 1, "s", "r", value=MOST)), INVENTORY, PAIR) == 0
    )


def test_removing_a_listing_leaves_its_stock() -> None:
    after = applied(SHOP, patch("remove", "Listings", 1))

    assert value_of(after, INVENTORY, PLAIN) == 10
    assert refused(after, patch("replace", I, 1, value=1)).code is Code.NOT_FOUND


def test_counts_add_up_within_a_set() -> None:
    after = applied(
        SHOP,
        patch("decrement", I, 1, value=10),
        patch("increment", I, 1, value=3),
        patch("remove", I, 1),
        patch("increment", I, 1, value=4),
    )

    assert value_of(after, INVENTORY, PLAIN) == 4
    assert refused(SHOP, patch("decrement", I, 1, value=6), patch("decrement", I, 1, value=6)).object_id == 1
