"""A local copy of a shop's state, made of received patches by the same rules that the relay has (spec 04)."""

from minirelay.client.errors import VerificationFailed
from minirelay.client.received import ReceivedSet
from minirelay.errors import Refusal
from minirelay.shop.draft import Draft
from minirelay.shop.state import ShopState

MOST_UNSETTLED = 64
"""So many sets share a draft: an object that all of them change is encoded once."""


class Replica:
    """Patches in, state out. No I/O."""

    def __init__(self, state: ShopState | None = None) -> None:
        """state: to begin from; None: a shop without anything."""
        self._state = ShopState() if state is None else state
        self._draft = Draft(self._state)
        self._unsettled: list[ReceivedSet] = []

    def apply(self, received: ReceivedSet) -> None:
        """Apply a set, or a part of one.

        Raises VerificationFailed if the rules don't allow it; the state stays what it was.
        """
        try:
            self._apply(received)
        except Refusal as refusal:
            # The draft is worth nothing any more. What came before went through once, so it does again.
            self._draft = Draft(self._state)
            for earlier in self._unsettled:
                self._apply(earlier)
            raise VerificationFailed(received.seq, f"it breaks the rules: {refusal.message}") from refusal
        self._unsettled.append(received)
        if len(self._unsettled) >= MOST_UNSETTLED:
            self._settle()

    @property
    def state(self) -> ShopState:
        """Give the state after all that was applied."""
        if self._unsettled:
            self._settle()
        return self._state

    def _apply(self, received: ReceivedSet) -> None:
        for patch in received.patches:
            self._draft.apply(patch)

    def _settle(self) -> None:
        self._state, _ = self._draft.finish()
        self._draft = Draft(self._state)
        self._unsettled.clear()
