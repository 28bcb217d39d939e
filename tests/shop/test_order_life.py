"""Spec 06 "The life of an order", as clients may move it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.patch_set import Patch
from minirelay.shop.draft import Draft
from minirelay.shop.order_life import check_client_write
from minirelay.shop.order_states import OrderState
from minirelay.shop.state import ShopState
from tests.shop.patching import LISTING, ORDER, PAYEE, TOKEN, number, patch, shop

OPEN, CANCELED, COMMITTED = OrderState.OPEN, OrderState.CANCELED, OrderState.COMMITTED
CHOSEN, UNPAID, PAID = OrderState.PAYMENT_CHOSEN, OrderState.UNPAID, OrderState.PAID

NOW = datetime(2027, 1, 2, tzinfo=UTC)
ADDRESS = {
    "Name": "x",
    "Address1": "x",
    "City": "x",
    "PostalCode": "x",
    "Country": "x",
    "EmailAddress": "a@b.c",
}
TX = {"BlockHash": bytes(32)}
DETAILS = {
    "PaymentID": bytes(32),
    "Total": 1,
    "ListingHashes": [bytes(32)],
    "TTL": 1,
    "ShopSignature": bytes(65),
}
COMPLETE: dict[str, Any] = {
    "ID": 1,
    "Items": [{"ListingID": 1, "Quantity": 1}],
    "InvoiceAddress": ADDRESS,
    "CanceledAt": NOW,
    "ChosenPayee": {"Address": {"ChainID": 1337, "Address": PAYEE}, "CallAsContract": False},
    "ChosenCurrency": {"ChainID": 1337, "Address": TOKEN},
    "PaymentDetails": DETAILS,
    "TxDetails": TX,
}
LISTING_VALUE = {"ID": 1, "Price": 1, "Metadata": {"Title": "x", "Description": "x"}, "ViewState": 1}


def in_state(state: OrderState | None) -> ShopState:
    """A shop with one order that has everything, so that only the life of an order can refuse a move."""
    orders = [] if state is None else [(ORDER, number(1), COMPLETE | {"State": int(state)})]
    return shop((LISTING, number(1), LISTING_VALUE), *orders)


def is_allowed(state: OrderState | None, *patches: Patch) -> bool:
    """Let a client write a set of which the last patch may be refused, but not by the pure rules."""
    draft = Draft(in_state(state))
    refusals = [_write(draft, one) for one in patches]
    assert refusals[:-1] == [None] * (len(patches) - 1)
    assert refusals[-1] in (None, (Code.INVALID, None))
    return refusals[-1] is None


def _write(draft: Draft, one: Patch) -> tuple[Code, int | None] | None:
    before = draft.order_before(one.object_id)
    draft.apply(one)
    try:
        check_client_write(before, one, draft.order(one.object_id))
    except Refusal as refusal:
        return refusal.code, refusal.object_id
    return None


def test_a_refusal_says_what_is_wrong() -> None:
    draft = Draft(in_state(UNPAID))
    draft.apply(move(PAID))
    with pytest.raises(Refusal, match="from unpaid to paid") as caught:
        check_client_write(UNPAID, move(PAID), draft.order(number(1)))

    assert (caught.value.code, caught.value.object_id) == (Code.INVALID, None)


def move(to: OrderState) -> Patch:
    return patch("replace", "Orders", 1, "State", value=int(to))


MOVES = {
    OPEN: {OPEN, COMMITTED, CANCELED},
    COMMITTED: {OPEN, COMMITTED, CHOSEN, CANCELED},
    CHOSEN: set(),
    UNPAID: {CHOSEN, CANCELED},
    PAID: set(),
    CANCELED: set(),
}


@pytest.mark.parametrize("to", OrderState)
@pytest.mark.parametrize("state", OrderState)
def test_moves(state: OrderState, to: OrderState) -> None:
    assert is_allowed(state, move(to)) == (to in MOVES[state])


@pytest.mark.parametrize("state", [OPEN, COMMITTED])
def test_a_move_to_where_it_is_changes_nothing(state: OrderState) -> None:
    draft = Draft(in_state(state))
    assert _write(draft, move(state)) is None

    assert draft.finish()[1] == ()


WHOLE: dict[str, Any] = {"ID": 1, "Items": [{"ListingID": 1, "Quantity": 1}], "State": 1}


@pytest.mark.parametrize("state", OrderState)
def test_only_an_open_order_is_replaced_or_removed_as_a_whole(state: OrderState) -> None:
    assert is_allowed(state, patch("replace", "Orders", 1, value=WHOLE)) == (state is OPEN)
    assert is_allowed(state, patch("remove", "Orders", 1)) == (state is OPEN)


@pytest.mark.parametrize("to", OrderState)
def test_whole_orders_come_open_or_committed(to: OrderState) -> None:
    complete = COMPLETE | {"State": int(to)}
    bare = {name: value for name, value in complete.items() if name not in ("PaymentDetails", "TxDetails")}

    if to in (OPEN, COMMITTED):
        assert is_allowed(None, patch("add", "Orders", 1, value=bare))
        assert is_allowed(OPEN, patch("replace", "Orders", 1, value=bare))
    else:
        assert not is_allowed(None, patch("add", "Orders", 1, value=complete))
        assert not is_allowed(OPEN, patch("replace", "Orders", 1, value=complete))


def test_a_new_order_carries_inert_tx_details_at_most() -> None:
    for state in (1, 3):
        assert is_allowed(None, patch("add", "Orders", 1, value=WHOLE | {"State": state, "TxDetails": TX}))
        assert not is_allowed(None, patch("add", "Orders", 1, value=WHOLE | {"PaymentDetails": DETAILS}))


def test_a_replaced_order_carries_neither() -> None:
    assert not is_allowed(OPEN, patch("replace", "Orders", 1, value=WHOLE | {"TxDetails": TX}))
    assert not is_allowed(OPEN, patch("replace", "Orders", 1, value=WHOLE | {"PaymentDetails": DETAILS}))


@pytest.mark.parametrize("state", OrderState)
@pytest.mark.parametrize("field", ["PaymentDetails", "TxDetails"])
def test_clients_never_write_what_the_relay_finds_out(state: OrderState, field: str) -> None:
    assert not is_allowed(state, patch("replace", "Orders", 1, field, value=COMPLETE[field]))


def test_clients_do_not_add_it_to_an_order_that_has_none_either() -> None:
    new = patch("add", "Orders", 1, value=WHOLE)

    assert is_allowed(None, new)
    for field in ("PaymentDetails", "TxDetails"):
        assert not is_allowed(None, new, patch("add", "Orders", 1, field, value=COMPLETE[field]))


OTHER_WRITES = [
    patch("replace", "Orders", 1, "InvoiceAddress", "Name", value="y"),
    patch("replace", "Orders", 1, "InvoiceAddress", value=ADDRESS),
    patch("add", "Orders", 1, "ShippingAddress", value=ADDRESS),
    patch("replace", "Orders", 1, "ChosenPayee", value=COMPLETE["ChosenPayee"]),
    patch("replace", "Orders", 1, "ChosenCurrency", value=COMPLETE["ChosenCurrency"]),
    patch("replace", "Orders", 1, "CanceledAt", value=NOW),
]


@pytest.mark.parametrize("one", OTHER_WRITES, ids=lambda one: "-".join(map(str, one.path)))
@pytest.mark.parametrize("state", OrderState)
def test_a_closed_order_takes_nothing_more(state: OrderState, one: Patch) -> None:
    assert is_allowed(state, one) == (state not in (PAID, CANCELED))


def test_a_canceled_order_takes_no_items() -> None:
    item = patch("append", "Orders", 1, "Items", value={"ListingID": 1, "Quantity": 1})

    assert is_allowed(OPEN, item)
    assert not is_allowed(CANCELED, item)


def test_a_removed_order_can_be_created_again() -> None:
    assert is_allowed(OPEN, patch("remove", "Orders", 1), patch("add", "Orders", 1, value=WHOLE))


def test_a_set_is_judged_step_by_step() -> None:
    assert is_allowed(OPEN, move(COMMITTED), move(CHOSEN))
    assert is_allowed(OPEN, move(COMMITTED), move(OPEN), move(CANCELED))
    assert not is_allowed(OPEN, move(COMMITTED), move(CHOSEN), move(OPEN))
    assert not is_allowed(OPEN, move(CANCELED), OTHER_WRITES[0])
    assert not is_allowed(OPEN, move(COMMITTED), patch("remove", "Orders", 1))
    assert not is_allowed(UNPAID, move(CHOSEN), move(CHOSEN))
