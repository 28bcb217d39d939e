"""Spec 04 "Listings", row by row; what is below `Options` is in test_rules_options."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from minirelay.errors import Code
from minirelay.shop.draft import Draft
from tests.shop.patching import (
    INV,
    LISTING,
    SAME,
    TAG,
    Row,
    applied,
    becomes,
    both,
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

L = "Listings"
SOON = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)

FULL: dict[str, Any] = {
    "ID": 1,
    "Price": 12345,
    "Metadata": {"Title": "Shirt", "Description": "Cotton", "Images": ["a", "b", "c"]},
    "ViewState": 1,
    "Options": {
        "size": {
            "Title": "Size",
            "Variations": {"s": {"VariationInfo": {"Title": "S", "Description": "Small"}}},
        }
    },
    "StockStatuses": [
        {"VariationIDs": ["s"], "InStock": True},
        {"VariationIDs": [], "ExpectedInStockBy": SOON},
    ],
}
BARE: dict[str, Any] = {
    "ID": 2,
    "Price": 0,
    "Metadata": {"Title": "Plain", "Description": "Plain"},
    "ViewState": 0,
}
NEW = {"ID": 7, "Price": 2**256 - 1, "Metadata": {"Title": "New", "Description": "New"}, "ViewState": 2}
STATUS = {"VariationIDs": ["nothing that exists"], "InStock": False}
SHOP = shop(
    (LISTING, number(1), FULL),
    (LISTING, number(2), BARE),
    (LISTING, number(3), BARE),
    (TAG, b"sale", {"Name": "sale", "ListingIDs": [3]}),
)


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in names}


META = {"Title": "New", "Description": "Other"}

ON_FULL = [
    # add
    row("add", [L, 1], INV, NEW),
    row("add", [L, 1, "Metadata", "Images", 0], becomes(["x", "a", "b", "c"], "Metadata", "Images"), "x"),
    row("add", [L, 1, "Metadata", "Images", 2], becomes(["a", "b", "x", "c"], "Metadata", "Images"), "x"),
    row("add", [L, 1, "Metadata", "Images", 3], nf(1), "x", "at-the-length"),
    row("add", [L, 1, "Metadata", "Images", 2**64 - 1], nf(1), "x"),
    row("add", [L, 1, "Metadata", "Images", 3], nf(1), 5, "index-before-type"),
    row("add", [L, 1, "Metadata", "Images", 0], INV, 5),
    row("add", [L, 1, "Metadata", "Images", 0], INV, None, "null"),
    row("add", [L, 1, "Metadata", "Images", "0"], INV, "x", "text-for-an-index"),
    row("add", [L, 1, "Metadata", "Images"], INV, ["x"]),
    row("add", [L, 1, "Metadata", "Title"], INV, "x"),
    row("add", [L, 1, "Metadata", "Unknown"], INV, "x"),
    row("add", [L, 1, "Metadata"], INV, META),
    row(
        "add", [L, 1, "StockStatuses", 0], becomes([STATUS, *FULL["StockStatuses"]], "StockStatuses"), STATUS
    ),
    row("add", [L, 1, "StockStatuses", 2], nf(1), STATUS),
    row("add", [L, 1, "StockStatuses", 0], INV, {"VariationIDs": []}, "says-nothing"),
    row("add", [L, 1, "StockStatuses"], INV, [STATUS]),
    row("add", [L, 1, "StockStatuses", 0, "InStock"], INV, True),
    row("add", [L, 1, "Price"], INV, 5),
    row("add", [L, 1, "ViewState"], INV, 1),
    row("add", [L, 1, "ID"], INV, 1),
    row("add", [L, 1, "Unknown"], nf(1), 5),
    row("add", [L, 1, "Unknown", 1, "more"], nf(1), 5, "field-before-shape"),
    row("add", [L, 1, "title"], nf(1), "x"),
    row("add", [L, 1, 5], INV, 5, "a-number-for-a-field"),
    # append
    row("append", [L, 1, "Metadata", "Images"], becomes(["a", "b", "c", "x"], "Metadata", "Images"), "x"),
    row(
        "append",
        [L, 1, "Metadata", "Images"],
        becomes(["a", "b", "c", ""], "Metadata", "Images"),
        "",
        "empty-text",
    ),
    row("append", [L, 1, "Metadata", "Images"], INV, ["x"]),
    row("append", [L, 1, "Metadata", "Images", 0], INV, "x"),
    row(
        "append", [L, 1, "StockStatuses"], becomes([*FULL["StockStatuses"], STATUS], "StockStatuses"), STATUS
    ),
    row("append", [L, 1, "StockStatuses"], INV, [STATUS]),
    row("append", [L, 1], INV, NEW, "a-whole-listing"),
    row("append", [L, 1, "Metadata"], INV, "x"),
    row("append", [L, 1, "Metadata", "Title"], INV, "x"),
    row("append", [L, 1, "Metadata", "Unknown"], nf(1), "x"),
    row("append", [L, 1, "Price"], INV, 1),
    row("append", [L, 1, "Options"], INV, {}),
    row("append", [L, 1, "Unknown"], nf(1), 1),
    # replace
    row("replace", [L, 1], becomes(NEW), NEW),
    row("replace", [L, 1], becomes(NEW | {"ViewState": 0}), without(NEW, "ViewState"), "no-view-state"),
    row("replace", [L, 1], becomes(NEW), NEW | {"Options": {}, "StockStatuses": None}, "empty-and-null"),
    row("replace", [L, 1], becomes(NEW), NEW | {"Unknown": 5}, "unknown-is-dropped"),
    row("replace", [L, 1], INV, without(NEW, "Price")),
    row("replace", [L, 1], INV, NEW | {"ID": 0}),
    row("replace", [L, 1], INV, NEW | {"ViewState": 3}),
    row("replace", [L, 1], INV, NEW | {"Metadata": {"Title": " ", "Description": "x"}}, "blank-title"),
    row("replace", [L, 1], INV, None, "null"),
    row("replace", [L, 1, "Price"], becomes(0, "Price"), 0),
    row("replace", [L, 1, "Price"], becomes(2**256 - 1, "Price"), 2**256 - 1),
    row("replace", [L, 1, "Price"], becomes(258, "Price"), b"\x01\x02", "bytes"),
    row("replace", [L, 1, "Price"], INV, b"", "no-bytes"),
    row("replace", [L, 1, "Price"], INV, bytes(33), "33-bytes"),
    row("replace", [L, 1, "Price"], INV, "5"),
    row("replace", [L, 1, "Price"], INV, True),
    row("replace", [L, 1, "Price"], INV, None, "null"),
    row("replace", [L, 1, "Price", 0], INV, 5),
    row("replace", [L, 1, "price"], nf(1), 5, "case-counts-in-paths"),
    row("replace", [L, 1, "ID"], INV, 1),
    row("replace", [L, 1, "Unknown"], nf(1), 5),
    row("replace", [L, 1, "ViewState"], becomes(0, "ViewState"), 0),
    row("replace", [L, 1, "ViewState"], becomes(2, "ViewState"), 2),
    row("replace", [L, 1, "ViewState"], INV, 3),
    row("replace", [L, 1, "ViewState"], INV, None, "null"),
    row("replace", [L, 1, "Metadata"], becomes(META, "Metadata"), META, "images-go"),
    row("replace", [L, 1, "Metadata"], INV, {"Title": "only"}),
    row("replace", [L, 1, "Metadata", "Title"], becomes("x", "Metadata", "Title"), "x"),
    row("replace", [L, 1, "Metadata", "Title"], INV, " \t"),
    row("replace", [L, 1, "Metadata", "Title"], INV, ""),
    row("replace", [L, 1, "Metadata", "Title"], INV, b"x"),
    row(
        "replace",
        [L, 1, "Metadata", "Description"],
        becomes("\x00", "Metadata", "Description"),
        "\x00",
        "NUL",
    ),
    row("replace", [L, 1, "Metadata", "Description"], INV, "\n"),
    row("replace", [L, 1, "Metadata", "Unknown"], INV, "x"),
    row("replace", [L, 1, "Metadata", "Images"], becomes(["x"], "Metadata", "Images"), ["x"]),
    row("replace", [L, 1, "Metadata", "Images"], loses("Metadata", "Images"), []),
    row("replace", [L, 1, "Metadata", "Images"], INV, "x"),
    row("replace", [L, 1, "Metadata", "Images"], INV, ["x", 5]),
    row("replace", [L, 1, "Metadata", "Images", 2], becomes("x", "Metadata", "Images", 2), "x"),
    row("replace", [L, 1, "Metadata", "Images", 3], nf(1), "x"),
    row("replace", [L, 1, "Metadata", "Images", b"0"], INV, "x"),
    row("replace", [L, 1, "StockStatuses"], becomes([STATUS], "StockStatuses"), [STATUS]),
    row("replace", [L, 1, "StockStatuses"], loses("StockStatuses"), []),
    row("replace", [L, 1, "StockStatuses"], INV, STATUS),
    row("replace", [L, 1, "StockStatuses", 1], becomes(STATUS, "StockStatuses", 1), STATUS),
    row(
        "replace",
        [L, 1, "StockStatuses", 1],
        becomes({"VariationIDs": [], "InStock": True, "ExpectedInStockBy": SOON}, "StockStatuses", 1),
        {"inStock": True, "ExpectedInStockBy": SOON},
        "both-kept",
    ),
    row("replace", [L, 1, "StockStatuses", 2], nf(1), STATUS),
    row(
        "replace", [L, 1, "StockStatuses", 0, "InStock"], becomes(False, "StockStatuses", 0, "InStock"), False
    ),
    row(
        "replace",
        [L, 1, "StockStatuses", 1, "InStock"],
        becomes({"VariationIDs": [], "InStock": True}, "StockStatuses", 1),
        True,
        "clears-the-other",
    ),
    row("replace", [L, 1, "StockStatuses", 2, "InStock"], nf(1), True),
    row("replace", [L, 1, "StockStatuses", 0, "InStock"], INV, 1),
    row("replace", [L, 1, "StockStatuses", 0, "InStock"], INV, None, "null"),
    row(
        "replace",
        [L, 1, "StockStatuses", 0, "ExpectedInStockBy"],
        becomes({"VariationIDs": ["s"], "ExpectedInStockBy": SOON}, "StockStatuses", 0),
        SOON,
        "clears-the-other",
    ),
    row(
        "replace",
        [L, 1, "StockStatuses", 1, "ExpectedInStockBy"],
        becomes(datetime(1970, 1, 1, 0, 0, 9, tzinfo=UTC), "StockStatuses", 1, "ExpectedInStockBy"),
        9,
        "epoch-seconds",
    ),
    row(
        "replace",
        [L, 1, "StockStatuses", 1, "ExpectedInStockBy"],
        SAME,
        "2027-01-02T05:04:05.75+02:00",
        "text",
    ),
    row("replace", [L, 1, "StockStatuses", 1, "ExpectedInStockBy"], INV, "2027-01-02T05:04:05", "no-zone"),
    row("replace", [L, 1, "StockStatuses", 5, "ExpectedInStockBy"], nf(1), SOON),
    row("replace", [L, 1, "StockStatuses", 0, "VariationIDs"], INV, []),
    row("replace", [L, 1, "StockStatuses", 5, "Unknown"], INV, [], "shape-before-index"),
    # remove
    row("remove", [L, 1], becomes(None)),
    row("remove", [L, 1], becomes(None), 5, "a-value-is-ignored"),
    row("remove", [L, 1, "Metadata", "Images", 1], loses("Metadata", "Images", 1)),
    row("remove", [L, 1, "Metadata", "Images", 3], nf(1)),
    row("remove", [L, 1, "Metadata", "Images"], INV),
    row("remove", [L, 1, "Metadata", "Title"], INV),
    row("remove", [L, 1, "Metadata", "Unknown"], nf(1)),
    row("remove", [L, 1, "Metadata"], INV),
    row("remove", [L, 1, "StockStatuses", 0], loses("StockStatuses", 0)),
    row("remove", [L, 1, "StockStatuses", 2], nf(1)),
    row("remove", [L, 1, "StockStatuses", 0, "InStock"], INV),
    row("remove", [L, 1, "StockStatuses"], INV),
    row("remove", [L, 1, "Price"], INV),
    row("remove", [L, 1, "ID"], INV),
    row("remove", [L, 1, "Unknown"], nf(1)),
    # increment, decrement
    row("increment", [L, 1, "Price"], INV, 1),
    row("decrement", [L, 1, "Price"], INV, 1),
    row("increment", [L, 1, "Unknown"], INV, 1, "the-op-before-the-field"),
]

ON_BARE = [
    row("add", [L, 2, "Metadata", "Images", 0], nf(2), "x"),
    row("add", [L, 2, "StockStatuses", 0], nf(2), STATUS),
    row("append", [L, 2, "Metadata", "Images"], becomes(["x"], "Metadata", "Images"), "x", "makes-the-list"),
    row("append", [L, 2, "StockStatuses"], becomes([STATUS], "StockStatuses"), STATUS, "makes-the-list"),
    row("replace", [L, 2, "Metadata", "Images"], becomes(["x"], "Metadata", "Images"), ["x"]),
    row("replace", [L, 2, "Metadata", "Images", 0], nf(2), "x"),
    row("replace", [L, 2, "StockStatuses"], becomes([STATUS], "StockStatuses"), [STATUS]),
    row("replace", [L, 2, "StockStatuses", 0], nf(2), STATUS),
    row("replace", [L, 2, "StockStatuses", 0, "InStock"], nf(2), True),
    row("replace", [L, 2, "StockStatuses", 0, "ExpectedInStockBy"], nf(2), SOON),
    row("remove", [L, 2, "Metadata", "Images", 0], nf(2)),
    row("remove", [L, 2, "StockStatuses", 0], nf(2)),
]

ON_ABSENT = [
    row("add", [L, 9], becomes(NEW), NEW, "its-own-id-inside-is-kept"),
    row("add", [L, 9], INV, without(NEW, "Metadata")),
    row("add", [L, 9, "Metadata", "Images", 0], nf(9), "x"),
    row("append", [L, 9, "StockStatuses"], nf(9), STATUS),
    row("append", [L, 9], nf(9), NEW, "absent-before-shape"),
    row("replace", [L, 9], nf(9), NEW),
    row("replace", [L, 9, "Unknown"], nf(9), 1),
    row("remove", [L, 9], nf(9)),
    row("remove", [L, 2**64 - 1, "Price"], nf(2**64 - 1)),
    row("increment", [L, 9, "Price"], INV, 1, "the-op-before-all"),
    row("add", [L, 0], INV, NEW),
    row("add", [L, 0, "Metadata", "Images", 0], INV, "x"),
    row("append", [L, 0, "Metadata", "Images"], nf(0), "x"),
    row("replace", [L, 0], nf(0), NEW),
    row("remove", [L, 0], nf(0)),
]

ON_TAGGED = [
    row("remove", [L, 3], INV, note="named-by-a-tag"),
    row("replace", [L, 3], becomes(NEW), NEW),
]


@pytest.mark.parametrize("one", ON_FULL, ids=str)
def test_row_on_a_full_listing(one: Row) -> None:
    check_row(SHOP, one, number(1))


@pytest.mark.parametrize("one", ON_BARE, ids=str)
def test_row_on_a_listing_without_lists(one: Row) -> None:
    check_row(SHOP, one, number(2))


@pytest.mark.parametrize("one", ON_ABSENT, ids=str)
def test_row_on_an_absent_listing(one: Row) -> None:
    check_row(SHOP, one, number(9))


@pytest.mark.parametrize("one", ON_TAGGED, ids=str)
def test_row_on_a_tagged_listing(one: Row) -> None:
    check_row(SHOP, one, number(3))


def test_a_price_beyond_256_bits_is_invalid_even_if_no_cbor_could_bring_it() -> None:
    too_much = msgspec.structs.replace(patch("replace", L, 1, "Price", value=0), value=2**256)

    assert refused(SHOP, too_much).code is Code.INVALID


def test_patches_of_a_set_see_each_other() -> None:
    after = applied(
        SHOP,
        patch("remove", L, 1, "Metadata", "Images", 0),
        patch("remove", L, 1, "Metadata", "Images", 0),
        patch("append", L, 1, "Metadata", "Images", value="d"),
        patch("append", L, 1, "Metadata", "Images", value="e"),
    )

    assert value_of(after, LISTING, number(1)) == becomes(["c", "d", "e"], "Metadata", "Images").on(FULL)


def test_a_list_emptied_in_a_set_is_left_out_and_can_be_appended_to() -> None:
    emptied = patch("replace", L, 1, "Metadata", "Images", value=[])

    assert refused(SHOP, emptied, patch("add", L, 1, "Metadata", "Images", 0, value="x")).object_id == 1
    after = applied(SHOP, emptied, patch("append", L, 1, "Metadata", "Images", value="x"))
    assert value_of(after, LISTING, number(1)) == becomes(["x"], "Metadata", "Images").on(FULL)


def test_a_listing_can_be_removed_once_no_tag_names_it() -> None:
    check = Draft(SHOP)
    check.apply(patch("remove", "Tags", "sale", "ListingIDs", 0))
    check.apply(patch("remove", L, 3))

    assert value_of(check.finish()[0], LISTING, number(3)) is None


def test_a_tag_of_the_same_set_holds_a_listing() -> None:
    tagged = patch("append", "Tags", "sale", "ListingIDs", value=1)

    assert refused(SHOP, tagged, patch("remove", L, 1)).code is Code.INVALID


def test_touched_and_put_back_is_no_change() -> None:
    draft = Draft(SHOP)
    draft.apply(patch("replace", L, 1, "Price", value=5))
    draft.apply(patch("replace", L, 1, "Price", value=12345))
    after, changes = draft.finish()

    assert changes == ()
    assert after.root_hash == SHOP.root_hash


def test_added_and_removed_again_is_no_change() -> None:
    after = applied(SHOP, patch("add", L, 9, value=NEW), patch("remove", L, 9))

    assert after == SHOP


def test_several_things_at_once_are_told_apart() -> None:
    after = applied(
        SHOP, patch("replace", L, 1, "StockStatuses", 0, "InStock", value=False), patch("remove", L, 2)
    )

    assert value_of(after, LISTING, number(1)) == both(becomes(False, "StockStatuses", 0, "InStock")).on(FULL)
    assert value_of(after, LISTING, number(2)) is None
