"""One live session per key card."""

from dataclasses import dataclass, field

import pytest

from minirelay.errors import Code, Refusal
from minirelay.relay.live_cards import LiveCards
from minirelay.store.messages import KeyCard


@dataclass(eq=False)
class Holder:
    """A session that releases its card when it ends, as sessions do."""

    cards: "LiveCards[Holder]"
    held: list[KeyCard] = field(default_factory=list)
    is_unlinked: bool = False

    def claim(self, card: KeyCard) -> None:
        self.cards.claim(card, self)
        self.held.append(card)

    def unlink(self) -> None:
        self.is_unlinked = True
        for card in self.held:
            self.cards.release(card, self)


def card(row_id: int) -> KeyCard:
    return KeyCard(row_id, row_id.to_bytes(33), 1, bytes(20), False, 0, False)


def refusal_of(holder: Holder, wanted: KeyCard) -> Code:
    with pytest.raises(Refusal) as caught:
        holder.claim(wanted)
    return caught.value.code


def test_a_card_has_one_session_until_that_releases_it() -> None:
    cards: LiveCards[Holder] = LiveCards()
    one, other = Holder(cards), Holder(cards)
    assert not cards.is_held(card(1))
    one.claim(card(1))
    assert cards.is_held(card(1))
    assert refusal_of(other, card(1)) == Code.ALREADY_CONNECTED
    other.claim(card(2))
    assert list(cards) == [one, other]
    assert cards.release(card(1), one)
    other.claim(card(1))
    assert len(cards) == 2


def test_a_session_releases_no_card_of_another() -> None:
    cards: LiveCards[Holder] = LiveCards()
    one, other = Holder(cards), Holder(cards)
    one.claim(card(1))
    assert not cards.release(card(1), other)
    assert not cards.release(card(2), other)
    assert list(cards) == [one]


def test_unlinking_ends_the_session_and_the_card_is_never_claimed_again() -> None:
    cards: LiveCards[Holder] = LiveCards()
    one, other = Holder(cards), Holder(cards)
    one.claim(card(1))
    other.claim(card(2))
    cards.unlink(1)
    assert (one.is_unlinked, other.is_unlinked) == (True, False)
    assert list(cards) == [other]
    assert refusal_of(Holder(cards), card(1)) == Code.NOT_FOUND


def test_a_card_that_is_unlinked_between_lookup_and_claim_is_not_found() -> None:
    cards: LiveCards[Holder] = LiveCards()
    cards.unlink(1)
    assert refusal_of(Holder(cards), card(1)) == Code.NOT_FOUND


def test_sessions_may_end_while_they_are_gone_through() -> None:
    cards: LiveCards[Holder] = LiveCards()
    for row in range(5):
        Holder(cards).claim(card(row))
    for holder in cards:
        holder.unlink()
    assert not len(cards)
