"""Spec 04 "Orders", row by row."""

from datetime import UTC, datetime
from typing import Any

import pytest

from minirelay.errors import Code
from minirelay.shop.order_states import OrderState
from tests.shop.patching import (
    INV,
    LISTING,
    MANIFEST_VALUE,
    NATIVE,
    ORDER,
    PAYEE,
    SAME,
    TOKEN,
    Row,
    applied,
    becomes,
    check_row,
    loses,
    nf,
    number,
    patch,
    refused,
    row,
    shop,
    value_of,
)

O = "Orders"  # noqa: E741
MOST = 2**32 - 1
NOW = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)

LISTING_VALUE: dict[str, Any] = {
    "ID": 1,
    "Price": 5,
    "Metadata": {"Title": "x", "Description": "x"},
    "ViewState": 1,
    "Options": {
        "size": {
            "Title": "Size",
            "Variations": {
                "s": {"VariationInfo": {"Title": "S", "Description": "S"}},
                "m": {"VariationInfo": {"Title": "M", "Description": "M"}},
            },
        }
    },
}
ADDRESS: dict[str, Any] = {
    "Name": "Jane Doe",
    "Address1": "1 Main St",
    "Address2": "rear",
    "City": "Anytown",
    "PostalCode": "12345",
    "Country": "US",
    "EmailAddress": "jane@example.com",
    "PhoneNumber": "+01234567",
}
SHORT: dict[str, Any] = {
    name: text for name, text in ADDRESS.items() if name not in ("Address2", "PhoneNumber")
}
CHOICE = {"Address": {"ChainID": 1337, "Address": PAYEE}, "CallAsContract": False}
CURRENCY = {"ChainID": 1337, "Address": TOKEN}
DETAILS = {
    "PaymentID": b"\x01" * 32,
    "Total": 2**200,
    "ListingHashes": [b"\x02" * 32],
    "TTL": 1,
    "ShopSignature": bytes(65),
}
PAID = {"BlockHash": b"\x03" * 32}
ITEM = {"ListingID": 1, "Quantity": 2}
CHOSEN_ITEM = {"ListingID": 1, "Quantity": 1, "VariationIDs": ["s"]}

OPEN: dict[str, Any] = {"ID": 1, "Items": [ITEM, CHOSEN_ITEM], "State": 1, "InvoiceAddress": ADDRESS}
EMPTY: dict[str, Any] = {"ID": 2, "Items": [], "State": 1}
COMMITTED = OPEN | {"State": 3}
CHOSEN = COMMITTED | {"State": 4, "ChosenPayee": CHOICE, "ChosenCurrency": CURRENCY}
UNPAID = CHOSEN | {"State": 5, "PaymentDetails": DETAILS}
PAID_ORDER = UNPAID | {"State": 6, "TxDetails": PAID}
CANCELED = OPEN | {"State": 2, "CanceledAt": NOW}

SHOP = shop(
    (LISTING, number(1), LISTING_VALUE),
    *(
        (ORDER, number(i), value | {"ID": i})
        for i, value in enumerate((OPEN, EMPTY, COMMITTED, CHOSEN, UNPAID, PAID_ORDER, CANCELED), start=1)
    ),
)

