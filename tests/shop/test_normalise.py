from datetime import UTC, datetime
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.shop import normalise as normalising
from minirelay.shop import objects
from minirelay.shop.normalise import Misspelt
from minirelay.shop.objects import (
    Account,
    Listing,
    ListingMetadata,
    ListingOption,
    ListingStockStatus,
    ListingVariation,
    Manifest,
    Order,
    OrderedItem,
    Payee,
    PayeeMetadata,
    PriceModifier,
    ShippingRegion,
    Tag,
)

NATIVE = bytes(20)
NOON = datetime(2025, 5, 21, 12, 30, tzinfo=UTC)


def normalise(kind: Any, value: Any) -> Any:
    return normalising.normalise(kind, value)


def complaint(kind: Any, value: Any) -> str:
    with pytest.raises(Misspelt) as caught:
        normalise(kind, value)
    return f"{caught.value.path} {caught.value.reason}"


@pytest.mark.parametrize("spelling", ["Title", "title", "TITLE", "tItLe"])
def test_field_names_come_in_any_case(spelling: str) -> None:
    assert normalise(ListingMetadata, {spelling: "Tea"}) == {"Title": "Tea"}


@pytest.mark.parametrize("spelling", ["Titlé", "T\u0131tle", " Title", "Title ", "Titles", ""])
def test_other_names_are_no_spelling(spelling: str) -> None:
    assert normalise(ListingMetadata, {spelling: "Tea"}) == {}


def test_only_ascii_letters_change_their_case() -> None:
    # The Kelvin sign is a K in small letters.
    assert normalise(Account, {"\u212aeyCards": [b"x"]}) == {"KeyCards": []}


@pytest.mark.parametrize("key", ["Unknown", 1, b"Title", 2**64 - 1])
def test_unknown_fields_are_dropped(key: Any) -> None:
    assert normalise(ListingMetadata, {key: {"deep": [1]}, "Title": "Tea"}) == {"Title": "Tea"}
    assert normalise(ListingMetadata, {key: 1, "title": "Tea"}) == {"Title": "Tea"}


@pytest.mark.parametrize("order", [1, -1])
def test_the_exact_spelling_wins(order: int) -> None:
    entries = [("title", "small"), ("Title", "exact")][::order]
    assert normalise(ListingMetadata, dict(entries)) == {"Title": "exact"}


def test_the_exact_spelling_wins_also_with_null() -> None:
    assert normalise(ListingMetadata, {"images": ["x"], "Images": None}) == {}


@pytest.mark.parametrize("values", [("a", "b"), ("a", "a"), (None, "a"), ("a", None)])
def test_two_inexact_spellings_of_a_field_are_refused(values: tuple[Any, Any]) -> None:
    value = {"title": values[0], "TITLE": values[1]}
    assert complaint(ListingMetadata, value) == ".Title comes twice"
    assert complaint(Listing, {"Metadata": value}) == ".Metadata.Title comes twice"


def test_a_misspelt_percentage_is_one() -> None:
    assert normalise(PriceModifier, {"ModificationPrecents": 5}) == {"ModificationPercent": 5}
    assert normalise(PriceModifier, {"modificationprecents": 5}) == {"ModificationPercent": 5}
    both = {"ModificationPrecents": 5, "ModificationPercent": 6}
    assert normalise(PriceModifier, both) == {"ModificationPercent": 6}
    twice = {"ModificationPrecents": 5, "modificationPercent": 6}
    assert complaint(PriceModifier, twice) == ".ModificationPercent comes twice"
    assert normalise(ListingMetadata, {"ModificationPrecents": 5}) == {}


@pytest.mark.parametrize("name", ["ModificationPercent", "ModificationPrecents", "modificationPercent"])
@pytest.mark.parametrize("absolute", [{"Amount": 1, "Plus": True}, {}, None, "nonsense", {"Amount": 2**256}])
def test_of_two_kinds_of_price_modifier_the_percentage_counts(name: str, absolute: Any) -> None:
    assert normalise(PriceModifier, {"ModificationAbsolute": absolute, name: 5}) == {"ModificationPercent": 5}


def test_a_null_percentage_leaves_the_absolute_modifier() -> None:
    value = {"ModificationPercent": None, "modificationAbsolute": {"amount": 1, "plus": True}}
    assert normalise(PriceModifier, value) == {"ModificationAbsolute": {"Amount": 1, "Plus": True}}


