from hashlib import sha256
from typing import Any

import cbor2
import pytest
from massmarket.cbor.order import Order as OracleOrder

from minirelay.errors import Code, Refusal
from minirelay.protocol.cbor import encode
from minirelay.protocol.patch_set import NewPatch, Patch, decode_patch
from minirelay.shop.canonical import dump, load, read
from minirelay.shop.objects import Order
from minirelay.shop.order_states import OrderState
from minirelay.shop.payment_details import listing_snapshots, payment_details, payment_patches
from minirelay.shop.payment_request import PaymentRequest, payment_id
from minirelay.shop.state import ShopState
from minirelay.shop.work import Work, WorkExceeded
from tests.shop.patching import LISTING, ORDER, PAYEE, TOKEN, applied, number, shop

INFO = {"Title": "x", "Description": "x"}
ADDRESS = {
    "Name": "Jane Doe",
    "Address1": "1 Main St",
    "City": "Anytown",
    "PostalCode": "12345",
    "Country": "US",
    "EmailAddress": "jane@example.com",
}
ORDER_VALUE: dict[str, Any] = {
    "ID": 1,
    "Items": [{"ListingID": i, "Quantity": q} for i, q in ((2, 1), (1, 0), (2, 5), (3, 1))],
    "State": 4,
    "ShippingAddress": ADDRESS,
    "ChosenPayee": {"Address": {"ChainID": 1337, "Address": PAYEE}, "CallAsContract": True},
    "ChosenCurrency": {"ChainID": 1337, "Address": TOKEN},
}


def listing_value(listing_id: int) -> Any:
    return {"ID": listing_id, "Price": 2**100 + listing_id, "Metadata": INFO, "ViewState": 1}


def state(listing_ids: tuple[int, ...] = (1, 2, 3), **changed: Any) -> ShopState:
    listings = [(LISTING, number(i), listing_value(i)) for i in listing_ids]
    return shop(*listings, (ORDER, number(1), ORDER_VALUE | changed))


def order_in(of: ShopState) -> Order:
    data = of.orders.get(number(1))
    assert data is not None
    return load(Order, data)


def request(amount: int, ttl: int = 1_750_000_000) -> PaymentRequest:
    return PaymentRequest(
        chain_id=1337, ttl=ttl, currency=TOKEN, amount=amount, payee=PAYEE, shop_id=2**255 + 7
    )


def as_received(new: NewPatch) -> Patch:
    """Encode a patch the way sets are sealed."""
    return decode_patch(encode({"Op": new.op, "Path": list(new.path), "Value": new.value}))


def unpaid(before: ShopState, amount: int, ttl: int = 1_750_000_000) -> tuple[ShopState, tuple[Patch, ...]]:
    """Do what the relay does behind a choice."""
    order = order_in(before)
    details = payment_details(request(amount, ttl), listing_snapshots(before, order))
    patches = tuple(map(as_received, payment_patches(1, order, details)))
    return applied(before, *patches), patches


# Listings as they were sold


def test_each_items_listing_is_hashed_in_order_quantity_0_included() -> None:
    before = state()
    expected = [sha256(encode(listing_value(i))).digest() for i in (2, 1, 2, 3)]
    snapshots = listing_snapshots(before, order_in(before))
    assert [one.hash for one in snapshots] == expected
    assert [cbor2.loads(one.data) for one in snapshots] == [listing_value(i) for i in (2, 1, 2, 3)]


def test_listing_that_is_gone_is_named_also_with_quantity_0() -> None:
    before = state(listing_ids=(2, 3))
    with pytest.raises(Refusal) as caught:
        listing_snapshots(before, order_in(before))
    assert (caught.value.code, caught.value.object_id) == (Code.NOT_FOUND, 1)


