"""Spec 04 "Listings", the rows below `Options`."""

from typing import Any

import pytest

from minirelay.errors import Code
from minirelay.shop.draft import Draft
from tests.shop.patching import (
    INV,
    LISTING,
    ORDER,
    Row,
    applied,
    becomes,
    check_row,
    loses,
    nf,
    number,
    patch,
    refused,
    row,
    shop,
    value_of,
)

L, O, V = "Listings", "Options", "Variations"  # noqa: E741


def variation(title: str, **more: Any) -> dict[str, Any]:
    return {"VariationInfo": {"Title": title, "Description": title}, **more}


FULL: dict[str, Any] = {
    "ID": 1,
    "Price": 5,
    "Metadata": {"Title": "Shirt", "Description": "Cotton"},
    "ViewState": 1,
    "Options": {
        "size": {"Title": "Size", V: {"s": variation("Small"), "m": variation("Medium", SKU="M1")}},
        "color": {
            "Title": "Color",
            V: {"r": variation("Red", PriceModifier={"ModificationPercent": 110}), "b": variation("Blue")},
        },
        "none": {"Title": "Nothing to choose"},
    },
}
BARE: dict[str, Any] = {
    "ID": 2,
    "Price": 5,
    "Metadata": {"Title": "Plain", "Description": "Plain"},
    "ViewState": 0,
}
ORDERED = {"ID": 1, "Items": [{"ListingID": 1, "VariationIDs": ["s", "r"], "Quantity": 1}], "State": 1}
SHOP = shop((LISTING, number(1), FULL), (LISTING, number(2), BARE), (ORDER, number(1), ORDERED))

FIT = {"Title": "Fit", V: {"slim": variation("Slim")}}
EMPTY = {"Title": "Empty"}
PLUS = {"ModificationAbsolute": {"Amount": 5, "Plus": True}}

