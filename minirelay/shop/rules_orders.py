"""What patches do to orders (spec 04 "Orders"), for all authors; who may is `access` and `order_life`."""

from datetime import datetime
from typing import Any

from minirelay.errors import Refusal, invalid, not_found
from minirelay.protocol.patch_set import Patch
from minirelay.shop.canonical import read, read_as
from minirelay.shop.objects import (
    OMITTED_WHEN_EMPTY,
    AddressDetails,
    ChainAddress,
    EmailAddress,
    NotBlank,
    Order,
    OrderedItem,
    OrderPaid,
    Payee,
    PaymentDetails,
    PhoneNumber,
    Uint32,
)
from minirelay.shop.order_states import FROZEN, STATE_FIELD, STATES_FROM, OrderState
from minirelay.shop.path_table import Handler, PathTable, Row, Slot, check_presence, object_number
from minirelay.shop.references import check_item, check_items, check_order, is_accepted, is_payee
from minirelay.shop.working_set import WorkingSet

ITEM = Slot.ANYTHING
"""An item's index; a wrong one is refused differently by each operation."""

MAX_QUANTITY = 2**32 - 1


def apply(working: WorkingSet, patch: Patch) -> None:
    """Apply a patch to an order, then check what the order's state asks for. Raises Refusal."""
    order = working.orders.edit(patch.object_id)
    check_presence(patch, order is not None)
    if order is not None and order.state in FROZEN and patch.fields[:1] == ("Items",):
        raise invalid("the items of an order can't change once it is committed")
    handler, held = TABLE.find(patch)
    handler(working, patch, order, *held)
    written = working.orders.look(patch.object_id)
    if written is not None:
        check_state(written)


def check_state(order: Order) -> None:
    """Refuse (INVALID) an order that lacks what its state asks for (spec 04 "State rules")."""
    state = order.state
    if state is OrderState.CANCELED:
        _need(order.canceled_at is not None, "a canceled order needs CanceledAt")
    if state in STATES_FROM[OrderState.COMMITTED]:
        _need(bool(order.items), "a committed order needs at least one item")
    if state in STATES_FROM[OrderState.PAYMENT_CHOSEN]:
        _need(order.chosen_payee is not None, "a payment choice needs ChosenPayee")
        _need(order.chosen_currency is not None, "a payment choice needs ChosenCurrency")
        has_address = order.invoice_address is not None or order.shipping_address is not None
        _need(has_address, "a payment choice needs an invoice or shipping address")
    if state in STATES_FROM[OrderState.UNPAID]:
        _need(order.payment_details is not None, "an order to be paid needs PaymentDetails")
    if state in STATES_FROM[OrderState.PAID]:
        _need(order.tx_details is not None, "a paid order needs TxDetails")


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise invalid(message)


def _write(working: WorkingSet, patch: Patch, _old: Order | None) -> None:
    order = read(Order, patch.value)
    check_order(working, order)
    working.orders.put(patch.object_id, order)


def _remove(working: WorkingSet, patch: Patch, _order: Order) -> None:
    working.orders.put(patch.object_id, None)


def _replace_state(_working: WorkingSet, patch: Patch, order: Order) -> None:
    order.state = read_as(OrderState, STATE_FIELD, patch.value)


def _add_field(attribute: str, kind: Any) -> Handler:
    def add_field(working: WorkingSet, patch: Patch, order: Order) -> None:
        if getattr(order, attribute) is not None:
            raise invalid(f"the order has {patch.fields[0]!s} already")
        value = read_as(kind, str(patch.fields[0]), patch.value)
        _check_choice(working, value, not_found("the shop's manifest does not have this"))
        setattr(order, attribute, value)

    return add_field


def _replace_field(attribute: str, kind: Any) -> Handler:
    def replace_field(working: WorkingSet, patch: Patch, order: Order) -> None:
        value = read_as(kind, str(patch.fields[0]), patch.value)
        _check_choice(working, value, invalid("the shop's manifest does not have this"))
        setattr(order, attribute, value)

    return replace_field


def _check_choice(working: WorkingSet, value: object, refusal: Refusal) -> None:
    if isinstance(value, Payee) and not is_payee(working, value):
        raise refusal
    if isinstance(value, ChainAddress) and not is_accepted(working, value):
        raise refusal


def _replace_set_field(attribute: str, kind: Any) -> Handler:
    def replace_set_field(_working: WorkingSet, patch: Patch, order: Order) -> None:
        _need_set(patch, order, attribute)
        setattr(order, attribute, read_as(kind, str(patch.fields[0]), patch.value))

    return replace_set_field


def _replace_address_text(which: str, attribute: str, kind: Any) -> Handler:
    def replace_address_text(_working: WorkingSet, patch: Patch, order: Order) -> None:
        _need_set(patch, order, which)
        # As in a whole address, an empty text where none is needed means that there is none (03).
        is_none = patch.value == "" and attribute in OMITTED_WHEN_EMPTY
        text = None if is_none else read_as(kind, str(patch.fields[1]), patch.value)
        setattr(getattr(order, which), attribute, text)

    return replace_address_text


def _remove_address(attribute: str) -> Handler:
    def remove_address(_working: WorkingSet, patch: Patch, order: Order) -> None:
        _need_set(patch, order, attribute)
        setattr(order, attribute, None)

    return remove_address


def _need_set(patch: Patch, order: Order, attribute: str) -> None:
    if getattr(order, attribute) is None:
        raise invalid(f"the order has no {patch.fields[0]!s}")


