"""The life of an order as clients may move it (spec 06 "The life of an order").

Checked right after each patch of a client that the pure rules (04) let through. Unpaid and Paid are the
relay's.
"""

from collections.abc import Mapping
from typing import Final

from minirelay.errors import invalid
from minirelay.protocol.patch_set import Patch
from minirelay.shop.objects import Order
from minirelay.shop.order_states import CLOSED, IN_CHECKOUT, STATE_FIELD, OrderState

OPEN, CANCELED, COMMITTED = OrderState.OPEN, OrderState.CANCELED, OrderState.COMMITTED
PAYMENT_CHOSEN, UNPAID, PAID = OrderState.PAYMENT_CHOSEN, OrderState.UNPAID, OrderState.PAID

MOVES: Final[Mapping[OrderState, frozenset[OrderState]]] = {
    OPEN: frozenset({OPEN, COMMITTED, CANCELED}),
    COMMITTED: frozenset({OPEN, COMMITTED, PAYMENT_CHOSEN, CANCELED}),
    PAYMENT_CHOSEN: frozenset(),
    UNPAID: frozenset({PAYMENT_CHOSEN, CANCELED}),
    PAID: frozenset(),
    CANCELED: frozenset(),
}
"""Where a client may move an order that is in a state, by `replace State`; to itself is no move."""

WRITTEN_WHOLE: Final = frozenset({OPEN, COMMITTED})
RELAY_FIELDS: Final = frozenset({"PaymentDetails", "TxDetails"})


def check_client_write(before: OrderState | None, patch: Patch, after: Order | None) -> None:
    """Refuse what a client, guest or clerk, may not do to an order.

    before: the order's state before the patch, None if there was no order. patch: an order patch, applied
    already. after: the order as it is now, None if it was removed. Raises Refusal INVALID.
    """
    if before in CLOSED:
        raise invalid("this order is closed")
    if not patch.fields:
        _check_whole(before, after)
    elif patch.fields[0] in RELAY_FIELDS:
        raise invalid(f"only the relay writes {patch.fields[0]!s}")
    elif before is not None and after is not None and patch.fields[0] == STATE_FIELD:
        _check_move(before, after.state)


def _check_whole(before: OrderState | None, after: Order | None) -> None:
    if before in IN_CHECKOUT:
        raise invalid("an order in checkout can't be replaced or removed as a whole")
    if after is None:
        return
    if after.state not in WRITTEN_WHOLE:
        raise invalid("a whole order can be written in the states Open and Committed only")
    if after.payment_details is not None:
        raise invalid("only the relay writes PaymentDetails")
    if before is not None and after.tx_details is not None:
        raise invalid("only the relay writes TxDetails")


def _check_move(before: OrderState, after: OrderState) -> None:
    if after not in MOVES[before]:
        raise invalid(f"a client can't take an order from {_in_words(before)} to {_in_words(after)}")


def _in_words(state: OrderState) -> str:
    return state.name.lower().replace("_", " ")