ON_FULL = [
    # add an option
    row("add", [L, 1, O, "fit"], becomes(FIT, O, "fit"), FIT),
    row("add", [L, 1, O, "fit"], becomes(EMPTY, O, "fit"), EMPTY | {V: {}}, "no-variations"),
    row("add", [L, 1, O, "size"], INV, FIT, "present"),
    row(
        "add", [L, 1, O, "fit"], INV, {"Title": "Fit", V: {"b": variation("Blue")}}, "name-of-another-option"
    ),
    row("add", [L, 1, O, " "], INV, FIT, "blank-name"),
    row("add", [L, 1, O, "fit"], INV, {"Title": " "}),
    row("add", [L, 1, O, "fit"], INV, {"Title": "Fit", V: {"": variation("x")}}, "blank-variation"),
    row("add", [L, 1, O, "fit"], INV, {"Title": "Fit", V: {"a|b": variation("x")}}, "a-bar-in-a-name"),
    row("add", [L, 1, O, "fit"], INV, None, "null"),
    row("add", [L, 1, O, 1], INV, FIT),
    row("add", [L, 1, O], INV, {"fit": FIT}),
    row("add", [L, 1, O, "fit", "Title"], INV, "Fit"),
    row("add", [L, 1, O, "size", "Title"], INV, "Fit"),
    row("add", [L, 1, O, "fit", "Unknown"], INV, "Fit"),
    # add a variation
    row("add", [L, 1, O, "size", V, "l"], becomes(variation("Large"), O, "size", V, "l"), variation("Large")),
    row(
        "add",
        [L, 1, O, "none", V, "n"],
        becomes({"n": variation("N")}, O, "none", V),
        variation("N"),
        "the-first",
    ),
    row("add", [L, 1, O, "fit", V, "l"], nf(1), variation("Large")),
    row("add", [L, 1, O, "fit", V, "s"], nf(1), variation("Large"), "option-before-name"),
    row("add", [L, 1, O, "size", V, "s"], INV, variation("Large"), "present"),
    row("add", [L, 1, O, "size", V, "b"], INV, variation("Large"), "in-another-option"),
    row("add", [L, 1, O, "size", V, "x|y"], INV, variation("Large"), "a-bar"),
    row("add", [L, 1, O, "size", V, " "], INV, variation("Large"), "blank"),
    row("add", [L, 1, O, "size", V, "l"], INV, {"SKU": "5"}, "no-info"),
    row("add", [L, 1, O, "size", V, "s", "SKU"], INV, "1"),
    row("add", [L, 1, O, "size", V, "s", "PriceModifier"], INV, PLUS),
    row("add", [L, 1, O, "size", V], INV, {"l": variation("Large")}),
    row("append", [L, 1, O, "size", V], INV, variation("Large")),
    # replace
    row("replace", [L, 1, O], becomes({"fit": FIT}, O), {"fit": FIT}),
    row("replace", [L, 1, O], loses(O), {}),
    row("replace", [L, 1, O], loses(O), None, "null-for-an-empty-map"),
    row("replace", [L, 1, O], INV, {"a": FIT, "b": FIT}, "a-name-twice"),
    row("replace", [L, 1, O], INV, {" ": FIT}),
    row("replace", [L, 1, O], INV, []),
    row("replace", [L, 1, O, "size"], becomes(FIT, O, "size"), FIT),
    row(
        "replace",
        [L, 1, O, "size"],
        becomes({"Title": "S", V: {"s": variation("Tiny")}}, O, "size"),
        {"Title": "S", V: {"s": variation("Tiny")}},
        "its-own-names-again",
    ),
    row("replace", [L, 1, O, "fit"], becomes(FIT, O, "fit"), FIT, "makes-the-option"),
    row(
        "replace", [L, 1, O, "fit"], INV, {"Title": "Fit", V: {"s": variation("Small")}}, "in-another-option"
    ),
    row(
        "replace", [L, 1, O, "size"], INV, {"Title": "Size", V: {"b": variation("Blue")}}, "in-another-option"
    ),
    row("replace", [L, 1, O, "\t"], INV, FIT, "blank"),
    row("replace", [L, 1, O, "size", "Title"], becomes("Size!", O, "size", "Title"), "Size!"),
    row("replace", [L, 1, O, "fit", "Title"], nf(1), "Fit"),
    row("replace", [L, 1, O, "fit", "Title"], nf(1), " ", "absent-before-blank"),
    row("replace", [L, 1, O, "size", "Title"], INV, " "),
    row("replace", [L, 1, O, "size", "Unknown"], INV, "x"),
    row("replace", [L, 1, O, "size", V], INV, {}),
    row("replace", [L, 1, O, "size", V, "s"], becomes(variation("XS"), O, "size", V, "s"), variation("XS")),
    row(
        "replace",
        [L, 1, O, "size", V, "m"],
        becomes(variation("M"), O, "size", V, "m"),
        variation("M"),
        "sku-goes",
    ),
    row("replace", [L, 1, O, "size", V, "b"], nf(1), variation("XS")),
    row("replace", [L, 1, O, "none", V, "s"], nf(1), variation("XS")),
    row("replace", [L, 1, O, "fit", V, "s"], nf(1), variation("XS")),
    row("replace", [L, 1, O, "size", V, "s"], INV, {}),
    row(
        "replace",
        [L, 1, O, "size", V, "s", "VariationInfo"],
        becomes({"Title": "x", "Description": "y", "Images": ["z"]}, O, "size", V, "s", "VariationInfo"),
        {"Title": "x", "Description": "y", "Images": ["z"]},
    ),
    row("replace", [L, 1, O, "size", V, "l", "VariationInfo"], nf(1), {"Title": "x", "Description": "y"}),
    row("replace", [L, 1, O, "fit", V, "s", "VariationInfo"], nf(1), {"Title": "x", "Description": "y"}),
    row("replace", [L, 1, O, "size", V, "s", "VariationInfo"], INV, {"Title": "x"}),
    row("replace", [L, 1, O, "size", V, "s", "VariationInfo", "Title"], INV, "x"),
    row(
        "replace",
        [L, 1, O, "size", V, "s", "PriceModifier"],
        becomes(PLUS, O, "size", V, "s", "PriceModifier"),
        PLUS,
    ),
    row(
        "replace",
        [L, 1, O, "color", V, "r", "PriceModifier"],
        becomes(PLUS, O, "color", V, "r", "PriceModifier"),
        PLUS,
    ),
    row(
        "replace",
        [L, 1, O, "size", V, "s", "PriceModifier"],
        becomes({"ModificationPercent": 7}, O, "size", V, "s", "PriceModifier"),
        {"ModificationPrecents": 7, **PLUS},
        "both-kinds",
    ),
    row("replace", [L, 1, O, "size", V, "l", "PriceModifier"], nf(1), PLUS),
    row("replace", [L, 1, O, "size", V, "s", "PriceModifier"], INV, {}),
    row("replace", [L, 1, O, "size", V, "s", "PriceModifier"], INV, None, "null"),
    row("replace", [L, 1, O, "size", V, "s", "SKU"], becomes("x", O, "size", V, "s", "SKU"), "x"),
    row(
        "replace", [L, 1, O, "size", V, "m", "SKU"], loses(O, "size", V, "m", "SKU"), "", "empty-is-left-out"
    ),
    row("replace", [L, 1, O, "size", V, "l", "SKU"], nf(1), "x"),
    row("replace", [L, 1, O, "size", V, "s", "SKU"], INV, 5),
    row("replace", [L, 1, O, "size", V, "s", "Unknown"], INV, 5),
    # remove
    row("remove", [L, 1, O, "size"], loses(O, "size")),
    row("remove", [L, 1, O, "fit"], nf(1)),
    row("remove", [L, 1, O, "size", V, "s"], loses(O, "size", V, "s"), note="an-order-holds-it"),
    row("remove", [L, 1, O, "size", V, "l"], nf(1)),
    row("remove", [L, 1, O, "size", V, "b"], nf(1)),
    row("remove", [L, 1, O, "none", V, "s"], nf(1)),
    row("remove", [L, 1, O, "fit", V, "s"], nf(1)),
    row("remove", [L, 1, O, "color", V, "r", "PriceModifier"], loses(O, "color", V, "r", "PriceModifier")),
    row("remove", [L, 1, O, "color", V, "b", "PriceModifier"], nf(1)),
    row("remove", [L, 1, O, "color", V, "x", "PriceModifier"], nf(1)),
    row("remove", [L, 1, O, "size", V, "m", "SKU"], loses(O, "size", V, "m", "SKU")),
    row("remove", [L, 1, O, "size", V, "s", "SKU"], nf(1)),
    row("remove", [L, 1, O, "size", V, "s", "VariationInfo"], INV),
    row("remove", [L, 1, O, "size", "Title"], INV),
    row("remove", [L, 1, O, "size", V], INV),
    row("remove", [L, 1, O], INV),
    row("increment", [L, 1, O, "size"], INV, 1),
]

