"""The table of spec 03, field by field: what each type takes and what it refuses."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.shop.canonical import read
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
    OrderPaid,
    Payee,
    PayeeMetadata,
    PaymentDetails,
    PriceModifier,
    ShippingRegion,
    Tag,
    ViewState,
    repeated_variation,
)
from minirelay.shop.order_states import OrderState

NATIVE = bytes(20)
CHAIN_ADDRESS: Any = {"ChainID": 1, "Address": NATIVE}
METADATA: Any = {"Title": "Tea", "Description": "Green"}
VARIATION: Any = {"VariationInfo": METADATA}
REGION: Any = {"Country": "", "PostalCode": "", "City": ""}

# One object of each type, with nothing in it that could be left out.
LEAST: dict[type, Any] = {
    Manifest: {"ShopID": 1, "Payees": {}, "AcceptedCurrencies": {}, "PricingCurrency": CHAIN_ADDRESS},
    ChainAddress: CHAIN_ADDRESS,
    PayeeMetadata: {"CallAsContract": True},
    Payee: {"Address": CHAIN_ADDRESS, "CallAsContract": True},
    ShippingRegion: REGION,
    PriceModifier: {"ModificationPercent": 90},
    ModificationAbsolute: {"Amount": 5, "Plus": False},
    Account: {"KeyCards": [], "Guest": False},
    Listing: {"ID": 1, "Price": 0, "Metadata": METADATA, "ViewState": 0},
    ListingMetadata: METADATA,
    ListingOption: {"Title": "Size"},
    ListingVariation: VARIATION,
    ListingStockStatus: {"VariationIDs": [], "InStock": False},
    Tag: {"Name": "hot", "ListingIDs": []},
    Order: {"ID": 1, "Items": [], "State": 1},
    OrderedItem: {"ListingID": 1, "Quantity": 0},
    AddressDetails: {
        "Name": "Ada",
        "Address1": "Street 1",
        "City": "Town",
        "PostalCode": "1",
        "Country": "DE",
        "EmailAddress": "a@b.c",
    },
    PaymentDetails: {
        "PaymentID": bytes(32),
        "Total": 0,
        "ListingHashes": [b""],
        "TTL": 1,
        "ShopSignature": bytes(65),
    },
    OrderPaid: {"BlockHash": bytes(32)},
}
ABSENT_HAS_A_MEANING = {
    (Manifest, "Payees"),
    (Manifest, "AcceptedCurrencies"),
    (PayeeMetadata, "CallAsContract"),
    (Payee, "CallAsContract"),
    (Account, "KeyCards"),
    (Listing, "ViewState"),
    (ListingStockStatus, "VariationIDs"),
    (Tag, "ListingIDs"),
}
# Not text that is required by itself: one of two is (tested on its own).
ONE_OF_TWO = {(PriceModifier, "ModificationPercent"), (ListingStockStatus, "InStock")}

NO_TEXT = [b"x", 1, True, []]
BLANK = ["", " ", "\t\n\u00a0\u2003", *NO_TEXT]
NO_UINT = [-1, 2**64, True, "1", b"\x01", []]
NO_UINT256 = [-1, 2**256, True, "1", b"", bytes(33), []]
NO_BOOL = [0, 1, "true", b"", {}]
# Base64 of the right length is still text.
NO_ADDRESS = [bytes(19), bytes(21), b"", "0x" + "00" * 20, 0, "\x00" * 20, "A" * 27 + "="]
NO_MAP = [[], "", 0, True, b""]
NO_PAYEE_METADATA: list[Any] = [None, True, [], {"CallAsContract": 1}]
NO_EMPTY_MAP: list[Any] = [True, [], "", 0]
NO_LIST = [{}, "", 0, True, b""]
NO_TIME = ["yesterday", "2025-01-01T00:00:00", -1, 2**64, True, b"2025-01-01T00:00:00Z", []]

WRONG: list[tuple[type, str, list[Any]]] = [
    (Manifest, "ShopID", NO_UINT256),
    (Manifest, "Payees", [*NO_MAP, {-1: {}}, {2**64: {}}, {"1": {}}, {b"": {}}, {True: {}}, {1: []}]),
    (Manifest, "Payees", [{1: {address: {}}} for address in NO_ADDRESS]),
    (Manifest, "Payees", [{1: {NATIVE: value}} for value in NO_PAYEE_METADATA]),
    (Manifest, "AcceptedCurrencies", [*NO_MAP, {-1: {}}, {2**64: {}}, {"1": {}}, {True: {}}, {1: []}]),
    (Manifest, "AcceptedCurrencies", [{1: {address: {}}} for address in NO_ADDRESS]),
    (Manifest, "AcceptedCurrencies", [{1: {NATIVE: value}} for value in NO_EMPTY_MAP]),
    (Manifest, "PricingCurrency", [*NO_MAP, {}]),
    (Manifest, "ShippingRegions", [*NO_MAP, {1: REGION}, {b"x": REGION}, {"x": None}, {"x": {}}]),
    (ChainAddress, "ChainID", [0, *NO_UINT]),
    (ChainAddress, "Address", NO_ADDRESS),
    (PayeeMetadata, "CallAsContract", NO_BOOL),
    (Payee, "Address", [NATIVE, {}, []]),
    (Payee, "CallAsContract", NO_BOOL),
    *((ShippingRegion, name, NO_TEXT) for name in REGION),
    (ShippingRegion, "PriceModifiers", [*NO_MAP, {"x": {}}, {"x": None}, {1: {"ModificationPercent": 1}}]),
    (PriceModifier, "ModificationPercent", NO_UINT256),
    (PriceModifier, "ModificationAbsolute", [{}, {"Amount": 1}, {"Plus": True}, [], 5]),
    (ModificationAbsolute, "Amount", NO_UINT256),
    (ModificationAbsolute, "Plus", NO_BOOL),
    (Account, "KeyCards", [*NO_LIST, [bytes(32)], [bytes(34)], ["\x02" * 33], ["A" * 44], [None]]),
    (Account, "Guest", NO_BOOL),
    (Listing, "ID", [0, *NO_UINT]),
    (Listing, "Price", NO_UINT256),
    (Listing, "Metadata", [*NO_MAP, {}]),
    (Listing, "ViewState", [3, -1, True, "1", 2**64]),
    (
        Listing,
        "Options",
        [*NO_MAP, {"": {"Title": "x"}}, {" ": {"Title": "x"}}, {1: {"Title": "x"}}, {"x": {}}],
    ),
    (Listing, "StockStatuses", [*NO_LIST, [None], [{}], [{"VariationIDs": []}]]),
    (ListingMetadata, "Title", BLANK),
    (ListingMetadata, "Description", BLANK),
    (ListingMetadata, "Images", [*NO_LIST, [1], [None], [b"x"]]),
    (ListingOption, "Title", BLANK),
    (
        ListingOption,
        "Variations",
        [*NO_MAP, *({name: VARIATION} for name in ("", " ", "|", "a|b", "a|", " |", 1))],
    ),
    (ListingOption, "Variations", [{"x": None}, {"x": {}}]),
    (ListingVariation, "VariationInfo", [*NO_MAP, {}]),
    (ListingVariation, "PriceModifier", [*NO_MAP, {}]),
    (ListingVariation, "SKU", NO_TEXT),
    (ListingStockStatus, "VariationIDs", [*NO_LIST, [1], [None]]),
    (ListingStockStatus, "InStock", NO_BOOL),
    (ListingStockStatus, "ExpectedInStockBy", NO_TIME),
    (Tag, "Name", BLANK),
    (Tag, "ListingIDs", [*NO_LIST, [-1], [2**64], [True], ["1"], [None]]),
    (Order, "ID", [0, *NO_UINT]),
    (Order, "Items", [*NO_LIST, [None], [{}]]),
    (Order, "State", [0, 7, True, "1", -1, 2**64]),
    (Order, "InvoiceAddress", [*NO_MAP, {}]),
    (Order, "ShippingAddress", [*NO_MAP, {}]),
    (Order, "CanceledAt", NO_TIME),
    (Order, "ChosenPayee", [*NO_MAP, {}]),
    (Order, "ChosenCurrency", [*NO_MAP, {}]),
    (Order, "PaymentDetails", [*NO_MAP, {}]),
    (Order, "TxDetails", [*NO_MAP, {}]),
    (OrderedItem, "ListingID", [0, *NO_UINT]),
    (OrderedItem, "VariationIDs", [*NO_LIST, [1], ["a", "a"], ["a", "b", "a"]]),
    (OrderedItem, "Quantity", [-1, 2**32, 2**64, True, "1"]),
    *((AddressDetails, name, BLANK) for name in ("Name", "Address1", "City", "PostalCode", "Country")),
    (AddressDetails, "Address2", NO_TEXT),
    (
        AddressDetails,
        "EmailAddress",
        ["", "a", "@", "@b.c", "a@", "a@b", "a@b@c.d", "a@b.c@", "a@@b.c", *NO_TEXT],
    ),
    (
        AddressDetails,
        "PhoneNumber",
        ["+123456", "+1234567890123456", "1234567", "+12345a7", "+1234567\n", "+", 1],
    ),
    (AddressDetails, "PhoneNumber", ["+١٢٣٤٥٦٧", " +1234567", "+1 234 567"]),
    (PaymentDetails, "PaymentID", [bytes(31), bytes(33), "x" * 32]),
    (PaymentDetails, "Total", NO_UINT256),
    (PaymentDetails, "ListingHashes", [*NO_LIST, [], ["x"], ["AAAA"], [None]]),
    (PaymentDetails, "TTL", [0, *NO_UINT]),
    (PaymentDetails, "ShopSignature", [bytes(64), bytes(66), "x" * 65]),
    (OrderPaid, "TxHash", [bytes(31), bytes(33), b"", "x" * 32]),
    (OrderPaid, "BlockHash", [bytes(31), bytes(33), b"", "x" * 32]),
]

RIGHT: list[tuple[type, str, list[Any]]] = [
    (Manifest, "ShopID", [0, 2**256 - 1]),
    (Manifest, "Payees", [{0: {}, 2**64 - 1: {NATIVE: {"CallAsContract": True}}}]),
    (Manifest, "AcceptedCurrencies", [{0: {}, 2**64 - 1: {NATIVE: {}}}]),
    (Manifest, "ShippingRegions", [{"": REGION, "x": REGION}]),
    (ChainAddress, "ChainID", [1, 2**64 - 1]),
    (PriceModifier, "ModificationPercent", [0, 2**256 - 1]),
    (ModificationAbsolute, "Amount", [0, 2**256 - 1]),
    (Account, "KeyCards", [[bytes(33)], [b"\xff" * 33, bytes(33)]]),
    (Listing, "ID", [1, 2**64 - 1]),
    (Listing, "Price", [0, 2**256 - 1]),
    (Listing, "ViewState", [0, 1, 2]),
    (ListingMetadata, "Title", ["x", " x ", "Käse \U0001f9c0", "\u200b"]),
    (ListingMetadata, "Images", [[""], ["a", "a"]]),
    (ListingOption, "Variations", [{"a b": VARIATION, " x": VARIATION, "/": VARIATION}]),
    (ListingStockStatus, "VariationIDs", [["a"], ["a", "a"], [""]]),
    (
        ListingStockStatus,
        "ExpectedInStockBy",
        [datetime(2025, 1, 2, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)],
    ),
    (Tag, "ListingIDs", [[0, 1, 1, 2**64 - 1]]),
    (Order, "ID", [1, 2**64 - 1]),
    (Order, "State", [1, 2, 3, 4, 5, 6]),
    (OrderedItem, "Quantity", [0, 2**32 - 1]),
    (OrderedItem, "VariationIDs", [["a", "b"], ["a|b"]]),
    (AddressDetails, "EmailAddress", ["a@b.c", "a.b+c@d.e.f", "ä b@ü.c"]),
    (AddressDetails, "PhoneNumber", ["+1234567", "+012345678901234"]),
    (PaymentDetails, "TTL", [1, 2**64 - 1]),
    (PaymentDetails, "ListingHashes", [[b"", b"x" * 100]]),
    (OrderPaid, "TxHash", [bytes(32)]),
]


def refusal(kind: type, value: Any) -> str:
    with pytest.raises(Refusal) as caught:
        read(kind, value)
    assert caught.value.code is Code.INVALID
    return caught.value.message


def with_field(kind: type, name: str, value: Any) -> Any:
    # A percentage beside it would make an absolute modification not count.
    return ({} if kind is PriceModifier else LEAST[kind]) | {name: value}


def attribute(kind: Any, field_name: str) -> str:
    index = list(kind.__struct_encode_fields__).index(field_name)
    found: str = kind.__struct_fields__[index]
    return found


@pytest.mark.parametrize(("kind", "name", "value"), [(k, n, v) for k, n, vs in WRONG for v in vs])
def test_wrong_values_are_refused_by_name(kind: type, name: str, value: Any) -> None:
    message = refusal(kind, with_field(kind, name, value))
    assert message.removeprefix("a key of ").startswith(f"{kind.__name__}.{name}") or (
        # A rule between two entries or fields is told of the whole.
        kind is OrderedItem and message == "OrderedItem must not have the same variation twice"
    )


@pytest.mark.parametrize(("kind", "name", "value"), [(k, n, v) for k, n, vs in RIGHT for v in vs])
def test_right_values_are_kept(kind: type, name: str, value: Any) -> None:
    kept: Any = read(kind, with_field(kind, name, value))
    plain = getattr(kept, attribute(kind, name))
    if isinstance(value, dict):
        assert set(plain) == set(value)
    else:
        assert plain == value


@pytest.mark.parametrize("kind", LEAST)
def test_the_least_object_is_accepted(kind: Any) -> None:
    made = read(kind, LEAST[kind])
    for name, optional in zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True):
        assert (getattr(made, optional) is None) == (name not in LEAST[kind])


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, value in LEAST.items() for name in value])
@pytest.mark.parametrize("is_null", [True, False])
def test_what_is_required_must_be_there(kind: type, name: str, is_null: bool) -> None:
    value = copy.deepcopy(LEAST[kind])
    if is_null:
        value[name] = None
    else:
        del value[name]
    if (kind, name) in ABSENT_HAS_A_MEANING:
        read(kind, value)
    elif (kind, name) in ONE_OF_TWO:
        refusal(kind, value)
    else:
        assert refusal(kind, value) == f"{kind.__name__}.{name} is missing"


@pytest.mark.parametrize("kind", LEAST)
@pytest.mark.parametrize("value", [None, [], "", 0, True, b""])
def test_an_object_is_a_map(kind: type, value: Any) -> None:
    assert refusal(kind, value).startswith(f"{kind.__name__} must be a map, not ")


def test_states_have_the_numbers_of_the_wire() -> None:
    assert {state.name: state.value for state in OrderState} == {
        "OPEN": 1,
        "CANCELED": 2,
        "COMMITTED": 3,
        "PAYMENT_CHOSEN": 4,
        "UNPAID": 5,
        "PAID": 6,
    }
    assert {state.name: state.value for state in ViewState} == {
        "UNSPECIFIED": 0,
        "PUBLISHED": 1,
        "DELETED": 2,
    }


def test_a_price_modifier_is_of_one_kind() -> None:
    assert refusal(PriceModifier, {}) == (
        "PriceModifier must have one of ModificationPercent and ModificationAbsolute"
    )
    with pytest.raises(ValueError, match="one of"):
        PriceModifier(modification_percent=1, modification_absolute=ModificationAbsolute(amount=1, plus=True))


def test_a_stock_status_says_something_and_may_say_both() -> None:
    assert refusal(ListingStockStatus, {"VariationIDs": []}) == (
        "ListingStockStatus must have InStock or ExpectedInStockBy"
    )
    both = read(ListingStockStatus, {"InStock": False, "ExpectedInStockBy": 0})
    assert both.in_stock is False
    assert both.expected_in_stock_by == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_variation_name_is_used_once_in_a_listing() -> None:
    sizes: Any = {"Title": "Size", "Variations": {"s": VARIATION, "m": VARIATION}}
    colors: Any = {"Title": "Color", "Variations": {"m": VARIATION, "red": VARIATION}}
    listing = LEAST[Listing] | {"Options": {"size": sizes, "color": colors}}
    assert refusal(Listing, listing) == "Listing must not have the variation 'm' in two options"
    del colors["Variations"]["m"]
    assert set(read(Listing, listing).options or ()) == {"size", "color"}


def test_repeated_variation_names_one() -> None:
    size = read(ListingOption, {"Title": "Size", "Variations": {"s": VARIATION, "m": VARIATION}})
    color = read(ListingOption, {"Title": "Color", "Variations": {"red": VARIATION}})
    mood = read(ListingOption, {"Title": "Mood", "Variations": {"red": VARIATION}})
    none = read(ListingOption, {"Title": "None"})
    assert repeated_variation([size, color, none, none]) is None
    assert repeated_variation([size, color, none, mood]) == "red"
    assert repeated_variation([]) is None


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (ListingOption, "Variations", {"x" * 300_000 + "|": VARIATION}),
        (ListingOption, "Variations", {" " * 300_000: VARIATION}),
        (AddressDetails, "EmailAddress", "a@" + "." * 300_000 + "@"),
        (AddressDetails, "EmailAddress", "a" * 300_000),
        (AddressDetails, "EmailAddress", "a@" + "b" * 300_000),
        (AddressDetails, "PhoneNumber", "+" + "1" * 300_000),
        (AddressDetails, "Name", " " * 300_000),
    ],
)
def test_long_text_costs_no_more_than_its_length(kind: type, name: str, value: Any) -> None:
    # Quadratic matching would take minutes here.
    message = refusal(kind, LEAST[kind] | {name: value})
    assert len(message) < 200
