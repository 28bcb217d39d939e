from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import cbor2
import pytest

from minirelay.protocol.cbor import encode
from minirelay.shop.encoding import encoder_for
from minirelay.shop.objects import (
    Account,
    AddressDetails,
    ChainAddress,
    Listing,
    ListingMetadata,
    ListingOption,
    ListingStockStatus,
    ListingVariation,
    Manifest,
    ModificationAbsolute,
    Order,
    OrderedItem,
    Payee,
    PayeeMetadata,
    PaymentDetails,
    PriceModifier,
    ShippingRegion,
    Tag,
    ViewState,
)
from minirelay.shop.order_states import OrderState

NATIVE = ChainAddress(chain_id=1, address=bytes(20))
METADATA = ListingMetadata(title="Tea", description="Green")


def encoded(obj: Any) -> Any:
    """Encode, and decode with another library what is canonical in the eyes of both."""
    kind: type = type(obj)
    data = encoder_for(kind)(obj)
    value = cbor2.loads(data)
    assert data == cbor2.dumps(value, canonical=True) == encode(value)
    return value


EDGES = [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1]


@pytest.mark.parametrize("number", [*EDGES, 2**64, 2**64 + 1, 2**248 - 1, 2**248, 2**256 - 1])
def test_integers_take_the_fewest_bytes(number: int) -> None:
    assert encoded(number) == number


def test_a_negative_number_is_never_written() -> None:
    for number in (-1, -255, -(2**64)):
        with pytest.raises((ValueError, OverflowError)):
            encoder_for(int)(number)


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65535, 65536])
def test_lengths_take_the_fewest_bytes(size: int) -> None:
    assert encoded(Tag(name="x" * size, listing_ids=[1] * size)) == {
        "Name": "x" * size,
        "ListingIDs": [1] * size,
    }
    assert len(encoded(Account(key_cards=[bytes(33)] * size, guest=False))["KeyCards"]) == size
    details = PaymentDetails(
        payment_id=bytes(32), total=1, listing_hashes=[bytes(size)], ttl=1, shop_signature=bytes(65)
    )
    assert len(encoded(details)["ListingHashes"][0]) == size
    regions = {
        str(number): ShippingRegion(country="", postal_code="", city="") for number in range(size // 16)
    }
    manifest = Manifest(
        shop_id=1, payees={}, accepted_currencies={}, pricing_currency=NATIVE, shipping_regions=regions
    )
    assert len(encoded(manifest).get("ShippingRegions", ())) == size // 16


@pytest.mark.parametrize("size", [1, 63, 64, 65, 500])
def test_long_lists_are_written_as_short_ones_are(size: int) -> None:
    texts = ["", "a", "ä" * 200, "x" * 70_000]
    tag = Tag(name="n", listing_ids=(EDGES * size)[:size])
    about = ListingMetadata(title="t", description="d", images=(texts * size)[:size])
    hashes = ([bytes(one) for one in (0, 23, 24, 300, 66_000)] * size)[:size]
    details = PaymentDetails(
        payment_id=bytes(32), total=1, listing_hashes=hashes, ttl=1, shop_signature=bytes(65)
    )
    assert encoded(tag)["ListingIDs"] == tag.listing_ids
    assert encoded(about)["Images"] == about.images
    assert encoded(details)["ListingHashes"] == hashes


def test_text_is_counted_in_bytes() -> None:
    assert encoded(Tag(name="ä" * 20, listing_ids=[]))["Name"] == "ä" * 20


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2025, 5, 21, 12, 30, tzinfo=UTC), "2025-05-21T12:30:00Z"),
        (datetime(2025, 5, 21, 12, 30, 1, 999999, tzinfo=UTC), "2025-05-21T12:30:01Z"),
        (datetime(2025, 5, 21, 0, 0, tzinfo=timezone(timedelta(hours=2))), "2025-05-20T22:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "9999-12-31T23:59:59Z"),
    ],
)
def test_times_are_utc_text_of_whole_seconds(time: datetime, text: str) -> None:
    order = Order(id=1, items=[], state=OrderState.CANCELED, canceled_at=time)
    assert b"\x6aCanceledAt\xc0\x74" + text.encode() in encoder_for(Order)(order)


def test_a_time_without_a_zone_is_never_written() -> None:
    order = Order(id=1, items=[], state=OrderState.CANCELED, canceled_at=datetime(2025, 5, 21))
    with pytest.raises(ValueError, match="zone"):
        encoder_for(Order)(order)


