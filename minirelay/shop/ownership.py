"""Who writes a patch set, and which guest's key card created each order (spec 05 "Roles").

A key card is known here by a number that the caller gives it; the relay's are the row ids of its store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.patch_set import Patch
from minirelay.shop.access import Role


class Author(msgspec.Struct, frozen=True, gc=False):
    """Who wrote a patch set. card_row: the key card's number, `NOBODY` for the relay."""

    role: Role
    card_row: int


RELAY_ITSELF: Final = Author(Role.RELAY, NOBODY)


@dataclass(slots=True)
class Ownership:
    """Which guest's card created each order that exists: before, and as patches change it."""

    base: Mapping[bytes, int]
    changed: dict[bytes, int] = field(default_factory=dict)

    def of(self, order_id: bytes) -> int:
        """Return the card that created this order, `NOBODY` if no guest's did."""
        owner = self.changed.get(order_id)
        return self.base.get(order_id, NOBODY) if owner is None else owner

    def note(self, patch: Patch, author: Author) -> int:
        """Follow one order patch that was applied; return the owner of the order it is a patch of."""
        order_id = patch.object_id
        if patch.op == "add" and not patch.fields:
            self.changed[order_id] = author.card_row if author.role is Role.GUEST else NOBODY
        owner = self.of(order_id)
        if patch.op == "remove" and not patch.fields:
            self.changed[order_id] = NOBODY
        return owner
