"""A list of key cards in its canonical form, against a plain list."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor import encode
from minirelay.shop.key_cards import KeyCards

ZERO, ONE = bytes(33), b"\x01" * 33
# Within two of these, one after the other, a third one seems to lie.
OVERLAPPING = (b"\x58\x21\x00" * 12)[2:35]
CARDS = st.one_of(st.sampled_from([ZERO, ONE, OVERLAPPING]), st.binary(min_size=33, max_size=33))
PLACES = st.integers(-4, 4)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), CARDS),
        st.tuples(st.just("insert"), PLACES, CARDS),
        st.tuples(st.just("__delitem__"), st.one_of(PLACES, st.slices(4))),
        st.tuples(st.just("__setitem__"), PLACES, CARDS),
        st.tuples(st.just("__setitem__"), st.slices(4), st.lists(CARDS, max_size=3)),
        st.tuples(st.just("remove"), CARDS),
        st.tuples(st.just("pop")),
    ),
    max_size=8,
)


def outcome(cards: Any, edit: tuple[Any, ...]) -> Any:
    name, *arguments = edit
    try:
        return getattr(cards, name)(*arguments)
    except (IndexError, ValueError) as error:
        return type(error)


@given(st.lists(CARDS, max_size=5), EDITS)
@settings(derandomize=True, max_examples=300, deadline=None)
def test_it_does_what_a_list_does(start: list[bytes], edits: list[tuple[Any, ...]]) -> None:
    plain, cards = list(start), KeyCards(start)
    for edit in edits:
        assert outcome(cards, edit) == outcome(plain, edit)
        assert cards == plain
        assert len(cards) == len(plain)
        for card in (ZERO, ONE, OVERLAPPING):
            assert (card in cards) == (card in plain)
        assert cards.encode(b"") == encode([*plain])[1:]
        assert cards[-2:] == plain[-2:]
        assert list(cards) == plain


def test_what_lies_across_two_key_cards_is_none_of_them() -> None:
    hidden = b"\x07" * 13 + b"\x58\x21" + b"\x07" * 18
    item = b"\x58\x21" + hidden
    cards = KeyCards([b"\x09" * 18 + item[:15], item[17:] + b"\x09" * 15])
    assert item in cards.encode(b"")
    assert hidden not in cards
    cards.append(hidden)
    assert hidden in cards


def test_it_holds_key_cards_only() -> None:
    for other in (ZERO[:32], bytearray(ZERO), "text", None):
        assert other not in KeyCards([ZERO])


def test_it_is_a_copy() -> None:
    items = bytearray(KeyCards([ZERO]).encode(b""))
    cards = KeyCards.from_items(memoryview(items), 1)
    items[-1] = 1
    assert cards == [ZERO]
    assert KeyCards(cards) is not cards
    assert (KeyCards([ZERO]) == (ZERO,)) is False


@pytest.mark.parametrize("card", [b"", ZERO[:32], ZERO + b"\x00"])
def test_only_33_bytes_are_a_key_card(card: bytes) -> None:
    cards = KeyCards([ZERO, ONE])
    for change in (
        lambda: KeyCards([card]),
        lambda: cards.append(card),
        lambda: cards.__setitem__(0, card),
    ):
        with pytest.raises(ValueError, match="33 bytes"):
            change()
    assert cards == [ZERO, ONE]


ITEMS = KeyCards([ZERO, ONE]).encode(b"")


@pytest.mark.parametrize(
    ("items", "count"),
    [
        (ITEMS, 1),
        (ITEMS, 3),
        (ITEMS[:-1], 2),
        (ITEMS + b"\x00", 2),
        (b"\x59" + ITEMS[1:], 2),
        (ITEMS[:36] + b"\x20" + ITEMS[37:], 2),
        (ITEMS[1:] + b"\x58", 2),
    ],
)
def test_other_bytes_are_refused(items: bytes, count: int) -> None:
    assert KeyCards.from_items(memoryview(ITEMS), 2) == [ZERO, ONE]
    with pytest.raises(MalformedInput, match="key cards"):
        KeyCards.from_items(memoryview(items), count)
