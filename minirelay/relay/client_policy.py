"""What a client's set must satisfy beside the rules of the state (spec 06 "The life of an order").

It is asked once, when the set is accepted; a replay of the log doesn't ask it again.
"""

from minirelay.errors import invalid
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.shop.draft import Draft
from minirelay.shop.order_life import check_client_write
from minirelay.shop.order_states import FROZEN, OrderState


class ClientPolicy:
    """The policy for one set of a guest or a clerk: a `Policy` of `apply_patch_set`."""

    __slots__ = ("_orders", "_state_before")

    def __init__(self) -> None:
        """Begin before the first patch."""
        self._state_before: OrderState | None = None
        self._orders: dict[bytes, None] = {}

    def before(self, draft: Draft, patch: Patch) -> None:
        """Note the state that an order is in."""
        if patch.object_type is ObjectType.ORDER:
            self._state_before = draft.order_before(patch.object_id)

    def after(self, draft: Draft, patch: Patch) -> None:
        """Refuse what a client may not do to an order."""
        if patch.object_type is ObjectType.ORDER:
            check_client_write(self._state_before, patch, draft.order(patch.object_id))
            self._orders[patch.object_id] = None

    def end(self, draft: Draft) -> None:
        """Refuse orders in checkout, which this relay does not have yet."""
        for order_id in self._orders:
            order = draft.order(order_id)
            if order is not None and order.state in FROZEN:
                raise invalid("not available yet: this relay has no checkout, orders can't be committed")
