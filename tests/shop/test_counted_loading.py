"""Objects are taken for the worst until they are decoded, and then for what they are."""

from typing import Any

import pytest

from minirelay.shop import canonical
from minirelay.shop.canonical import dump, read
from minirelay.shop.counted_loading import load
from minirelay.shop.key_cards import KeyCards
from minirelay.shop.objects import Account, Listing, Manifest, Order, Tag
from minirelay.shop.work import HASHED_BYTES, LOOKUP, Work, WorkExceeded

META = {"Title": "t", "Description": "d"}
LISTING = {"ID": 1, "Price": 1, "Metadata": META, "ViewState": 1}
MANIFEST = {
    "ShopID": 1,
    "Payees": {},
    "AcceptedCurrencies": {},
    "PricingCurrency": {"ChainID": 1, "Address": bytes(20)},
}
ADDRESSES = [place.to_bytes(20) for place in range(1000)]
REGION = {"Country": "", "PostalCode": "", "City": ""}
TEXT: Any = {**LISTING, "Metadata": {"Title": "t", "Description": "d" * 100_000}}


def cost(kind: type, value: Any) -> int:
    work = Work()
    data = dump(read(kind, value))
    assert load(kind, data, work) == canonical.load(kind, data)
    return work.spent


@pytest.mark.parametrize(
    ("kind", "value", "least"),
    [
        (Tag, {"Name": "t", "ListingIDs": [1] * 1000}, 2),
        (Order, {"ID": 1, "State": 1, "Items": [{"ListingID": 1, "Quantity": 1}] * 1000}, 32),
        (
            Order,
            {
                "ID": 1,
                "State": 1,
                "Items": [{"ListingID": 1, "Quantity": 1, "VariationIDs": [str(one) for one in range(1000)]}],
            },
            2,
        ),
        (Listing, {**LISTING, "Metadata": {**META, "Images": [""] * 1000}}, 2),
        (Listing, {**LISTING, "StockStatuses": [{"InStock": True}] * 1000}, 64),
        (Listing, {**LISTING, "StockStatuses": [{"InStock": True, "VariationIDs": [""] * 1000}]}, 2),
        (Listing, {**LISTING, "Options": {str(one): {"Title": "t"} for one in range(1000)}}, 64),
        (
            Listing,
            {
                **LISTING,
                "Options": {
                    "o": {
                        "Title": "t",
                        "Variations": {str(one): {"VariationInfo": META} for one in range(1000)},
                    }
                },
            },
            128,
        ),
        (
            Listing,
            {
                **LISTING,
                "Options": {
                    "o": {
                        "Title": "t",
                        "Variations": {"v": {"VariationInfo": {**META, "Images": [""] * 1000}}},
                    }
                },
            },
            2,
        ),
        (Manifest, {**MANIFEST, "Payees": {1: {key: {} for key in ADDRESSES}}}, 32),
        (Manifest, {**MANIFEST, "AcceptedCurrencies": {1: {key: {} for key in ADDRESSES}}}, 32),
        (Manifest, {**MANIFEST, "AcceptedCurrencies": {one + 1: {} for one in range(1000)}}, 64),
        (Manifest, {**MANIFEST, "ShippingRegions": {str(one): REGION for one in range(1000)}}, 64),
        (
            Manifest,
            {
                **MANIFEST,
                "ShippingRegions": {
                    "r": {
                        **REGION,
                        "PriceModifiers": {str(one): {"ModificationPercent": 1} for one in range(1000)},
                    }
                },
            },
            64,
        ),
    ],
)
def test_entries_cost_more_than_text(kind: type, value: Any, least: int) -> None:
    size = len(dump(read(kind, value)))
    assert cost(kind, value) >= 1000 * least + size // 2


def test_text_costs_half_a_unit_a_byte() -> None:
    assert 50_000 < cost(Listing, TEXT) < 50_300


def test_key_cards_are_one_piece() -> None:
    cards = [b"\x02" + one.to_bytes(32) for one in range(10_000)]
    assert cost(Account, {"KeyCards": cards, "Guest": True}) < 350_000 // 32 + 100


@pytest.mark.parametrize("surplus", [0, 1])
def test_nothing_is_decoded_that_might_be_too_much(surplus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = dump(read(Listing, TEXT))
    work = Work(2 * len(data) + 10)
    work.spend(10 + surplus)
    if not surplus:
        load(Listing, data, work)
        return
    monkeypatch.setattr(canonical, "load", None)
    with pytest.raises(WorkExceeded):
        load(Listing, data, work)


@pytest.mark.parametrize("surplus", [0, 1])
def test_an_account_is_not_decoded_that_could_not_be_hashed(surplus: int) -> None:
    data = dump(Account(key_cards=KeyCards([bytes(33)] * 10_000), guest=True))
    work = Work(LOOKUP + len(data) // 32 + len(data) // HASHED_BYTES)
    work.spend(surplus)
    if not surplus:
        load(Account, data, work)
        return
    with pytest.raises(WorkExceeded):
        load(Account, data, work)
    assert work.spent == surplus