def _insert_item(working: WorkingSet, patch: Patch, order: Order, index: object) -> None:
    at = _item_index(patch, order, index)
    working.work.move_entries(len(order.items))
    order.items.insert(at, _read_item(working, patch))


def _append_item(working: WorkingSet, patch: Patch, order: Order) -> None:
    order.items.append(_read_item(working, patch))


def _replace_items(working: WorkingSet, patch: Patch, order: Order) -> None:
    items: list[OrderedItem] = read_as(list[OrderedItem], "Items", patch.value)
    check_items(working, items)
    order.items = items


def _replace_item(working: WorkingSet, patch: Patch, order: Order, index: object) -> None:
    at = _item_index(patch, order, index)
    order.items[at] = _read_item(working, patch)


def _remove_item(working: WorkingSet, patch: Patch, order: Order, index: object) -> None:
    at = _item_index(patch, order, index)
    working.work.move_entries(len(order.items))
    del order.items[at]


def _replace_quantity(_working: WorkingSet, patch: Patch, order: Order, index: object) -> None:
    item = order.items[_item_index(patch, order, index)]
    item.quantity = _read_quantity(patch)


def _change_quantity(_working: WorkingSet, patch: Patch, order: Order, index: object) -> None:
    item = order.items[_item_index(patch, order, index)]
    by = _read_quantity(patch)
    quantity = item.quantity + (by if patch.op == "increment" else -by)
    if not 0 <= quantity <= MAX_QUANTITY:
        raise invalid("the quantity would be below 0, or more than 32 bits can hold")
    item.quantity = quantity


def _item_index(patch: Patch, order: Order, index: object) -> int:
    """Check an index behind `Items`: NF(id), but INV where the rows of the table say so."""
    if isinstance(index, int) and index < len(order.items):
        return index
    is_only_beyond = isinstance(index, int) and patch.op in ("add", "remove")
    if is_only_beyond or patch.op == "replace":
        raise not_found("the order has no such item", object_number(patch))
    raise invalid("the order has no such item")


def _read_item(working: WorkingSet, patch: Patch) -> OrderedItem:
    item = read(OrderedItem, patch.value)
    check_item(working, item)
    return item


def _read_quantity(patch: Patch) -> int:
    quantity: int = read_as(Uint32, "Quantity", patch.value)
    return quantity


ADDRESS_TEXTS: dict[str, tuple[str, Any]] = {
    "Name": ("name", NotBlank),
    "Address1": ("address1", NotBlank),
    "Address2": ("address2", str),
    "City": ("city", NotBlank),
    "PostalCode": ("postal_code", NotBlank),
    "Country": ("country", NotBlank),
    "EmailAddress": ("email_address", EmailAddress),
    "PhoneNumber": ("phone_number", PhoneNumber),
}


def _address_rows(name: str, attribute: str) -> dict[Row, Handler]:
    return {
        ("replace", name, field): _replace_address_text(attribute, inner, kind)
        for field, (inner, kind) in ADDRESS_TEXTS.items()
    }


TABLE = PathTable(
    {
        ("add",): _write,
        ("add", "CanceledAt"): _add_field("canceled_at", datetime),
        ("add", "InvoiceAddress"): _add_field("invoice_address", AddressDetails),
        ("add", "ShippingAddress"): _add_field("shipping_address", AddressDetails),
        ("add", "ChosenPayee"): _add_field("chosen_payee", Payee),
        ("add", "ChosenCurrency"): _add_field("chosen_currency", ChainAddress),
        ("add", "PaymentDetails"): _add_field("payment_details", PaymentDetails),
        ("add", "TxDetails"): _add_field("tx_details", OrderPaid),
        ("add", "Items", ITEM): _insert_item,
        ("append", "Items"): _append_item,
        ("replace",): _write,
        ("replace", STATE_FIELD): _replace_state,
        ("replace", "Items"): _replace_items,
        ("replace", "Items", ITEM): _replace_item,
        ("replace", "Items", ITEM, "Quantity"): _replace_quantity,
        ("replace", "ChosenPayee"): _replace_field("chosen_payee", Payee),
        ("replace", "ChosenCurrency"): _replace_field("chosen_currency", ChainAddress),
        ("replace", "PaymentDetails"): _replace_field("payment_details", PaymentDetails),
        ("replace", "TxDetails"): _replace_field("tx_details", OrderPaid),
        ("replace", "CanceledAt"): _replace_set_field("canceled_at", datetime),
        ("replace", "InvoiceAddress"): _replace_set_field("invoice_address", AddressDetails),
        ("replace", "ShippingAddress"): _replace_set_field("shipping_address", AddressDetails),
        **_address_rows("InvoiceAddress", "invoice_address"),
        **_address_rows("ShippingAddress", "shipping_address"),
        ("remove",): _remove,
        ("remove", "Items", ITEM): _remove_item,
        ("remove", "InvoiceAddress"): _remove_address("invoice_address"),
        ("remove", "ShippingAddress"): _remove_address("shipping_address"),
        ("increment", "Items", ITEM, "Quantity"): _change_quantity,
        ("decrement", "Items", ITEM, "Quantity"): _change_quantity,
    },
    other_fields=("ID",),
    unknown_not_found={
        ("add",),
        ("append",),
        ("replace",),
        ("replace", "InvoiceAddress"),
        ("replace", "ShippingAddress"),
    },
)
