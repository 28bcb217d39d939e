"""What one patch set makes of a shop: the pure part of a write, without clock, queue or store.

Everything here reads the state it is given and changes nothing, so that it can run beside the event loop.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import msgspec

from minirelay.errors import invalid
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch, VerifiedPatchSet
from minirelay.shop.access import Role, check_patch
from minirelay.shop.canonical import read, read_as
from minirelay.shop.draft import Draft
from minirelay.shop.objects import Account, PublicKey
from minirelay.shop.order_life import check_client_write
from minirelay.shop.order_states import FROZEN
from minirelay.shop.state import Change, ShopState
from minirelay.shop.work import HASHED_BYTES, Work
from minirelay.store.messages import Leaf, ObjectRow
from minirelay.store.pieces import object_row

NOBODY = 0
"""The owner of what no guest created."""

ENTRY_BYTES = 512
"""What an object or a key card takes in memory beside its bytes: nodes, entries of maps."""


class Author(msgspec.Struct, frozen=True):
    """Who wrote a patch set. card_row: the key card's row id, 0 for the relay."""

    role: Role
    card_row: int


@dataclass(slots=True)
class Ownership:
    """Which guest's card created each order that exists: in the head, and as one set changes it."""

    base: Mapping[bytes, int]
    changed: dict[bytes, int] = field(default_factory=dict)

    def of(self, order_id: bytes) -> int:
        """Give the card row that created this order, `NOBODY` if no guest did."""
        owner = self.changed.get(order_id)
        return self.base.get(order_id, NOBODY) if owner is None else owner

    def note(self, patch: Patch, author: Author) -> int:
        """Follow one order patch that was applied; give the owner of the order it is a patch of."""
        order_id = patch.object_id
        if patch.op == "add" and not patch.fields:
            self.changed[order_id] = author.card_row if author.role is Role.GUEST else NOBODY
        owner = self.of(order_id)
        if patch.op == "remove" and not patch.fields:
            self.changed[order_id] = NOBODY
        return owner


class Judgement(msgspec.Struct, frozen=True):
    """What an accepted patch set comes to.

    root_hash: of the state. growth_bytes: about what more the state takes in memory. leaves and changes are
    what the store records; owners: order id -> card row that changed hands; unlinked: public keys that were
    taken off an account.
    """

    state: ShopState
    root_hash: bytes
    growth_bytes: int
    leaves: tuple[Leaf, ...]
    changes: tuple[ObjectRow, ...]
    owners: Mapping[bytes, int]
    unlinked: tuple[bytes, ...]


def judge(
    state: ShopState,
    owners: Mapping[bytes, int],
    author: Author,
    patch_set: VerifiedPatchSet,
    work: Work | None = None,
) -> Judgement:
    """Apply a patch set to a state, all of it or, by raising a Refusal, nothing (spec 04, 05, 06).

    work: counts what it costs, and may bound it; None for a replay. Raises WorkExceeded.
    """
    work = Work() if work is None else work
    draft = Draft(state, work)
    ownership = Ownership(owners)
    leaves: list[Leaf] = []
    unlinked: list[bytes] = []
    for patch in patch_set.patches:
        leaves.append(_apply(draft, ownership, author, patch, unlinked))
    after, changes = draft.finish()
    if author.role is not Role.RELAY:
        _refuse_checkout(draft, leaves)
    work.spend(after.unhashed_bytes // HASHED_BYTES)
    return Judgement(
        state=after,
        root_hash=after.root_hash,
        growth_bytes=sum(
            entry_bytes(one.key, one.value) - entry_bytes(one.key, state.get(one.object_type, one.key))
            for one in changes
        ),
        leaves=tuple(leaves),
        changes=_rows(state, changes, ownership),
        owners=ownership.changed,
        unlinked=tuple(unlinked),
    )


def entry_bytes(key: bytes, value: bytes | None) -> int:
    """Tell about what an object takes in memory. value: its canonical bytes, None if there is none."""
    return 0 if value is None else ENTRY_BYTES + len(key) + len(value)


def key_cards_added(patches: Iterable[Patch]) -> Iterator[tuple[bytes, bytes]]:
    """Go through the key cards that a set of the relay's gives to accounts: wallet and public key."""
    for patch in patches:
        if patch.object_type is not ObjectType.ACCOUNT:
            continue
        if patch.op == "add":
            for key in read(Account, patch.value).key_cards:
                yield patch.object_id, key
        elif patch.op == "append":
            yield patch.object_id, read_as(PublicKey, "a key card", patch.value)


def _rows(state: ShopState, changes: Sequence[Change], ownership: Ownership) -> tuple[ObjectRow, ...]:
    rows = [
        object_row(
            change.object_type,
            change.key,
            change.value,
            ownership.of(change.key) if change.object_type is ObjectType.ORDER else NOBODY,
            before=state.get(change.object_type, change.key),
        )
        for change in changes
    ]
    if ownership.changed:
        # Removed and made again just as it was: the same bytes, but perhaps somebody else's.
        changed = {row.key for row in rows if row.object_type is ObjectType.ORDER}
        rows += [
            object_row(ObjectType.ORDER, order_id, value, owner, before=value)
            for order_id, owner in ownership.changed.items()
            if order_id not in changed
            for value in (state.get(ObjectType.ORDER, order_id),)
        ]
    return tuple(rows)


def _apply(draft: Draft, ownership: Ownership, author: Author, patch: Patch, unlinked: list[bytes]) -> Leaf:
    if patch.object_type is ObjectType.ORDER:
        return _apply_to_order(draft, ownership, author, patch)
    check_patch(author.role, patch, owns=False, present=False)
    if patch.object_type is ObjectType.ACCOUNT and patch.op == "remove":
        named = _named_key_cards(draft, patch)
        draft.apply(patch)
        left = draft.account(patch.object_id)
        unlinked += named if left is None else [card for card in named if card not in left.key_cards]
    else:
        draft.apply(patch)
    return Leaf(patch.object_type, patch.object_id, NOBODY)


def _apply_to_order(draft: Draft, ownership: Ownership, author: Author, patch: Patch) -> Leaf:
    order_id = patch.object_id
    if author.role is Role.GUEST:
        present = draft.order(order_id) is not None
        check_patch(
            author.role, patch, owns=present and ownership.of(order_id) == author.card_row, present=present
        )
    else:
        check_patch(author.role, patch, owns=False, present=False)
    before = draft.order_before(order_id)
    draft.apply(patch)
    if author.role is not Role.RELAY:
        check_client_write(before, patch, draft.order(order_id))
    return Leaf(ObjectType.ORDER, order_id, ownership.note(patch, author))


def _named_key_cards(draft: Draft, patch: Patch) -> Set[bytes]:
    """Say which key cards a removal names: an account's, or the one at an index; none if it is to fail."""
    account = draft.account(patch.object_id)
    if account is None:
        return set()
    match patch.fields:
        case ():
            return set(account.key_cards)
        case ("KeyCards", int(index)) if index < len(account.key_cards):
            return {account.key_cards[index]}
    return set()


def _refuse_checkout(draft: Draft, leaves: list[Leaf]) -> None:
    for leaf in leaves:
        if leaf.object_type is ObjectType.ORDER:
            order = draft.order(leaf.object_id)
            if order is not None and order.state in FROZEN:
                raise invalid("not available yet: this relay has no checkout, orders can't be committed")
