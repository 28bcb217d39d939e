"""Which session holds which key card: a card has one live session at a time (spec 05)."""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from minirelay.errors import Code, Refusal, not_found
from minirelay.relay.session_table import ALREADY_CONNECTED, UNKNOWN_CARD
from minirelay.store.messages import KeyCard


class CardHolder(Protocol):
    """A session, as the card that it holds sees it."""

    def unlink(self) -> None:
        """End because the card was unlinked."""


Holder = TypeVar("Holder", bound=CardHolder)


class LiveCards(Generic[Holder]):
    """The key cards that have a live session."""

    def __init__(self) -> None:
        """Begin without sessions."""
        self._holders: dict[int, Holder] = {}
        # A card that was looked up before may be claimed after its unlinking. It stays unlinked for good.
        self._unlinked: set[int] = set()

    def __len__(self) -> int:
        return len(self._holders)

    def __iter__(self) -> Iterator[Holder]:
        """Iterate over the sessions that hold a card, in the order in which they claimed it."""
        return iter(tuple(self._holders.values()))

    def is_held(self, card: KeyCard) -> bool:
        """Return whether a session holds this card."""
        return card.row_id in self._holders

    def claim(self, card: KeyCard, holder: Holder) -> None:
        """Make this the card's one live session.

        Raises Refusal: ALREADY_CONNECTED where another one is, NOT_FOUND where it was unlinked meanwhile.
        """
        if card.row_id in self._unlinked:
            raise not_found(UNKNOWN_CARD)
        if card.row_id in self._holders:
            raise Refusal(Code.ALREADY_CONNECTED, ALREADY_CONNECTED)
        self._holders[card.row_id] = holder

    def release(self, card: KeyCard, holder: Holder) -> bool:
        """Free a card, and return whether it was this session that held it."""
        if self._holders.get(card.row_id) is not holder:
            return False
        del self._holders[card.row_id]
        return True

    def unlink(self, card_row: int) -> None:
        """Let a card be claimed no more, and end its live session. card_row: row id."""
        self._unlinked.add(card_row)
        holder = self._holders.get(card_row)
        if holder is not None:
            holder.unlink()