ON_OPEN = [
    # Whole orders and what is added once
    row("add", [O, 1], INV, EMPTY),
    row("add", [O, 1, "CanceledAt"], becomes(NOW, "CanceledAt"), NOW),
    row("add", [O, 1, "CanceledAt"], INV, "yesterday"),
    row("add", [O, 1, "InvoiceAddress"], INV, ADDRESS, "already-set"),
    row("add", [O, 1, "InvoiceAddress"], INV, None, "already-set-before-type"),
    row("add", [O, 1, "ShippingAddress"], becomes(SHORT, "ShippingAddress"), SHORT),
    row(
        "add",
        [O, 1, "ShippingAddress"],
        becomes(SHORT, "ShippingAddress"),
        SHORT | {"Address2": ""},
        "empty-second",
    ),
    row("add", [O, 1, "ShippingAddress"], INV, SHORT | {"Name": " "}),
    row("add", [O, 1, "ShippingAddress"], INV, SHORT | {"EmailAddress": "jane"}),
    row("add", [O, 1, "ShippingAddress"], INV, SHORT | {"PhoneNumber": "123"}),
    row("add", [O, 1, "ShippingAddress"], INV, {"Name": "only"}),
    row("add", [O, 1, "ShippingAddress"], INV, None, "null"),
    row("add", [O, 1, "InvoiceAddress", "Name"], INV, "x"),
    row("add", [O, 1, "ChosenPayee"], becomes(CHOICE, "ChosenPayee"), CHOICE),
    row(
        "add",
        [O, 1, "ChosenPayee"],
        becomes(CHOICE | {"CallAsContract": True}, "ChosenPayee"),
        CHOICE | {"CallAsContract": True},
        "the-flag-is-not-compared",
    ),
    row("add", [O, 1, "ChosenPayee"], nf(), CHOICE | {"Address": {"ChainID": 1337, "Address": NATIVE}}),
    row("add", [O, 1, "ChosenPayee"], nf(), CHOICE | {"Address": {"ChainID": 1, "Address": PAYEE}}),
    row("add", [O, 1, "ChosenPayee"], INV, {"Address": PAYEE}),
    row("add", [O, 1, "ChosenCurrency"], becomes(CURRENCY, "ChosenCurrency"), CURRENCY),
    row("add", [O, 1, "ChosenCurrency"], nf(), {"ChainID": 1, "Address": TOKEN}),
    row("add", [O, 1, "ChosenCurrency"], nf(), {"ChainID": 9, "Address": TOKEN}),
    row("add", [O, 1, "ChosenCurrency"], INV, {"ChainID": 0, "Address": TOKEN}),
    row("add", [O, 1, "PaymentDetails"], becomes(DETAILS, "PaymentDetails"), DETAILS),
    row("add", [O, 1, "PaymentDetails"], INV, DETAILS | {"TTL": 0}),
    row("add", [O, 1, "PaymentDetails"], INV, DETAILS | {"ListingHashes": []}),
    row("add", [O, 1, "TxDetails"], becomes(PAID, "TxDetails"), PAID),
    row("add", [O, 1, "TxDetails"], INV, {"TxHash": b"\x04" * 32}),
    row("add", [O, 1, "State"], INV, 1),
    row("add", [O, 1, "ID"], INV, 1),
    row("add", [O, 1, "Unknown"], nf(1), 1),
    row("add", [O, 1, "Unknown", 0, 0], nf(1), 1, "field-before-shape"),
    row("add", [O, 1, 5], INV, 1, "a-number-for-a-field"),
    # add and append items
    row("add", [O, 1, "Items", 0], becomes([CHOSEN_ITEM, *OPEN["Items"]], "Items"), CHOSEN_ITEM),
    row("add", [O, 1, "Items", 1], becomes([ITEM, ITEM, CHOSEN_ITEM], "Items"), ITEM),
    row("add", [O, 1, "Items", 2], nf(1), ITEM, "at-the-length"),
    row("add", [O, 1, "Items", 2], nf(1), {"ListingID": 9, "Quantity": 1}, "index-before-listing"),
    row("add", [O, 1, "Items", "0"], INV, ITEM, "no-integer"),
    row("add", [O, 1, "Items"], INV, ITEM, "no-index"),
    row("add", [O, 1, "Items", 0, "Quantity"], INV, 1),
    row("append", [O, 1, "Items"], becomes([*OPEN["Items"], ITEM], "Items"), ITEM),
    row(
        "append",
        [O, 1, "Items"],
        becomes([*OPEN["Items"], ITEM], "Items"),
        ITEM | {"VariationIDs": []},
        "no-choice",
    ),
    row(
        "append",
        [O, 1, "Items"],
        becomes([*OPEN["Items"], ITEM | {"Quantity": 0}], "Items"),
        {"listingID": 1, "quantity": 0, "variationIDs": None},
        "quantity-0",
    ),
    row(
        "append",
        [O, 1, "Items"],
        becomes([*OPEN["Items"], ITEM | {"Quantity": MOST}], "Items"),
        ITEM | {"Quantity": MOST},
    ),
    row("append", [O, 1, "Items"], INV, ITEM | {"Quantity": MOST + 1}, "beyond-32-bits"),
    row("append", [O, 1, "Items"], INV, ITEM | {"Quantity": None}),
    row("append", [O, 1, "Items"], INV, {"ListingID": 0, "Quantity": 1}),
    row("append", [O, 1, "Items"], nf(9), {"ListingID": 9, "Quantity": 1}),
    row("append", [O, 1, "Items"], nf(1), ITEM | {"VariationIDs": ["s", "x"]}, "unknown-variation"),
    row("append", [O, 1, "Items"], nf(1), ITEM | {"VariationIDs": ["size"]}, "an-option-is-no-variation"),
    row("append", [O, 1, "Items"], INV, ITEM | {"VariationIDs": ["s", "s"]}, "twice"),
    row("append", [O, 1, "Items"], INV, [ITEM]),
    row("append", [O, 1, "Items", 0], INV, ITEM),
    row("append", [O, 1], INV, EMPTY, "a-whole-order"),
    row("append", [O, 1, "InvoiceAddress"], INV, ADDRESS),
    row("append", [O, 1, "State"], INV, 1),
    row("append", [O, 1, "Unknown"], nf(1), 1),
    # replace
    row("replace", [O, 1], becomes(EMPTY), EMPTY),
    row("replace", [O, 1], becomes(PAID_ORDER), PAID_ORDER),
    row("replace", [O, 1], INV, EMPTY | {"State": 3}, "committed-without-items"),
    row("replace", [O, 1], INV, EMPTY | {"State": 0}),
    row("replace", [O, 1], INV, EMPTY | {"State": 7}),
    row("replace", [O, 1], INV, EMPTY | {"ID": 0}),
    row("replace", [O, 1], nf(9), EMPTY | {"Items": [ITEM, {"ListingID": 9, "Quantity": 1}]}),
    row("replace", [O, 1], nf(1), EMPTY | {"Items": [ITEM | {"VariationIDs": ["x"]}]}),
    row(
        "replace",
        [O, 1],
        nf(),
        EMPTY | {"ChosenPayee": CHOICE | {"Address": {"ChainID": 1, "Address": PAYEE}}},
    ),
    row("replace", [O, 1], nf(), EMPTY | {"ChosenCurrency": {"ChainID": 9, "Address": TOKEN}}),
    row("replace", [O, 1], INV, None, "null"),
    row("replace", [O, 1, "State"], SAME, 1),
    row("replace", [O, 1, "State"], becomes(3, "State"), 3),
    row("replace", [O, 1, "State"], INV, 0),
    row("replace", [O, 1, "State"], INV, 7),
    row("replace", [O, 1, "State"], INV, 2, "canceled-needs-canceled-at"),
    row("replace", [O, 1, "State"], INV, 4, "needs-payee-and-currency"),
    row("replace", [O, 1, "State"], INV, "Open"),
    row("replace", [O, 1, "State"], INV, None, "null"),
    row("replace", [O, 1, "State", 0], INV, 1),
    row("replace", [O, 1, "Items"], becomes([], "Items"), []),
    row("replace", [O, 1, "Items"], becomes([ITEM], "Items"), [ITEM]),
    row("replace", [O, 1, "Items"], nf(9), [ITEM, {"ListingID": 9, "Quantity": 1}]),
    row("replace", [O, 1, "Items"], INV, [ITEM | {"VariationIDs": ["s", "s"]}]),
    row("replace", [O, 1, "Items"], INV, ITEM),
    row("replace", [O, 1, "Items"], INV, None, "null"),
    row("replace", [O, 1, "Items", 0], becomes(CHOSEN_ITEM, "Items", 0), CHOSEN_ITEM),
    row("replace", [O, 1, "Items", 2], nf(1), ITEM),
    row("replace", [O, 1, "Items", "0"], nf(1), ITEM, "no-integer"),
    row("replace", [O, 1, "Items", b"0"], nf(1), ITEM, "no-integer"),
    row("replace", [O, 1, "Items", 0], nf(9), {"ListingID": 9, "Quantity": 1}),
    row("replace", [O, 1, "Items", 0], INV, 5),
    row("replace", [O, 1, "Items", 0, "Quantity"], becomes(0, "Items", 0, "Quantity"), 0),
    row("replace", [O, 1, "Items", 1, "Quantity"], becomes(MOST, "Items", 1, "Quantity"), MOST),
    row("replace", [O, 1, "Items", 1, "Quantity"], INV, MOST + 1),
    row("replace", [O, 1, "Items", 2, "Quantity"], nf(1), 1),
    row("replace", [O, 1, "Items", "0", "Quantity"], nf(1), 1, "no-integer"),
    row("replace", [O, 1, "Items", 0, "ListingID"], INV, 1),
    row("replace", [O, 1, "Items", 0, "VariationIDs"], INV, []),
    row("replace", [O, 1, "Items", 5, "Unknown"], INV, 1, "shape-before-index"),
    row("replace", [O, 1, "Items", 5, "Quantity", 0], INV, 1, "shape-before-index"),
    row("replace", [O, 1, "ChosenPayee"], becomes(CHOICE, "ChosenPayee"), CHOICE, "not-set-before"),
    row("replace", [O, 1, "ChosenPayee"], INV, CHOICE | {"Address": {"ChainID": 1337, "Address": NATIVE}}),
    row("replace", [O, 1, "ChosenPayee", "CallAsContract"], INV, True),
    row("replace", [O, 1, "ChosenCurrency"], becomes(CURRENCY, "ChosenCurrency"), CURRENCY, "not-set-before"),
    row("replace", [O, 1, "ChosenCurrency"], INV, {"ChainID": 9, "Address": TOKEN}),
    row("replace", [O, 1, "PaymentDetails"], becomes(DETAILS, "PaymentDetails"), DETAILS, "not-set-before"),
    row("replace", [O, 1, "PaymentDetails", "TTL"], INV, 1),
    row("replace", [O, 1, "TxDetails"], becomes(PAID, "TxDetails"), PAID, "not-set-before"),
    row("replace", [O, 1, "CanceledAt"], INV, NOW, "not-set"),
    row("replace", [O, 1, "InvoiceAddress"], becomes(SHORT, "InvoiceAddress"), SHORT),
    row("replace", [O, 1, "InvoiceAddress"], INV, SHORT | {"City": ""}),
    row("replace", [O, 1, "ShippingAddress"], INV, SHORT, "not-set"),
    row("replace", [O, 1, "ID"], INV, 1),
    row("replace", [O, 1, "Unknown"], nf(1), 1),
    row("replace", [O, 1, "state"], nf(1), 1, "case-counts-in-paths"),
    # One text field of an address
    *(
        row("replace", [O, 1, "InvoiceAddress", name], becomes("New", "InvoiceAddress", name), "New")
        for name in ("Name", "Address1", "Address2", "City", "PostalCode", "Country")
    ),
    *(
        row("replace", [O, 1, "InvoiceAddress", name], INV, " ")
        for name in ("Name", "Address1", "City", "PostalCode", "Country", "EmailAddress", "PhoneNumber")
    ),
    row(
        "replace",
        [O, 1, "InvoiceAddress", "EmailAddress"],
        becomes("a@b.c", "InvoiceAddress", "EmailAddress"),
        "a@b.c",
    ),
    row(
        "replace",
        [O, 1, "InvoiceAddress", "PhoneNumber"],
        becomes("+0012345", "InvoiceAddress", "PhoneNumber"),
        "+0012345",
    ),
    row("replace", [O, 1, "InvoiceAddress", "PhoneNumber"], INV, "+123456", "6-digits"),
    row("replace", [O, 1, "InvoiceAddress", "PhoneNumber"], INV, "+1234567890123456", "16-digits"),
    row("replace", [O, 1, "InvoiceAddress", "PhoneNumber"], INV, "+1234567\n", "a-line-end"),
    row("replace", [O, 1, "InvoiceAddress", "PhoneNumber"], INV, "+١٢٣٤٥٦٧", "other-digits"),
    row(
        "replace",
        [O, 1, "InvoiceAddress", "PhoneNumber"],
        loses("InvoiceAddress", "PhoneNumber"),
        "",
        "empty",
    ),
    row("replace", [O, 1, "InvoiceAddress", "Address2"], loses("InvoiceAddress", "Address2"), "", "empty"),
    row("replace", [O, 1, "InvoiceAddress", "Address2"], INV, None, "null"),
    row("replace", [O, 1, "InvoiceAddress", "Name"], INV, 5),
    row("replace", [O, 1, "InvoiceAddress", "Unknown"], nf(1), "x"),
    row("replace", [O, 1, "ShippingAddress", "Unknown"], nf(1), "x", "field-before-not-set"),
    row("replace", [O, 1, "ShippingAddress", "Name"], INV, "x", "not-set"),
    row("replace", [O, 1, "InvoiceAddress", "Name", "x"], INV, "x"),
    # remove
    row("remove", [O, 1], becomes(None)),
    row("remove", [O, 1, "Items", 0], loses("Items", 0)),
    row("remove", [O, 1, "Items", 2], nf(1)),
    row("remove", [O, 1, "Items", "0"], INV, note="no-integer"),
    row("remove", [O, 1, "Items"], INV),
    row("remove", [O, 1, "Items", 0, "Quantity"], INV),
    row("remove", [O, 1, "InvoiceAddress"], loses("InvoiceAddress")),
    row("remove", [O, 1, "InvoiceAddress", "Address2"], INV, note="one-field-of-an-address"),
    row("remove", [O, 1, "InvoiceAddress", "Unknown"], INV),
    row("remove", [O, 1, "ShippingAddress"], INV, note="not-set"),
    row("remove", [O, 1, "ChosenPayee"], INV),
    row("remove", [O, 1, "CanceledAt"], INV),
    row("remove", [O, 1, "State"], INV),
    row("remove", [O, 1, "Unknown"], INV),
    # increment, decrement
    row("increment", [O, 1, "Items", 0, "Quantity"], becomes(7, "Items", 0, "Quantity"), 5),
    row("increment", [O, 1, "Items", 0, "Quantity"], becomes(MOST, "Items", 0, "Quantity"), MOST - 2),
    row("increment", [O, 1, "Items", 0, "Quantity"], INV, MOST - 1, "overflow"),
    row("increment", [O, 1, "Items", 0, "Quantity"], INV, MOST + 1, "beyond-32-bits"),
    row("increment", [O, 1, "Items", 0, "Quantity"], INV, None, "null"),
    row("decrement", [O, 1, "Items", 0, "Quantity"], becomes(1, "Items", 0, "Quantity"), 1),
    row("decrement", [O, 1, "Items", 0, "Quantity"], becomes(0, "Items", 0, "Quantity"), 2, "the-item-stays"),
    row("decrement", [O, 1, "Items", 0, "Quantity"], INV, 3),
    *(
        row(op, [O, 1, *path], INV, 1)
        for op in ("increment", "decrement")
        for path in (
            ["Items", 2, "Quantity"],
            ["Items", "0", "Quantity"],
            ["Items", 0],
            ["Items", 0, "ListingID"],
            ["Items"],
            ["State"],
            ["Unknown"],
            [],
        )
    ),
]