def test_a_required_field_is_never_left_out() -> None:
    broken: Any = None
    for obj in (
        Tag(name=broken, listing_ids=[]),
        Tag(name="x", listing_ids=broken),
        PayeeMetadata(call_as_contract=broken),
        Payee(address=broken, call_as_contract=True),
        OrderedItem(listing_id=1, quantity=broken),
    ):
        with pytest.raises((TypeError, AttributeError, KeyError)):
            encoder_for(type(obj))(obj)


def test_keys_of_maps_are_sorted_by_their_encoding() -> None:
    payees = {
        chain: {bytes([i]) * 20: PayeeMetadata(call_as_contract=True) for i in (9, 1, 5)}
        for chain in (2**32, 256, 24, 23, 1, 0, 255, 2**64 - 1)
    }
    regions = {
        name: ShippingRegion(country="", postal_code="", city="") for name in ("b", "aa", "", "ä", "Z", "a")
    }
    manifest = Manifest(
        shop_id=0, payees=payees, accepted_currencies={}, pricing_currency=NATIVE, shipping_regions=regions
    )
    value = encoded(manifest)
    assert list(value["Payees"]) == [0, 1, 23, 24, 255, 256, 2**32, 2**64 - 1]
    assert [address[0] for address in value["Payees"][0]] == [1, 5, 9]
    assert list(value["ShippingRegions"]) == ["", "Z", "a", "b", "aa", "ä"]


@pytest.mark.parametrize("is_empty", [True, False])
def test_what_is_omitted_when_absent_or_empty(is_empty: bool) -> None:
    nothing: Any = {} if is_empty else None
    no_list: Any = [] if is_empty else None
    no_text = "" if is_empty else None
    listing = Listing(
        id=1,
        price=0,
        metadata=ListingMetadata(title="x", description="x", images=no_list),
        view_state=ViewState.UNSPECIFIED,
        options=nothing,
        stock_statuses=no_list,
    )
    assert set(encoded(listing)) == {"ID", "Price", "Metadata", "ViewState"}
    assert set(encoded(listing)["Metadata"]) == {"Title", "Description"}
    assert set(encoded(ListingOption(title="x", variations=nothing))) == {"Title"}
    assert set(encoded(ListingVariation(variation_info=METADATA, sku=no_text))) == {"VariationInfo"}
    region = ShippingRegion(country="", postal_code="", city="", price_modifiers=nothing)
    assert encoded(region) == {"Country": "", "PostalCode": "", "City": ""}
    manifest = Manifest(
        shop_id=0, payees={}, accepted_currencies={}, pricing_currency=NATIVE, shipping_regions=nothing
    )
    assert "ShippingRegions" not in encoded(manifest)
    item = OrderedItem(listing_id=1, quantity=0, variation_ids=no_list)
    assert encoded(item) == {"ListingID": 1, "Quantity": 0}
    address = AddressDetails(
        name="x",
        address1="x",
        address2=no_text,
        city="x",
        postal_code="x",
        country="x",
        email_address="a@b.c",
        phone_number=no_text,
    )
    assert not {"Address2", "PhoneNumber"} & set(encoded(address))


def test_what_stays_when_empty_or_zero() -> None:
    manifest = Manifest(
        shop_id=0, payees={5: {}}, accepted_currencies={1: {bytes(20): {}}, 2: {}}, pricing_currency=NATIVE
    )
    assert encoded(manifest) == {
        "ShopID": 0,
        "Payees": {5: {}},
        "AcceptedCurrencies": {1: {bytes(20): {}}, 2: {}},
        "PricingCurrency": {"ChainID": 1, "Address": bytes(20)},
    }
    listing = Listing(id=1, price=0, metadata=METADATA, view_state=ViewState.UNSPECIFIED)
    assert (encoded(listing)["Price"], encoded(listing)["ViewState"]) == (0, 0)
    assert encoded(Order(id=1, items=[], state=OrderState.OPEN)) == {"ID": 1, "Items": [], "State": 1}
    assert encoded(Tag(name="x", listing_ids=[])) == {"Name": "x", "ListingIDs": []}
    assert encoded(Account(key_cards=[], guest=False)) == {"KeyCards": [], "Guest": False}
    assert encoded(ListingStockStatus(variation_ids=[], in_stock=False)) == {
        "VariationIDs": [],
        "InStock": False,
    }
    assert encoded(PriceModifier(modification_percent=0)) == {"ModificationPercent": 0}
    assert encoded(ModificationAbsolute(amount=0, plus=False)) == {"Amount": 0, "Plus": False}
