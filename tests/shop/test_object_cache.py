"""Decoded once, encoded once, shared with nobody."""

import pytest

from minirelay.shop import canonical
from minirelay.shop.object_cache import ObjectCache
from minirelay.shop.objects import Tag
from tests.shop.patching import TAG, shop

STATE = shop((TAG, b"t", {"Name": "t", "ListingIDs": [1]}), (TAG, b"u", {"Name": "u", "ListingIDs": []}))


def cache() -> ObjectCache[Tag]:
    return ObjectCache(STATE, TAG, Tag)


def test_a_look_gives_the_same_object_again_and_changes_nothing() -> None:
    tags = cache()

    assert tags.look(b"t") is tags.look(b"t")
    assert tags.look(b"none") is None
    assert list(tags.changes()) == []


def test_presence_follows_what_was_written_and_needs_no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "load", None)
    tags = cache()

    assert (tags.has(b"t"), tags.has(b"new")) == (True, False)
    tags.put(b"t", None)
    tags.put(b"new", Tag(name="new", listing_ids=[]))
    assert (tags.has(b"t"), tags.has(b"new")) == (False, True)


def test_an_edit_is_seen_by_nobody_before_the_end() -> None:
    tags, other = cache(), cache()
    tag = tags.edit(b"t")
    assert tag is not None
    tag.listing_ids.append(7)

    assert other.look(b"t") == Tag(name="t", listing_ids=[1])
    (change,) = tags.changes()
    assert change.value == canonical.dump(Tag(name="t", listing_ids=[1, 7]))
    assert STATE.get(TAG, b"t") == canonical.dump(Tag(name="t", listing_ids=[1]))


def test_only_what_came_out_different_is_a_change() -> None:
    tags = cache()
    assert tags.edit(b"t") is not None
    tags.put(b"u", Tag(name="u", listing_ids=[]))
    tags.put(b"new", Tag(name="new", listing_ids=[]))
    tags.put(b"new", None)
    assert tags.edit(b"none") is None

    assert list(tags.changes()) == []
    tags.put(b"t", None)
    assert [(change.key, change.value) for change in tags.changes()] == [(b"t", None)]


def test_untouched_are_the_bytes_of_what_nobody_looked_at() -> None:
    tags = cache()
    assert sorted(tags.untouched(STATE.tags)) == sorted(data for _, data in STATE.tags.items())
    tags.put(b"t", None)
    tags.put(b"new", Tag(name="new", listing_ids=[3]))
    assert tags.look(b"none") is None

    assert list(tags.untouched(STATE.tags)) == [STATE.get(TAG, b"u")]
    assert [tag.name for tag in tags.touched()] == ["new"]
    tags.look(b"u")
    assert list(tags.untouched(STATE.tags)) == []
    assert [tag.name for tag in tags.touched()] == ["new", "u"]


def test_a_change_knows_what_was_before_it_also_behind_another_write() -> None:
    before = canonical.dump(Tag(name="t", listing_ids=[1]))
    first = cache()
    first.put(b"t", Tag(name="t", listing_ids=[2]))
    first.put(b"new", Tag(name="new", listing_ids=[]))
    changes = list(first.changes())
    assert [(one.key, one.before) for one in changes] == [(b"t", before), (b"new", None)]

    second = ObjectCache(STATE.with_changes(changes), TAG, Tag, before=first)
    second.put(b"t", None)
    second.put(b"new", Tag(name="new", listing_ids=[3]))
    assert [one.before for one in second.changes()] == [one.value for one in changes]
