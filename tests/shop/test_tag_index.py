"""The index against what a search would find."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.shop import tag_index
from minirelay.shop.hamt import Hamt
from minirelay.shop.object_cache import ObjectCache
from minirelay.shop.objects import Tag
from minirelay.shop.tag_index import SEARCHES, TagIndex
from tests.shop.patching import TAG, shop

KEYS = [b"a", b"b", b"c"]
LISTINGS = [1, 2, 3, 300, 2**64 - 1]
START = {b"a": [1, 1, 2], b"b": [300], b"d": [2**64 - 1, 513]}
STATE = shop(*((TAG, key, {"Name": "x", "ListingIDs": ids}) for key, ids in START.items()))

steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "drop", "ask-one", "ask-any"]),
        st.sampled_from(KEYS),
        st.lists(st.sampled_from(LISTINGS), max_size=4),
    ),
    max_size=30,
)


def tags_of(state_tags: Hamt = STATE.tags) -> tuple[ObjectCache[Tag], TagIndex]:
    tags = ObjectCache(STATE, TAG, Tag)
    return tags, TagIndex(tags, state_tags)


@pytest.mark.parametrize("searches", [0, 7, 1000])
@given(script=steps)
@settings(derandomize=True, max_examples=150, deadline=None)
def test_says_what_a_search_finds_whenever_it_is_asked(
    searches: int, script: list[tuple[str, bytes, list[int]]]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tag_index, "SEARCHES", searches)
        _follow(script)


def _follow(script: list[tuple[str, bytes, list[int]]]) -> None:
    expected = dict(START)
    tags, index = tags_of()
    for action, key, ids in script:
        if action == "put":
            index.note(key, gone=expected.get(key, []), come=ids)
            tags.put(key, Tag(name="x", listing_ids=ids))
            expected[key] = ids
        elif action == "drop":
            index.note(key, gone=expected.pop(key, []))
            tags.put(key, None)
        elif action == "ask-one":
            for listing_id in LISTINGS:
                assert index.holds(key, listing_id) == (listing_id in expected.get(key, []))
        else:
            for listing_id in LISTINGS:
                assert index.is_tagged(listing_id) == any(listing_id in ids for ids in expected.values())


def test_bytes_that_look_like_a_listing_are_no_listing() -> None:
    _, index = tags_of()

    # 513 is encoded as 19 02 01, which holds the encodings of 1 and 2; the name "x" ends in 78.
    assert index.is_tagged(513)
    assert not index.is_tagged(0x18)
    assert not index.is_tagged(0x78)
    assert not index.is_tagged(19)


class CountingTrie:
    """A trie that counts how often somebody goes through all of it."""

    def __init__(self) -> None:
        self.passes = 0

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        self.passes += 1
        return STATE.tags.items()


def test_many_questions_do_not_cost_a_pass_each() -> None:
    trie = CountingTrie()
    _, index = tags_of(trie)  # type: ignore[arg-type]

    assert index.holds(b"a", 1)
    assert trie.passes == 0
    answers = {listing_id: index.is_tagged(listing_id) for listing_id in range(3, 1000)}
    assert [listing_id for listing_id, answer in answers.items() if answer] == [300, 513]
    assert trie.passes == SEARCHES + 1
