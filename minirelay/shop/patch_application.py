"""What a patch set does to a shop: the same for a sequencer, for an audit and for a client that follows.

These are the rules that hold whenever a log is replayed: who may write what (spec 05), and what each patch
does (spec 04). What is decided only once, when a set is accepted, is a policy beside them.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Protocol

import msgspec

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch, VerifiedPatchSet
from minirelay.shop.access import Role, check_patch
from minirelay.shop.draft import Draft
from minirelay.shop.ownership import Author, Ownership
from minirelay.shop.state import Change, ShopState
from minirelay.shop.work import Work


class Policy(Protocol):
    """What is decided only once, when a set is accepted; its methods may raise Refusal.

    A replay has none. So whatever one decides that others have to know, it writes as patches.
    """

    def before(self, draft: Draft, patch: Patch) -> None:
        """Look at the draft right before a patch that its author may write is applied."""

    def after(self, draft: Draft, patch: Patch) -> None:
        """Look at the draft right after it was applied."""

    def end(self, draft: Draft) -> None:
        """Look at the draft after the last patch of the set."""


class AppliedPatchSet(msgspec.Struct, frozen=True, gc=False):
    """What a patch set comes to.

    changes: the objects that are different. patch_owners: for each patch, the key card that created the order
    which it touches. owners: order id -> owner, for orders that were added or removed. unlinked: public keys
    that were taken off an account.
    """

    state: ShopState
    changes: tuple[Change, ...]
    patch_owners: tuple[int, ...]
    owners: Mapping[bytes, int]
    unlinked: tuple[bytes, ...]


def apply_patch_set(
    state: ShopState,
    owners: Mapping[bytes, int],
    author: Author,
    patch_set: VerifiedPatchSet,
    work: Work | None = None,
    policy: Policy | None = None,
) -> AppliedPatchSet:
    """Apply a patch set to a state: all of it or, by raising a Refusal, nothing (spec 04, 05).

    owners: order id -> the guest's key card that created it, for the orders in the state. work: counts what
    it costs, and may bound it: raises WorkExceeded. policy: of the relay that accepts it, None for a replay.
    A patch of the relay's beyond its bounds is a bug: RuntimeError.
    """
    application = PatchApplication(state, owners, work, policy)
    application.apply(author, patch_set.patches)
    return application.finish()


class PatchApplication:
    """A state with patches on the way in: those of one set, or of several one after the other."""

    def __init__(
        self,
        state: ShopState,
        owners: Mapping[bytes, int] | None,
        work: Work | None = None,
        policy: Policy | None = None,
        before: "PatchApplication | None" = None,
    ) -> None:
        """Start from a state. The arguments are those of `apply_patch_set`.

        owners: None if it is not known who created the orders in the state; then guests may write to any.
        before: what finished as this state, and is dropped now: then less has to be decoded.
        """
        self._draft: Draft = Draft(state, work, None if before is None else before._draft)
        self._knows_owners = owners is not None
        self._ownership = Ownership({} if owners is None else owners)
        self._policy = policy
        self._patch_owners: list[int] = []
        self._unlinked: list[bytes] = []

    def apply(self, author: Author | None, patches: Iterable[Patch]) -> None:
        """Apply the patches of a set. Raises as `apply_patch_set`; after that, drop this.

        author: None if it was not checked who signed; then it is not asked what they may write.
        """
        policy, draft = self._policy, self._draft
        for patch in patches:
            if author is not None:
                self._check_access(author, patch)
            if policy is None:
                self._apply(author, patch)
                continue
            policy.before(draft, patch)
            self._apply(author, patch)
            policy.after(draft, patch)
        if policy is not None:
            policy.end(draft)

    def finish(self) -> AppliedPatchSet:
        """Make the new state, and what is different in it. Raises WorkExceeded."""
        state, changes = self._draft.finish()
        return AppliedPatchSet(
            state, changes, tuple(self._patch_owners), self._ownership.changed, tuple(self._unlinked)
        )

    def _check_access(self, author: Author, patch: Patch) -> None:
        owns = present = False
        if author.role is Role.GUEST and patch.object_type is ObjectType.ORDER:
            present = self._draft.order(patch.object_id) is not None
            owns = present and self._owns(author, patch.object_id)
        check_patch(author.role, patch, owns=owns, present=present)

    def _owns(self, author: Author, order_id: bytes) -> bool:
        return not self._knows_owners or self._ownership.of(order_id) == author.card_row

    def _apply(self, author: Author | None, patch: Patch) -> None:
        owner = NOBODY
        if patch.object_type is ObjectType.ACCOUNT and patch.op == "remove":
            self._remove_from_account(patch)
        else:
            self._draft.apply(patch)
            if author is not None and patch.object_type is ObjectType.ORDER:
                owner = self._ownership.note(patch, author)
        self._patch_owners.append(owner)

    def _remove_from_account(self, patch: Patch) -> None:
        named = self._named_key_cards(patch)
        self._draft.apply(patch)
        left = self._draft.account(patch.object_id)
        self._unlinked += named if left is None else [card for card in named if card not in left.key_cards]

    def _named_key_cards(self, patch: Patch) -> Set[bytes]:
        """Return the key cards that a removal names: an account's, or the one at an index; or none."""
        account = self._draft.account(patch.object_id)
        if account is None:
            return set()
        match patch.fields:
            case ():
                return set(account.key_cards)
            case ("KeyCards", int(index)) if index < len(account.key_cards):
                return {account.key_cards[index]}
        return set()