ON_BARE = [
    row("add", [L, 2, O, "fit"], becomes({"fit": FIT}, O), FIT, "the-first"),
    row("replace", [L, 2, O, "fit"], becomes({"fit": FIT}, O), FIT, "the-first"),
    row("replace", [L, 2, O], becomes({"fit": FIT}, O), {"fit": FIT}),
    row("replace", [L, 2, O, "fit", "Title"], nf(2), "Fit", "the-first-title"),
    row("add", [L, 2, O, "fit", V, "slim"], nf(2), variation("Slim")),
    row("remove", [L, 2, O, "fit"], nf(2)),
    row("remove", [L, 2, O, "fit", V, "slim"], nf(2)),
]


@pytest.mark.parametrize("one", ON_FULL, ids=str)
def test_row_on_a_listing_with_options(one: Row) -> None:
    check_row(SHOP, one, number(1))


@pytest.mark.parametrize("one", ON_BARE, ids=str)
def test_row_on_a_listing_without_options(one: Row) -> None:
    check_row(SHOP, one, number(2))


def test_whole_listing_with_a_variation_name_in_two_options_is_invalid() -> None:
    twice = BARE | {"Options": {"a": FIT, "b": FIT}}

    assert refused(SHOP, patch("add", L, 9, value=twice)).code is Code.INVALID
    assert refused(SHOP, patch("replace", L, 1, value=twice)).code is Code.INVALID


