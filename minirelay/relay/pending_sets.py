"""The sets that one request appends, in the making: each is judged on the state behind the one before.

A client's set comes first, what the relay adds because of it right behind. Nothing is changed yet: the head
of the shop appends them all, or none.
"""

from collections import ChainMap
from collections.abc import Sequence
from datetime import datetime

from minirelay.protocol.patch_set import NewPatch, VerifiedPatchSet, open_patch_set, seal_patch_set
from minirelay.protocol.push import encode_set
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.judgement import NOBODY, Author, Judgement, judge
from minirelay.relay.shop_head import Accepted, Entry, ShopHead
from minirelay.shop.access import Role
from minirelay.shop.state import ShopState
from minirelay.shop.work import Work
from minirelay.store.messages import KeyCard

RELAY_ITSELF = Author(Role.RELAY, NOBODY)


class PendingSets:
    """The sets of one request, on the way to an `Accepted`."""

    __slots__ = ("_entries", "_head", "_owners", "_relay_nonce", "state")

    def __init__(self, head: ShopHead) -> None:
        """head: of the shop, which stays as it is. state: of the shop, behind the last set so far."""
        self.state: ShopState = head.state
        self._head = head
        self._owners: ChainMap[bytes, int] | dict[bytes, int] = head.owners
        self._relay_nonce = head.relay_nonce
        self._entries: list[Entry] = []

    def apply(self, author: Author, patch_set: VerifiedPatchSet, work: Work | None = None) -> Judgement:
        """Apply a set behind those so far. work: see `judge`. Raises Refusal, WorkExceeded.

        After an error these sets are worth nothing: drop them.
        """
        judgement = judge(self.state, self._owners, author, patch_set, work)
        nonce = patch_set.header.key_card_nonce
        wire = encode_set(self._head.next_seq + len(self._entries), patch_set)
        self._entries.append(Entry(judgement, wire, nonce, author, patch_set.signer))
        self.state = judgement.state
        if judgement.owners:
            self._owners = ChainMap(dict(judgement.owners), self._owners)
        if author.role is Role.RELAY:
            self._relay_nonce = nonce
        return judgement

    def apply_own(
        self, patches: Sequence[NewPatch], key: PrivateKey, timestamp: datetime, work: Work | None = None
    ) -> Judgement:
        """Sign patches as the relay, with its next nonce, and apply them. key: of its wallet.

        timestamp: of the header, aware. work: see `judge`. Raises Refusal, WorkExceeded.
        """
        sealed = seal_patch_set(
            patches,
            shop_id=self._head.row.shop_id,
            key_card_nonce=self._relay_nonce + 1,
            timestamp=timestamp,
            key=key,
        )
        return self.apply(RELAY_ITSELF, open_patch_set(sealed), work)

    @property
    def last_wire(self) -> bytes:
        """The pushed form of the last set so far."""
        return self._entries[-1].wire

    def accepted(self, new_cards: Sequence[KeyCard] = ()) -> Accepted:
        """Make what the head appends. new_cards: that are enrolled with these sets."""
        return Accepted(tuple(self._entries), tuple(new_cards))