def test_spellings_are_accepted_at_every_depth() -> None:
    listing = {
        "id": 1,
        "price": b"\x01\x00",
        "metadata": {"title": "Tea", "DESCRIPTION": "Green"},
        "options": {
            "Size": {
                "title": "Size",
                "variations": {
                    "Small": {
                        "variationInfo": {"title": "S", "description": "Small"},
                        "priceModifier": {"modificationPrecents": b"\x5a"},
                        "sku": "S-1",
                    }
                },
            }
        },
        "stockstatuses": [{"variationids": ["Small"], "instock": True, "ExpectedInStockby": 0}],
    }
    assert normalise(Listing, listing) == {
        "ID": 1,
        "Price": 256,
        "Metadata": {"Title": "Tea", "Description": "Green"},
        "ViewState": 0,
        "Options": {
            "Size": {
                "Title": "Size",
                "Variations": {
                    "Small": {
                        "VariationInfo": {"Title": "S", "Description": "Small"},
                        "PriceModifier": {"ModificationPercent": 90},
                        "SKU": "S-1",
                    }
                },
            }
        },
        "StockStatuses": [
            {
                "VariationIDs": ["Small"],
                "InStock": True,
                "ExpectedInStockBy": datetime(1970, 1, 1, tzinfo=UTC),
            }
        ],
    }


def test_the_keys_of_maps_keep_their_case() -> None:
    regions = {"DE": {"country": "DE"}, "de": {"country": "de"}}
    assert normalise(Manifest, {"shippingregions": regions})["ShippingRegions"] == {
        "DE": {"Country": "DE"},
        "de": {"Country": "de"},
    }


@pytest.mark.parametrize(
    ("kind", "name", "empty"),
    [
        (Listing, "Options", {}),
        (Listing, "StockStatuses", []),
        (ListingOption, "Variations", {}),
        (ListingMetadata, "Images", []),
        (ShippingRegion, "PriceModifiers", {}),
        (ListingVariation, "SKU", ""),
        (objects.AddressDetails, "Address2", ""),
        (objects.AddressDetails, "PhoneNumber", ""),
        (OrderedItem, "VariationIDs", []),
        (Manifest, "ShippingRegions", {}),
    ],
)
def test_what_the_canonical_form_omits_when_empty_is_absent_when_empty(
    kind: type, name: str, empty: Any
) -> None:
    assert name not in normalise(kind, {name: empty})
    assert name not in normalise(kind, {name: None})
    others: list[Any] = [{}, [], "", 0, False, b""]
    for other in others:
        if type(other) is not type(empty):
            assert normalise(kind, {name: other})[name] == other


@pytest.mark.parametrize("absent", [{}, {"null": None}])
@pytest.mark.parametrize(
    ("kind", "name", "meaning"),
    [
        (Manifest, "Payees", {}),
        (Manifest, "AcceptedCurrencies", {}),
        (Account, "KeyCards", []),
        (PayeeMetadata, "CallAsContract", False),
        (Payee, "CallAsContract", False),
        (Listing, "ViewState", 0),
        (ListingStockStatus, "VariationIDs", []),
        (Tag, "ListingIDs", []),
    ],
)
def test_some_fields_mean_something_when_absent(
    kind: type, name: str, meaning: Any, absent: dict[str, None]
) -> None:
    made = normalise(kind, {name: None} if absent else {})
    assert made[name] == meaning
    assert type(made[name]) is type(meaning)


def test_what_absence_means_is_made_anew_each_time() -> None:
    first, second = normalise(Tag, {}), normalise(Tag, {})
    assert first["ListingIDs"] is not second["ListingIDs"]


def test_required_fields_stay_absent() -> None:
    assert normalise(Order, {"ID": 1, "Items": None, "State": None}) == {"ID": 1}


def test_a_client_that_calls_its_empty_list_listings() -> None:
    assert normalise(Tag, {"Name": "hot", "Listings": []}) == {"Name": "hot", "ListingIDs": []}


@pytest.mark.parametrize("content", [None, {}, {"decimals": 18}, {1: [b"", {}]}])
def test_nothing_of_an_accepted_currencys_value_is_kept(content: Any) -> None:
    value = {"AcceptedCurrencies": {1: {NATIVE: content}}}
    assert normalise(Manifest, value)["AcceptedCurrencies"] == {1: {NATIVE: {}}}
    assert normalise(objects.EmptyMap, content) == {}