ON_ABSENT = [
    row("add", [O, 9], becomes(OPEN), OPEN, "its-own-id-inside-is-kept"),
    row("add", [O, 9], becomes(COMMITTED | {"TxDetails": PAID}), COMMITTED | {"TxDetails": PAID}),
    row("add", [O, 9], INV, EMPTY | {"State": 7}),
    row("add", [O, 9], INV, EMPTY | {"State": 2}, "canceled-needs-canceled-at"),
    row("add", [O, 9], nf(9), EMPTY | {"Items": [{"ListingID": 9, "Quantity": 0}]}, "quantity-0-counts-here"),
    row("add", [O, 9], nf(), EMPTY | {"ChosenCurrency": {"ChainID": 9, "Address": TOKEN}}),
    row("add", [O, 9, "Items", 0], nf(9), ITEM),
    row("append", [O, 9, "Items"], nf(9), ITEM),
    row("append", [O, 9], nf(9), EMPTY, "absent-before-shape"),
    row("replace", [O, 9], nf(9), EMPTY),
    row("replace", [O, 9, "Unknown"], nf(9), 1),
    row("remove", [O, 9], nf(9)),
    row("increment", [O, 9, "Items", 0, "Quantity"], nf(9), 1),
    row("decrement", [O, 9], nf(9), 1),
    row("add", [O, 0], INV, OPEN),
    row("add", [O, 0, "CanceledAt"], INV, NOW),
    row("append", [O, 0, "Items"], nf(0), ITEM),
    row("replace", [O, 0, "State"], nf(0), 1),
]