def test_an_option_added_and_removed_in_one_set_leaves_nothing() -> None:
    added = patch("add", L, 2, O, "fit", value=FIT)
    removed = patch("remove", L, 2, O, "fit")

    assert applied(SHOP, added, removed) == SHOP
    assert value_of(applied(SHOP, added, removed, added), LISTING, number(2)) == becomes({"fit": FIT}, O).on(
        BARE
    )


def test_a_name_is_free_again_once_its_variation_is_gone() -> None:
    for gone in (
        patch("remove", L, 1, O, "size", V, "s"),
        patch("remove", L, 1, O, "size"),
        patch("replace", L, 1, O, "size", value=EMPTY),
        patch("replace", L, 1, O, value={"color": EMPTY}),
        patch("replace", L, 1, value=FULL | {"Options": {"color": EMPTY}}),
    ):
        after = applied(SHOP, gone, patch("add", L, 1, O, "color", V, "s", value=variation("Sand")))
        assert value_of(after, LISTING, number(1))["Options"]["color"][V]["s"] == variation("Sand")


def test_a_name_is_taken_as_soon_as_its_variation_is_there() -> None:
    for come in (
        patch("add", L, 1, O, "fit", value=FIT),
        patch("replace", L, 1, O, "size", value=FIT),
        patch("add", L, 1, O, "size", V, "slim", value=variation("Slim")),
        patch("replace", L, 1, O, value={"fit": FIT, "color": EMPTY}),
        patch("replace", L, 1, value=FULL | {"Options": {"fit": FIT, "color": EMPTY}}),
    ):
        again = patch("add", L, 1, O, "color", V, "slim", value=variation("Slim"))
        assert refused(SHOP, come, again).code is Code.INVALID


def test_a_sku_emptied_in_a_set_counts_as_none_at_once() -> None:
    emptied = patch("replace", L, 1, O, "size", V, "m", "SKU", value="")

    assert refused(SHOP, emptied, patch("remove", L, 1, O, "size", V, "m", "SKU")).code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("patches", "vanished"),
    [
        ([patch("remove", L, 1, O, "size", V, "s")], {(1, "s")}),
        ([patch("remove", L, 1, O, "size")], {(1, "s"), (1, "m")}),
        ([patch("replace", L, 1, O, "size", value={"Title": "Size", V: {"s": variation("S")}})], {(1, "m")}),
        ([patch("replace", L, 1, O, value={"x": FULL["Options"]["color"]})], {(1, "s"), (1, "m")}),
        ([patch("replace", L, 1, value=BARE)], {(1, "s"), (1, "m"), (1, "r"), (1, "b")}),
        ([patch("remove", L, 1)], {(1, None), (1, "s"), (1, "m"), (1, "r"), (1, "b")}),
        ([patch("remove", L, 2), patch("add", L, 2, value=BARE)], {(2, None)}),
        ([patch("add", L, 2, O, "fit", value=FIT), patch("remove", L, 2, O, "fit")], {(2, "slim")}),
        ([patch("replace", L, 1, "Price", value=1), patch("replace", L, 1, value=FULL)], set()),
    ],
)
def test_what_vanished_is_noted(patches: list[Any], vanished: set[tuple[int, str | None]]) -> None:
    draft = Draft(SHOP)
    for one in patches:
        draft.apply(one)

    assert draft.vanished == vanished
