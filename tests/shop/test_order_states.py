"""Spec 03 "OrderState", spec 06 "The life of an order"."""

from pathlib import Path

import minirelay
from minirelay.shop.order_states import (
    CLOSED,
    FROZEN,
    IN_CHECKOUT,
    LIVE,
    STATE_FIELD,
    STATES_FROM,
    OrderState,
)


def test_states_have_the_numbers_of_version_4() -> None:
    assert [(state.name, int(state)) for state in OrderState] == [
        ("OPEN", 1),
        ("CANCELED", 2),
        ("COMMITTED", 3),
        ("PAYMENT_CHOSEN", 4),
        ("UNPAID", 5),
        ("PAID", 6),
    ]
    assert STATE_FIELD == "State"


def test_an_order_is_live_or_closed() -> None:
    assert frozenset(OrderState) == LIVE | CLOSED
    assert not LIVE & CLOSED
    assert LIVE - {OrderState.OPEN} == IN_CHECKOUT
    assert IN_CHECKOUT | {OrderState.PAID} == FROZEN


def test_states_on_the_way_to_paid_come_one_after_the_other() -> None:
    assert STATES_FROM[OrderState.COMMITTED] == FROZEN
    assert STATES_FROM[OrderState.UNPAID] == {OrderState.UNPAID, OrderState.PAID}
    assert OrderState.OPEN not in STATES_FROM
    assert OrderState.CANCELED not in STATES_FROM


def test_the_name_of_the_field_stands_nowhere_else() -> None:
    package = Path(minirelay.__file__).parent
    found = [path.name for path in package.rglob("*.py") if '"State"' in path.read_text()]

    assert found == ["order_states.py"]