ON_EMPTY = [
    row("replace", [O, 2, "State"], INV, 3, "committed-needs-an-item"),
    row("add", [O, 2, "Items", 0], nf(2), ITEM),
    row("append", [O, 2, "Items"], becomes([ITEM], "Items"), ITEM),
    row("add", [O, 2, "InvoiceAddress"], becomes(ADDRESS, "InvoiceAddress"), ADDRESS),
    row("remove", [O, 2, "InvoiceAddress"], INV),
]

FROZEN = [
    row(op, [O, i, "Items", *path], INV, value)
    for i in (3, 4, 5, 6)
    for op, path, value in (
        ("add", [0], ITEM),
        ("append", [], ITEM),
        ("append", [], {"ListingID": 9, "Quantity": 1}),
        ("replace", [], []),
        ("replace", [0], ITEM),
        ("replace", [9], ITEM),
        ("replace", [9, "Quantity"], 1),
        ("remove", [0], None),
        ("remove", [9], None),
        ("increment", [0, "Quantity"], 1),
        ("decrement", [0, "Quantity"], 1),
    )
]

STATE_RULES = [
    row("replace", [O, 3, "State"], becomes(1, "State"), 1),
    row("replace", [O, 3, "State"], INV, 4),
    row("remove", [O, 3, "InvoiceAddress"], loses("InvoiceAddress")),
    row("replace", [O, 4, "State"], INV, 5, "needs-payment-details"),
    row("remove", [O, 4, "InvoiceAddress"], INV, note="the-only-address"),
    row("add", [O, 4, "ShippingAddress"], becomes(SHORT, "ShippingAddress"), SHORT),
    row("replace", [O, 5, "State"], INV, 6, "needs-tx-details"),
    row("replace", [O, 5, "State"], becomes(4, "State"), 4),
    row("remove", [O, 5, "InvoiceAddress"], INV),
    row("replace", [O, 6, "InvoiceAddress", "Name"], becomes("x", "InvoiceAddress", "Name"), "x"),
    row("remove", [O, 6, "InvoiceAddress"], INV),
    row(
        "replace",
        [O, 6, "TxDetails"],
        becomes(PAID | {"TxHash": bytes(32)}, "TxDetails"),
        PAID | {"TxHash": bytes(32)},
    ),
    row(
        "replace",
        [O, 7, "CanceledAt"],
        becomes(datetime(2028, 1, 1, tzinfo=UTC), "CanceledAt"),
        "2028-01-01T00:00:00Z",
    ),
    row("append", [O, 7, "Items"], becomes([*OPEN["Items"], ITEM], "Items"), ITEM, "canceled-is-not-frozen"),
    row("replace", [O, 6], becomes(EMPTY), EMPTY, "a-whole-order-is-no-patch-of-items"),
]


