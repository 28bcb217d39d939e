"""How far an order is: its states by number, and the field that holds one (spec 06 "The life of an order").

Numbers and the field's name stand here alone: version 5 of the protocol renumbers and renames them.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

STATE_FIELD: Final = "State"


class OrderState(IntEnum):
    """How far an order is; 0 is invalid."""

    OPEN = 1
    CANCELED = 2
    COMMITTED = 3
    PAYMENT_CHOSEN = 4
    UNPAID = 5
    PAID = 6


_WAY_TO_PAID: Final = (
    OrderState.COMMITTED,
    OrderState.PAYMENT_CHOSEN,
    OrderState.UNPAID,
    OrderState.PAID,
)

FROZEN: Final = frozenset(_WAY_TO_PAID)
"""Their items can't change (spec 04)."""

CLOSED: Final = frozenset({OrderState.PAID, OrderState.CANCELED})
"""Clients can't change anything any more."""

IN_CHECKOUT: Final = FROZEN - CLOSED
"""They may hold stock, and are canceled when something that they contain vanishes."""

LIVE: Final = IN_CHECKOUT | {OrderState.OPEN}
"""They count for their customer."""

STATES_FROM: Final[Mapping[OrderState, frozenset[OrderState]]] = {
    state: frozenset(_WAY_TO_PAID[place:]) for place, state in enumerate(_WAY_TO_PAID)
}
"""A state on the way to Paid, with those that come after it."""
