"""Spec 04 "Tags", row by row."""

import pytest

from minirelay.errors import Code
from tests.shop.patching import (
    INV,
    LISTING,
    TAG,
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

T = "Tags"
LISTING_VALUE = {"ID": 1, "Price": 5, "Metadata": {"Title": "x", "Description": "x"}, "ViewState": 1}
VALUE = {"Name": "sale", "ListingIDs": [1, 2]}
GHOST = {"Name": "ghost", "ListingIDs": [99, 1]}
"""A tag may name what was never there: other relays made such logs (patches.json has one)."""
SHOP = shop(
    *((LISTING, number(i), LISTING_VALUE) for i in (1, 2, 3)),
    (TAG, b"sale", VALUE),
    (TAG, b"ghost", GHOST),
)

ON_TAG = [
    row("add", [T, "sale"], INV, {"Name": "sale", "ListingIDs": []}),
    row("add", [T, "sale", "ListingIDs", 0], becomes([3, 1, 2], "ListingIDs"), 3),
    row("add", [T, "sale", "ListingIDs", 1], becomes([1, 1, 2], "ListingIDs"), 1, "a-second-time"),
    row("add", [T, "sale", "ListingIDs", 0], nf(9), 9),
    row("add", [T, "sale", "ListingIDs", 0], nf(0), 0, "id-0"),
    row("add", [T, "sale", "ListingIDs", 2], nf(), 3, "at-the-length"),
    row("add", [T, "sale", "ListingIDs", 2], nf(), 9, "index-before-listing"),
    row("add", [T, "sale", "ListingIDs", 0], INV, "3"),
    row("add", [T, "sale", "ListingIDs", 0], INV, 2**64, "beyond-64-bits"),
    row("add", [T, "sale", "ListingIDs", "0"], INV, 3),
    row("add", [T, "sale", "ListingIDs"], INV, 3),
    row("add", [T, "sale", "Name"], INV, "x"),
    row("add", [T, "sale", "Unknown"], INV, "x"),
    row("append", [T, "sale", "ListingIDs"], becomes([1, 2, 3], "ListingIDs"), 3),
    row("append", [T, "sale", "ListingIDs"], nf(9), 9),
    row("append", [T, "sale", "ListingIDs"], INV, 2, "already-in-it"),
    row("append", [T, "sale", "ListingIDs"], INV, [3]),
    row("append", [T, "sale", "ListingIDs"], INV, None, "null"),
    row("append", [T, "sale", "Name"], INV, "x"),
    row("append", [T, "sale", "Unknown"], INV, 3),
    row("append", [T, "sale"], INV, VALUE),
    row(
        "replace",
        [T, "sale"],
        becomes({"Name": "sale", "ListingIDs": [3, 3]}),
        {"Name": "other", "ListingIDs": [3, 3]},
        "named-as-in-the-path",
    ),
    row(
        "replace",
        [T, "sale"],
        becomes({"Name": "sale", "ListingIDs": []}),
        {"Name": "o", "Listings": [9]},
        "odd-spelling",
    ),
    row("replace", [T, "sale"], INV, {"Name": "other", "ListingIDs": [1, 9]}),
    row("replace", [T, "sale"], INV, {"Name": " ", "ListingIDs": []}),
    row("replace", [T, "sale"], INV, {"ListingIDs": []}),
    row("replace", [T, "sale", "Name"], becomes("other", "Name"), "other"),
    row("replace", [T, "sale", "Name"], INV, " "),
    row("replace", [T, "sale", "Name"], INV, 5),
    row("replace", [T, "sale", "ListingIDs"], becomes([3, 1], "ListingIDs"), [3, 1]),
    row("replace", [T, "sale", "ListingIDs"], becomes([], "ListingIDs"), []),
    row("replace", [T, "sale", "ListingIDs"], becomes([], "ListingIDs"), None, "null"),
    row("replace", [T, "sale", "ListingIDs"], INV, [3, 9]),
    row("replace", [T, "sale", "ListingIDs"], INV, 3),
    row("replace", [T, "sale", "ListingIDs", 1], becomes([1, 3], "ListingIDs"), 3),
    row("replace", [T, "sale", "ListingIDs", 1], becomes([1, 1], "ListingIDs"), 1, "a-second-time"),
    row("replace", [T, "sale", "ListingIDs", 2], nf(), 3),
    row("replace", [T, "sale", "ListingIDs", 1], nf(9), 9),
    row("replace", [T, "sale", "ListingIDs", 1, 0], INV, 9),
    row("replace", [T, "sale", "Unknown"], INV, 1),
    row("remove", [T, "sale"], becomes(None)),
    row("remove", [T, "sale", "ListingIDs", 0], loses("ListingIDs", 0)),
    row("remove", [T, "sale", "ListingIDs", 2], nf()),
    row("remove", [T, "sale", "ListingIDs"], INV),
    row("remove", [T, "sale", "Name"], INV),
    row("remove", [T, "sale", "Unknown"], INV),
    row("increment", [T, "sale", "ListingIDs", 0], INV, 1),
    row("decrement", [T, "sale"], INV, 1),
]

ON_ABSENT = [
    row(
        "add",
        [T, "new"],
        becomes({"Name": "new", "ListingIDs": [2]}),
        {"Name": "other", "ListingIDs": [2]},
        "paths-name",
    ),
    row(
        "add",
        [T, "new"],
        becomes({"Name": "new", "ListingIDs": []}),
        {"Name": "new", "ListingIDs": None},
        "null-list",
    ),
    row("add", [T, "new"], becomes({"Name": "new", "ListingIDs": []}), {"name": "new"}, "no-list"),
    row("add", [T, "new"], INV, {"Name": "new", "ListingIDs": [1, 9]}),
    row("add", [T, "new"], INV, {"Name": "", "ListingIDs": []}),
    row("add", [T, "new"], INV, None, "null"),
    row("add", [T, "new", "ListingIDs", 0], nf(), 1),
    row("append", [T, "new", "ListingIDs"], nf(), 1),
    row("append", [T, "new"], nf(), VALUE, "absent-before-shape"),
    row("replace", [T, "new"], nf(), VALUE),
    row("replace", [T, "new", "Unknown"], nf(), 1, "absent-before-field"),
    row("remove", [T, "new"], nf()),
    row("increment", [T, "new"], INV, 1, "the-op-before-all"),
]


@pytest.mark.parametrize("one", ON_TAG, ids=str)
def test_row(one: Row) -> None:
    check_row(SHOP, one, b"sale")


@pytest.mark.parametrize("one", ON_ABSENT, ids=str)
def test_row_on_an_absent_tag(one: Row) -> None:
    check_row(SHOP, one, b"new")


@pytest.mark.parametrize("name", ["\x00", "a\x00b", "|", "ä" * 500, "."])
def test_a_name_can_be_any_text_that_is_not_blank(name: str) -> None:
    after = applied(SHOP, patch("add", T, name, value={"Name": "x", "ListingIDs": [1]}))

    assert value_of(after, TAG, name.encode()) == {"Name": name, "ListingIDs": [1]}


@pytest.mark.parametrize("name", [" ", "\t\n"])
def test_a_blank_name_in_the_path_is_invalid(name: str) -> None:
    assert refused(SHOP, patch("add", T, name, value={"Name": "x"})).code is Code.INVALID


def test_the_key_stays_when_the_name_changes() -> None:
    renamed = patch("replace", T, "sale", "Name", value="winter")
    after = applied(SHOP, renamed)

    assert value_of(after, TAG, b"sale") == VALUE | {"Name": "winter"}
    assert value_of(after, TAG, b"winter") is None
    assert refused(after, patch("remove", T, "winter")).code is Code.NOT_FOUND


def test_what_a_tag_names_already_need_not_exist_to_patch_the_rest() -> None:
    after = applied(
        SHOP, patch("append", T, "ghost", "ListingIDs", value=2), patch("remove", T, "ghost", "ListingIDs", 0)
    )

    assert value_of(after, TAG, b"ghost") == {"Name": "ghost", "ListingIDs": [1, 2]}


def test_the_same_listing_is_not_appended_twice_in_one_set() -> None:
    once = patch("append", T, "sale", "ListingIDs", value=3)

    assert refused(SHOP, once, once).code is Code.INVALID


def test_listings_of_the_same_set_count() -> None:
    new = patch("add", "Listings", 4, value=LISTING_VALUE)

    assert value_of(
        applied(SHOP, new, patch("append", T, "sale", "ListingIDs", value=4)), TAG, b"sale"
    ) == VALUE | {"ListingIDs": [1, 2, 4]}
    gone = patch("remove", "Listings", 3)
    assert refused(SHOP, gone, patch("append", T, "sale", "ListingIDs", value=3)).object_id == 3


@pytest.mark.parametrize(
    ("patches", "may_append"),
    [
        ([patch("remove", T, "sale", "ListingIDs", 0)], True),
        (
            [patch("add", T, "sale", "ListingIDs", 0, value=1), patch("remove", T, "sale", "ListingIDs", 1)],
            False,
        ),
        ([patch("replace", T, "sale", "ListingIDs", 0, value=3)], True),
        ([patch("replace", T, "sale", "ListingIDs", value=[3])], True),
        ([patch("replace", T, "sale", "ListingIDs", value=[1, 1])], False),
        ([patch("replace", T, "sale", value={"Name": "x", "ListingIDs": [2]})], True),
        ([patch("remove", T, "sale"), patch("add", T, "sale", value={"Name": "x"})], True),
        (
            [patch("remove", T, "sale"), patch("add", T, "sale", value={"Name": "x", "ListingIDs": [1]})],
            False,
        ),
        ([patch("append", T, "sale", "ListingIDs", value=3)], False),
    ],
)
@pytest.mark.parametrize("asked_before", [False, True])
def test_membership_is_kept_in_step(patches: list, may_append: bool, asked_before: bool) -> None:  # type: ignore[type-arg]
    first = patch("append", T, "sale", "ListingIDs", value=3)
    drop = patch("remove", T, "sale", "ListingIDs", 2)
    prelude = [first, drop] if asked_before else []
    again = patch("append", T, "sale", "ListingIDs", value=1)

    if may_append:
        assert 1 in value_of(applied(SHOP, *prelude, *patches, again), TAG, b"sale")["ListingIDs"]
    else:
        assert refused(SHOP, *prelude, *patches, again).code is Code.INVALID