@pytest.mark.parametrize("one", ON_OPEN, ids=str)
def test_row_on_an_open_order(one: Row) -> None:
    check_row(SHOP, one, number(1))


@pytest.mark.parametrize("one", ON_ABSENT, ids=str)
def test_row_on_an_absent_order(one: Row) -> None:
    check_row(SHOP, one, number(9))


@pytest.mark.parametrize("one", ON_EMPTY, ids=str)
def test_row_on_an_empty_order(one: Row) -> None:
    check_row(SHOP, one, number(2))


@pytest.mark.parametrize("one", [*FROZEN, *STATE_RULES], ids=str)
def test_row_by_state(one: Row) -> None:
    check_row(SHOP, one, one.patch.object_id)


NEEDS: dict[OrderState, list[dict[str, Any]]] = {
    OrderState.COMMITTED: [{"Items": []}],
    OrderState.PAYMENT_CHOSEN: [
        {"Items": []},
        {"ChosenPayee": None},
        {"ChosenCurrency": None},
        {"InvoiceAddress": None},
    ],
    OrderState.UNPAID: [
        {"Items": []},
        {"PaymentDetails": None},
        {"ChosenPayee": None},
        {"InvoiceAddress": None},
    ],
    OrderState.PAID: [{"Items": []}, {"TxDetails": None}, {"PaymentDetails": None}, {"ChosenCurrency": None}],
    OrderState.CANCELED: [{"CanceledAt": None}],
    OrderState.OPEN: [],
}