def test_null_is_an_empty_map_inside_maps_too() -> None:
    value = {"Payees": {1: None}, "AcceptedCurrencies": {1: None}}
    assert normalise(Manifest, value) == {"Payees": {1: {}}, "AcceptedCurrencies": {1: {}}}
    assert normalise(objects.Payees, None) == {}
    assert normalise(objects.ShippingRegions, None) == {}


@pytest.mark.parametrize(
    ("raw", "number"),
    [(b"\x00", 0), (b"\x00" * 32, 0), (b"\xff" * 32, 2**256 - 1), (b"\x01\x00", 256), (7, 7)],
)
def test_uint256_come_as_bytes_or_integers(raw: Any, number: int) -> None:
    assert normalise(objects.Uint256, raw) == number


def test_integers_have_bounds() -> None:
    assert complaint(objects.Uint256, 2**256) == " must be at most 256 bits"
    assert complaint(objects.Uint256, -1) == " must not be negative"
    assert complaint(objects.Uint256, b"") == " must be 1 to 32 bytes, or an integer"
    assert complaint(objects.Uint256, bytes(33)) == " must be 1 to 32 bytes, or an integer"
    assert complaint(objects.Uint64, 2**64) == " must be at most 64 bits"
    assert complaint(objects.Uint64, -1) == " must not be negative"
    assert complaint(Tag, {"ListingIDs": [1, 2**64]}) == ".ListingIDs[1] must be at most 64 bits"
    assert complaint(objects.Payees, {2**64: {}}) == "[...] must be at most 64 bits"


def test_only_uint256_come_as_bytes() -> None:
    assert normalise(objects.Uint64, b"\x01") == b"\x01"
    assert normalise(objects.Uint32, b"\x01") == b"\x01"


@pytest.mark.parametrize(
    "raw",
    [
        NOON,
        "2025-05-21T12:30:00Z",
        "2025-05-21t14:30:00.987+02:00",
        1747830600,
    ],
)
def test_times_come_in_all_the_forms_of_spec_02(raw: Any) -> None:
    assert normalise(datetime, raw) == NOON
    assert normalise(Order, {"CanceledAt": raw}) == {"CanceledAt": NOON}


@pytest.mark.parametrize("raw", ["", "noon", "2025-05-21T12:30:00", "2025-02-30T00:00:00Z", -1, 2**64])
def test_what_is_no_time_is_refused(raw: Any) -> None:
    assert complaint(Order, {"CanceledAt": raw}).startswith(".CanceledAt is no time: ")


@pytest.mark.parametrize(
    ("kind", "value", "place"),
    [
        (ListingMetadata, {"Title": "\ud800"}, ".Title"),
        (ListingMetadata, {"Images": ["a", "\udfff"]}, ".Images[1]"),
        (objects.Options, {"\ud800": {}}, "[...]"),
        (OrderedItem, {"VariationIDs": ["ä\udcff"]}, ".VariationIDs[0]"),
    ],
)
def test_text_without_a_utf_8_form_is_refused(kind: Any, value: Any, place: str) -> None:
    assert complaint(kind, value) == f"{place} must be valid Unicode"


def test_values_of_a_wrong_type_pass_unchanged() -> None:
    assert normalise(Listing, [1]) == [1]
    assert normalise(Listing, None) is None
    value = {"Options": [1], "StockStatuses": {"a": 1}, "Price": "1", "Metadata": 5, "ViewState": True}
    assert normalise(Listing, value) == value
    assert normalise(datetime, True) is True


def test_the_value_itself_stays_as_it_was() -> None:
    value: Any = {"title": "x", "images": [], "Metadata": {"title": None}, "Payees": None}
    before = cbor2.dumps(value)
    for kind in (Listing, Manifest, ListingMetadata):
        normalise(kind, value)
    assert cbor2.dumps(value) == before


NAMES = ["ID", "id", "Metadata", "metadata", "title", "Options", "Variations", "Items", "Price"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(0, 2**256 - 1)
    | st.text(max_size=5)
    | st.binary(max_size=40)
    | st.datetimes(timezones=st.just(UTC))
)
KEYS = st.sampled_from(NAMES) | st.integers(0, 2**64) | st.binary(max_size=20) | st.text(max_size=3)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from([Listing, Manifest, Order, Tag, Account]), ANYTHING)
@settings(derandomize=True, max_examples=300, deadline=None)
def test_anything_at_all_is_respelt_for_good_or_refused(kind: type, value: Any) -> None:
    try:
        once = normalise(kind, value)
    except Misspelt:
        return
    assert normalise(kind, once) == once
