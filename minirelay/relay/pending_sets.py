"""The sets that one request appends, in the making: each is judged on the state behind the one before.

A client's set comes first, what the relay adds because of it right behind. Nothing is changed yet: the head
of the shop appends them all, or none.
"""

from collections import ChainMap
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from minirelay.protocol.patch_set import NewPatch, VerifiedPatchSet, sign_patch_set
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.entry import Entry, make_entry
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.access import Role
from minirelay.shop.checkout import CheckoutOutcome
from minirelay.shop.ownership import RELAY_ITSELF, Author
from minirelay.shop.patch_application import AppliedPatchSet, PatchApplication, Policy
from minirelay.shop.state import ShopState
from minirelay.shop.work import HASHED_BYTES, Work
from minirelay.store.batch import Writable
from minirelay.store.messages import KeyCard

# In units of work, measured: to sign and check a set of the relay's, and to encode, hash and decode a patch.
_SIGNING: Final = 4000
_SEALING: Final = 500


class PendingSets:
    """The sets of one request, on the way to an `Accepted`."""

    __slots__ = ("_application", "_entries", "_head", "_owners", "_relay_nonce", "state")

    def __init__(self, head: ShopHead) -> None:
        """head: of the shop, which stays as it is. state: of the shop, behind the last set so far."""
        self.state: ShopState = head.state
        self._head = head
        self._owners: ChainMap[bytes, int] | dict[bytes, int] = head.owners
        self._relay_nonce = head.relay_nonce
        self._entries: list[Entry] = []
        self._application: PatchApplication | None = None

    def apply(
        self,
        author: Author,
        patch_set: VerifiedPatchSet,
        work: Work | None = None,
        policy: Policy | None = None,
    ) -> AppliedPatchSet:
        """Apply a set behind those so far. work, policy: see `patch_application.apply_patch_set`.

        Raises Refusal, WorkExceeded; after that these sets are worth nothing: drop them.
        """
        work = Work() if work is None else work
        state, owners = self.state, self._owners
        # Each set mostly changes what the one before did.
        self._application = PatchApplication(state, owners, work, policy, self._application)
        self._application.apply(author, patch_set.patches)
        applied = self._application.finish()
        work.spend(applied.state.unhashed_bytes // HASHED_BYTES)
        seq = self._head.next_seq + len(self._entries)
        self._entries.append(make_entry(state, owners, author, patch_set, applied, seq))
        self.state = applied.state
        if applied.owners:
            self._owners = ChainMap(dict(applied.owners), owners)
        if author.role is Role.RELAY:
            self._relay_nonce = patch_set.header.key_card_nonce
        return applied

    def apply_own(
        self, patches: Sequence[NewPatch], key: PrivateKey, timestamp: datetime, work: Work | None = None
    ) -> AppliedPatchSet:
        """Sign patches as the relay, with its next nonce, and apply them. key: of its wallet.

        timestamp: of the header, aware. work: see `apply`. Raises Refusal, WorkExceeded.
        """
        work = Work() if work is None else work
        work.spend(_SIGNING + _SEALING * len(patches))
        signed = sign_patch_set(
            patches,
            shop_id=self._head.row.shop_id,
            key_card_nonce=self._relay_nonce + 1,
            timestamp=timestamp,
            key=key,
        )
        return self.apply(RELAY_ITSELF, signed, work)

    @property
    def last_wire(self) -> bytes:
        """Return the pushed form of the last set so far."""
        return self._entries[-1].wire

    def accepted(
        self,
        new_cards: Sequence[KeyCard] = (),
        further: Sequence[Writable] = (),
        checkout: CheckoutOutcome | None = None,
    ) -> Accepted:
        """Make what the head appends.

        new_cards: that are enrolled with these sets. further: rows of other kinds in the same transaction.
        checkout: what a client's set caused, or the relay's own do.
        """
        # Here, which may be beside the loop; of the states between the sets nobody is told.
        _ = self.state.root_hash
        return Accepted(tuple(self._entries), tuple(new_cards), tuple(further), checkout)