@pytest.mark.parametrize("state", OrderState)
def test_a_whole_order_has_what_its_state_asks_for(state: OrderState) -> None:
    complete = PAID_ORDER | {"CanceledAt": NOW, "State": int(state)}

    assert value_of(applied(SHOP, patch("add", O, 9, value=complete)), ORDER, number(9)) == complete
    for lack in NEEDS[state]:
        assert refused(SHOP, patch("add", O, 9, value=complete | lack)).code is Code.INVALID


@pytest.mark.parametrize("which", ["InvoiceAddress", "ShippingAddress"])
def test_one_of_the_addresses_is_enough(which: str) -> None:
    neither = {name: value for name, value in CHOSEN.items() if name != "InvoiceAddress"}

    check_row(
        SHOP, row("add", [O, 9], becomes(neither | {which: ADDRESS}), neither | {which: ADDRESS}), number(9)
    )


@pytest.mark.parametrize(
    "email",
    ["@b.c", "a@", "a@b", "a@@b.c", "a@b@c.d", "ab.c", "a.b@c", ""],
    ids=lambda email: email or "empty",
)
def test_what_is_no_email_address_is_invalid(email: str) -> None:
    check_row(SHOP, row("replace", [O, 1, "InvoiceAddress", "EmailAddress"], INV, email), number(1))


