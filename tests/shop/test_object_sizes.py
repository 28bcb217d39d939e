"""How large clients may make objects, at the bound and one byte beyond."""

from datetime import UTC, datetime
from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.objects import ObjectType
from minirelay.shop.object_sizes import check_sizes, counted_bytes
from minirelay.shop.state import Change, ShopState
from tests.limits import WRITES
from tests.shop.patching import (
    ACCOUNT,
    LISTING,
    MANIFEST,
    MANIFEST_VALUE,
    ORDER,
    TAG,
    canonical,
    number,
    shop,
)

KIB = 1024
LIMITS = WRITES.objects
KEY = number(5)
ITEM = {"ListingID": 1, "Quantity": 1}
DETAILS = {
    "PaymentID": bytes(32),
    "Total": 2**255,
    "ListingHashes": [bytes(60)] * 100,
    "TTL": 1,
    "ShopSignature": bytes(65),
}
META = {"Title": "t", "Description": "d"}


def order(size: int, **fields: Any) -> dict[str, Any]:
    """Make an order of this many bytes, not counting the other fields."""

    def made(name: str) -> dict[str, Any]:
        address = {"Name": name, **dict.fromkeys(("Address1", "City", "PostalCode", "Country"), "a")}
        return {
            "ID": 5,
            "State": 1,
            "Items": [ITEM],
            "InvoiceAddress": {**address, "EmailAddress": "a@b.example"},
        }

    plain = made("x" * 300)
    return made("x" * (300 + size - len(canonical(ORDER, plain)))) | fields


def large(object_type: ObjectType, size: int) -> Any:
    """Make an object of another type with this many bytes."""

    def made(length: int) -> Any:
        text = "x" * length
        match object_type:
            case ObjectType.LISTING:
                return {"ID": 5, "Price": 1, "ViewState": 1, "Metadata": {"Title": "t", "Description": text}}
            case ObjectType.TAG:
                return {"Name": text, "ListingIDs": []}
            case ObjectType.MANIFEST:
                region = {"Country": text, "PostalCode": "", "City": ""}
                return {**MANIFEST_VALUE, "ShippingRegions": {"a": region}}
        raise AssertionError(object_type)

    return made(70_000 + size - len(canonical(object_type, made(70_000))))


def check(object_type: ObjectType, before: Any, after: Any) -> None:
    key = {MANIFEST: b"", TAG: b"t", ACCOUNT: bytes(20)}.get(object_type, KEY)

    def state(value: Any) -> Any:
        if object_type is MANIFEST:
            return shop(manifest=value)
        return shop() if value is None else shop((object_type, key, value))

    check_sizes([change(state(before), state(after), object_type, key)], LIMITS)


def change(before: ShopState, after: ShopState, object_type: ObjectType, key: bytes) -> Change:
    return Change(object_type, key, after.get(object_type, key), before.get(object_type, key))


def refused(object_type: ObjectType, before: Any, after: Any) -> str:
    with pytest.raises(Refusal) as caught:
        check(object_type, before, after)
    assert caught.value.code is Code.INVALID
    return caught.value.message


def test_an_order_has_at_most_64_kib() -> None:
    at_most, beyond = order(64 * KIB), order(64 * KIB + 1)
    assert len(canonical(ORDER, at_most)) == 64 * KIB
    check(ORDER, None, at_most)
    check(ORDER, order(600), at_most)
    for before in (None, order(600), at_most):
        assert refused(ORDER, before, beyond) == (
            "the order would have 65537 bytes in its canonical form, more than 65536"
        )


def test_what_the_relay_adds_does_not_count() -> None:
    at_most = order(
        64 * KIB,
        PaymentDetails=DETAILS,
        TxDetails={"BlockHash": bytes(32)},
        CanceledAt=datetime(2025, 6, 1, tzinfo=UTC),
    )
    assert len(canonical(ORDER, at_most)) > 70 * KIB
    assert counted_bytes(ORDER, canonical(ORDER, at_most)) == 64 * KIB
    check(ORDER, None, at_most)
    refused(ORDER, None, order(64 * KIB + 1, PaymentDetails=DETAILS))


@pytest.mark.parametrize("object_type", [LISTING, TAG, MANIFEST])
def test_others_have_at_most_a_mebibyte(object_type: ObjectType) -> None:
    at_most, beyond = large(object_type, 1024 * KIB), large(object_type, 1024 * KIB + 1)
    assert len(canonical(object_type, at_most)) == 1024 * KIB
    before = MANIFEST_VALUE if object_type is MANIFEST else None
    check(object_type, before, at_most)
    refused(object_type, before, beyond)
    refused(object_type, at_most, beyond)


@pytest.mark.parametrize(("object_type", "most"), [(ORDER, 64 * KIB), (LISTING, 1024 * KIB)])
def test_what_is_over_the_limit_may_shrink_but_not_grow(object_type: ObjectType, most: int) -> None:
    def sized(size: int) -> Any:
        return order(size) if object_type is ORDER else large(object_type, size)

    check(object_type, sized(most + 500), sized(most + 499))
    check(object_type, sized(most + 500), sized(most + 500))
    check(object_type, sized(most + 500), None)
    refused(object_type, sized(most + 500), sized(most + 501))


def test_growth_by_the_relays_fields_lets_a_client_go_on() -> None:
    check(ORDER, order(64 * KIB + 9), order(64 * KIB + 9, CanceledAt=datetime(2025, 6, 1, tzinfo=UTC)))
    refused(ORDER, order(64 * KIB + 9, PaymentDetails=DETAILS), order(64 * KIB + 10))


def test_accounts_have_no_limit() -> None:
    cards = [b"\x02" + one.to_bytes(32) for one in range(40_000)]
    check(ACCOUNT, None, {"KeyCards": cards, "Guest": True})


def test_each_object_of_a_set_is_checked() -> None:
    keys = [number(one) for one in range(5, 8)]
    before, small = shop(), order(600)
    after = shop(*[(ORDER, key, small) for key in keys[:2]], (ORDER, keys[2], order(64 * KIB + 1)))
    with pytest.raises(Refusal):
        check_sizes([change(before, after, ORDER, key) for key in keys], LIMITS)
    check_sizes([change(before, after, ORDER, key) for key in keys[:2]], LIMITS)
