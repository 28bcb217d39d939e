"""Decoded once, encoded once, shared with nobody."""

import pytest

from minirelay.shop import canonical
from minirelay.shop.objects import Tag
from minirelay.shop.working_set import Shelf, WorkingSet
from tests.shop.patching import INVENTORY, LISTING, TAG, number, shop

INFO = {"VariationInfo": {"Title": "x", "Description": "x"}}
LISTING_VALUE = {
    "ID": 1,
    "Price": 1,
    "Metadata": {"Title": "x", "Description": "x"},
    "ViewState": 0,
    "Options": {
        "o": {"Title": "O", "Variations": {"a": INFO}},
        "p": {"Title": "P", "Variations": {"b": INFO}},
    },
}
STATE = shop(
    (LISTING, number(1), LISTING_VALUE),
    (TAG, b"t", {"Name": "t", "ListingIDs": [1]}),
    (TAG, b"u", {"Name": "u", "ListingIDs": []}),
    (INVENTORY, number(1), 5),
)


def shelf() -> Shelf[Tag]:
    return Shelf(STATE, TAG, Tag)


def test_a_look_gives_the_same_object_again_and_changes_nothing() -> None:
    tags = shelf()

    assert tags.look(b"t") is tags.look(b"t")
    assert tags.look(b"none") is None
    assert list(tags.changes()) == []


def test_presence_follows_what_was_written_and_needs_no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "load", None)
    tags = shelf()

    assert (tags.has(b"t"), tags.has(b"new")) == (True, False)
    tags.put(b"t", None)
    tags.put(b"new", Tag(name="new", listing_ids=[]))
    assert (tags.has(b"t"), tags.has(b"new")) == (False, True)


def test_an_edit_is_seen_by_nobody_before_the_end() -> None:
    tags, other = shelf(), shelf()
    tag = tags.edit(b"t")
    assert tag is not None
    tag.listing_ids.append(7)

    assert other.look(b"t") == Tag(name="t", listing_ids=[1])
    (change,) = tags.changes()
    assert change.value == canonical.dump(Tag(name="t", listing_ids=[1, 7]))
    assert STATE.get(TAG, b"t") == canonical.dump(Tag(name="t", listing_ids=[1]))


def test_only_what_came_out_different_is_a_change() -> None:
    tags = shelf()
    assert tags.edit(b"t") is not None
    tags.put(b"u", Tag(name="u", listing_ids=[]))
    tags.put(b"new", Tag(name="new", listing_ids=[]))
    tags.put(b"new", None)
    assert tags.edit(b"none") is None

    assert list(tags.changes()) == []
    tags.put(b"t", None)
    assert [(change.key, change.value) for change in tags.changes()] == [(b"t", None)]


def test_all_objects_are_those_of_the_state_with_what_was_written_over_them() -> None:
    tags = shelf()
    tags.put(b"t", None)
    tags.put(b"new", Tag(name="new", listing_ids=[3]))

    names = sorted(tag.name for tag in tags.all_of(STATE.tags))
    assert names == ["new", "u"]


def test_names_of_variations_are_collected_over_all_options() -> None:
    working = WorkingSet(STATE)

    assert working.variation_names(number(1)) == {"a", "b"}
    assert working.variation_names(number(9)) == set()


def test_stock_is_a_plain_number() -> None:
    working = WorkingSet(STATE)

    assert working.inventory.look(number(1)) == 5
    working.inventory.put(number(1), 2**64 - 1)
    (change,) = working.changes()
    assert change.value == bytes.fromhex("1bffffffffffffffff")