def test_hashing_large_listings_costs_work_once_each() -> None:
    large = listing_value(1) | {"Metadata": INFO | {"Description": "x" * 160_000}}
    items = [{"ListingID": 1, "Quantity": 1}] * 100
    before = shop((LISTING, number(1), large), (ORDER, number(1), ORDER_VALUE | {"Items": items}))
    assert len(listing_snapshots(before, order_in(before), Work(most=20_000))) == 100
    with pytest.raises(WorkExceeded):
        listing_snapshots(before, order_in(before), Work(most=9_000))


# What is written


def test_details_say_what_is_asked_for() -> None:
    before = state()
    snapshots = listing_snapshots(before, order_in(before))
    details = payment_details(request(36_600), snapshots)
    assert details.payment_id == payment_id(request(36_600))
    assert (details.total, details.ttl) == (36_600, 1_750_000_000)
    assert details.listing_hashes == [one.hash for one in snapshots]
    assert details.shop_signature == bytes(65)


def test_computing_a_payment_id_costs_work() -> None:
    """It takes a good half of what recovering a signer takes."""
    work = Work()
    payment_details(request(5), listing_snapshots(state(), order_in(state())), work)
    assert 1000 <= work.spent <= 3000
    with pytest.raises(WorkExceeded):
        payment_details(request(5), (), Work(most=1000))


@pytest.mark.parametrize("amount", [0, 1, 2**64 - 1, 2**64, 2**256 - 1])
def test_order_becomes_unpaid_with_the_details(amount: int) -> None:
    after, _ = unpaid(state(), amount)
    order = order_in(after)
    assert order.state is OrderState.UNPAID
    assert order.payment_details is not None
    assert order.payment_details.total == amount


def test_first_choice_adds_details_and_a_later_one_replaces_them() -> None:
    first, patches = unpaid(state(), 5)
    assert [(one.op, one.path) for one in patches] == [
        ("add", ("Orders", 1, "PaymentDetails")),
        ("replace", ("Orders", 1, "State")),
    ]
    chosen_again = applied(first, as_received(NewPatch("replace", ("Orders", 1, "State"), 4)))
    second, patches = unpaid(chosen_again, 6, ttl=1_750_000_001)
    assert [(one.op, one.path) for one in patches] == [
        ("replace", ("Orders", 1, "PaymentDetails")),
        ("replace", ("Orders", 1, "State")),
    ]
    order = order_in(second)
    assert order.payment_details is not None
    assert (order.payment_details.total, order.payment_details.ttl) == (6, 1_750_000_001)
    assert order.state is OrderState.UNPAID


@pytest.mark.parametrize(
    ("amount", "encoded"),
    [
        (23, b"\x17"),
        (24, b"\x18\x18"),
        (36_600, b"\x19\x8e\xf8"),
        (2**64 - 1, b"\x1b" + b"\xff" * 8),
        (2**64, b"\xc2\x49\x01" + bytes(8)),
    ],
)
def test_numbers_are_in_their_shortest_form(amount: int, encoded: bytes) -> None:
    """Browser clients refuse a bigint where a number would do."""
    _, (details, state_patch) = unpaid(state(), amount)
    total = details.raw.index(b"\x65Total")
    assert details.raw[total + 6 :].startswith(encoded)
    ttl = details.raw.index(b"\x63TTL")
    assert details.raw[ttl + 4 :].startswith(b"\x1a" + (1_750_000_000).to_bytes(4))
    assert state_patch.raw.endswith(b"\x65Value\x05")


# An independent oracle


@pytest.mark.parametrize("amount", [0, 36_600, 2**200])
def test_reference_types_read_the_resulting_order(amount: int) -> None:
    after, _ = unpaid(state(), amount)
    data = after.orders.get(number(1))
    assert data is not None
    oracle = OracleOrder.from_cbor(data)
    details = oracle.payment_details
    assert oracle.state == OrderState.UNPAID
    assert int(details.total) == amount
    assert details.payment_id == payment_id(request(amount))
    assert (details.ttl, details.shop_signature) == (1_750_000_000, bytes(65))
    assert len(details.listing_hashes) == len(oracle.items) == 4
    assert encode(oracle.to_cbor_dict()) == data == dump(read(Order, cbor2.loads(data)))
