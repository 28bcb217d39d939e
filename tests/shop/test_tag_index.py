"""The index against what a search would find."""

from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.shop.objects import Tag
from minirelay.shop.tag_index import TagIndex

KEYS = [b"a", b"b", b"c"]
LISTINGS = range(1, 5)

steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "drop", "ask-one", "ask-any"]),
        st.sampled_from(KEYS),
        st.lists(st.sampled_from(LISTINGS), max_size=4),
    ),
    max_size=30,
)


@given(steps)
@settings(derandomize=True, max_examples=200)
def test_says_what_a_search_finds_whenever_it_is_asked(script: list[tuple[str, bytes, list[int]]]) -> None:
    tags = {b"a": Tag(name="a", listing_ids=[1, 1, 2])}
    index = TagIndex(tags.get, tags.values)

    for action, key, listing_ids in script:
        if action == "put":
            old = tags.get(key)
            index.note(key, gone=old.listing_ids if old else (), come=listing_ids)
            tags[key] = Tag(name="x", listing_ids=listing_ids)
        elif action == "drop" and key in tags:
            index.note(key, gone=tags.pop(key).listing_ids)
        elif action == "ask-one":
            for listing_id in LISTINGS:
                assert index.holds(key, listing_id) == (key in tags and listing_id in tags[key].listing_ids)
        elif action == "ask-any":
            for listing_id in LISTINGS:
                assert index.is_tagged(listing_id) == any(
                    listing_id in tag.listing_ids for tag in tags.values()
                )


def test_goes_through_all_tags_once_and_only_when_it_has_to() -> None:
    searches = []
    tags = {b"a": Tag(name="a", listing_ids=[1])}

    def search() -> list[Tag]:
        searches.append(1)
        return list(tags.values())

    index = TagIndex(tags.get, search)
    assert index.holds(b"a", 1)
    assert searches == []
    assert index.is_tagged(1)
    assert not index.is_tagged(2)
    assert searches == [1]