def test_an_order_stays_patchable_when_a_variation_it_holds_is_gone() -> None:
    gone = patch("remove", "Listings", 1, "Options", "size", "Variations", "s")
    after = applied(
        SHOP,
        gone,
        patch("increment", O, 1, "Items", 1, "Quantity", value=1),
        patch("replace", O, 1, "InvoiceAddress", "Name", value="x"),
        patch("remove", O, 1, "Items", 0),
        patch("replace", O, 1, "State", value=3),
    )

    assert value_of(after, ORDER, number(1))["Items"] == [CHOSEN_ITEM | {"Quantity": 2}]
    assert refused(SHOP, gone, patch("replace", O, 1, "Items", 0, value=CHOSEN_ITEM)).object_id == 1


def test_variations_and_listings_of_the_same_set_count() -> None:
    medium = {"VariationInfo": {"Title": "L", "Description": "L"}}
    new = patch("add", "Listings", 1, "Options", "size", "Variations", "l", value=medium)
    item = patch("append", O, 1, "Items", value=ITEM | {"VariationIDs": ["l"]})

    assert refused(SHOP, item).object_id == 1
    assert applied(SHOP, new, item) != SHOP
    assert (
        refused(SHOP, patch("remove", "Listings", 1), patch("append", O, 1, "Items", value=ITEM)).object_id
        == 1
    )


def test_payees_and_currencies_are_looked_up_as_the_manifest_is_now() -> None:
    payee = patch("remove", "Manifest", "Payees", 1337, PAYEE)
    currency = patch("remove", "Manifest", "AcceptedCurrencies", 1337, TOKEN)

    assert refused(SHOP, payee, patch("add", O, 1, "ChosenPayee", value=CHOICE)).code is Code.NOT_FOUND
    assert (
        refused(SHOP, currency, patch("add", O, 1, "ChosenCurrency", value=CURRENCY)).code is Code.NOT_FOUND
    )
    back = patch("replace", "Manifest", "Payees", value=MANIFEST_VALUE["Payees"])
    assert (
        value_of(
            applied(SHOP, payee, back, patch("add", O, 1, "ChosenPayee", value=CHOICE)), ORDER, number(1)
        )["ChosenPayee"]
        == CHOICE
    )


def test_an_order_is_canceled_in_one_set_or_two() -> None:
    at, state = patch("add", O, 1, "CanceledAt", value=NOW), patch("replace", O, 1, "State", value=2)

    assert applied(SHOP, at, state) == applied(applied(SHOP, at), state)
    assert refused(SHOP, state).code is Code.INVALID
