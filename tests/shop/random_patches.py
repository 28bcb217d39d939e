"""Random patches near the rows of spec 04's tables, on a small shop that has something for each of them."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from minirelay.errors import Refusal
from minirelay.shop import rules_accounts, rules_listings, rules_manifest, rules_orders, rules_tags
from minirelay.shop.path_table import PathTable
from minirelay.shop.state import inventory_key
from tests.shop.patching import (
    ACCOUNT,
    INVENTORY,
    LISTING,
    MANIFEST_VALUE,
    NATIVE,
    ORDER,
    PAYEE,
    TAG,
    TOKEN,
    number,
    patch,
    shop,
)

SOON = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
INFO = {"Title": "x", "Description": "x"}
META = {"Title": "t", "Description": "d", "Images": ["i", "j"]}
MODIFIER = {"ModificationPercent": 50}
VARIATION = {"VariationInfo": INFO}
RICH_VARIATION = {"VariationInfo": META, "SKU": "1", "PriceModifier": MODIFIER}
STATUS = {"VariationIDs": ["a"], "InStock": True}
OPTION = {"Title": "o", "Variations": {"a": VARIATION}}
WIDE_OPTION = {"Title": "o", "Variations": {"a": RICH_VARIATION, "b": VARIATION}}
PLAIN_LISTING = {"ID": 1, "Price": 5, "Metadata": INFO, "ViewState": 1}
RICH_LISTING = PLAIN_LISTING | {
    "Metadata": META,
    "Options": {"o": OPTION, "p": {"Title": "p", "Variations": {"c": RICH_VARIATION}}},
    "StockStatuses": [STATUS, {"VariationIDs": [], "ExpectedInStockBy": SOON}],
}
ITEM = {"ListingID": 1, "Quantity": 2}
CHOSEN_ITEM = {"ListingID": 1, "Quantity": 2**32 - 1, "VariationIDs": ["a", "c"]}
ADDRESS = {
    "Name": "n",
    "Address1": "a",
    "City": "c",
    "PostalCode": "p",
    "Country": "c",
    "EmailAddress": "a@b.c",
}
CURRENCY = {"ChainID": 1337, "Address": TOKEN}
CHOICE = {"Address": {"ChainID": 1337, "Address": PAYEE}, "CallAsContract": True}
DETAILS = {
    "PaymentID": bytes(32),
    "Total": 1,
    "ListingHashes": [bytes(32)],
    "TTL": 1,
    "ShopSignature": bytes(65),
}
PAID = {"BlockHash": bytes(32)}
OPEN_ORDER: dict[str, Any] = {"ID": 1, "Items": [ITEM], "State": 1, "InvoiceAddress": ADDRESS}
FULL_ORDER = OPEN_ORDER | {
    "Items": [CHOSEN_ITEM, ITEM],
    "CanceledAt": SOON,
    "ChosenPayee": CHOICE,
    "ChosenCurrency": CURRENCY,
    "PaymentDetails": DETAILS,
    "TxDetails": PAID,
}
REGION = {"Country": "", "PostalCode": "", "City": ""}

START = shop(
    (LISTING, number(1), RICH_LISTING),
    (LISTING, number(2), PLAIN_LISTING),
    (TAG, b"t", {"Name": "t", "ListingIDs": [1, 1]}),
    (ORDER, number(1), FULL_ORDER),
    (ORDER, number(2), OPEN_ORDER),
    (ACCOUNT, PAYEE, {"KeyCards": [bytes(33), b"\x01" * 33], "Guest": False}),
    (INVENTORY, inventory_key(1, ["a", "c"]), 2**64 - 2),
)

OPS = ["add", "append", "replace", "remove", "increment", "decrement"]
INDEXES = st.sampled_from([0, 0, 1, 2, "0"])
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, 1, 2**64, "", "x", b"", True, [], {}, {"x": 1}, SOON]
)
NAMES = st.sampled_from(["a", "b", "c", "d", " ", "x|y"])
OPTIONS = st.sampled_from(["o", "p", "q", " "])


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    """Mostly values that fit somewhere near, sometimes anything."""
    return st.one_of(st.sampled_from(values), st.sampled_from(values), st.sampled_from(values), JUNK)


def paths(*elements: Any) -> st.SearchStrategy[list[Any]]:
    return st.tuples(*(one if isinstance(one, st.SearchStrategy) else st.just(one) for one in elements)).map(
        list
    )


def near(
    table: str, ids: st.SearchStrategy[Any], *rows: tuple[list[Any], list[Any]]
) -> st.SearchStrategy[Any]:
    """(path, value) pairs near the rows of a table; some have an element too many, too few or another one."""
    exact = st.one_of(*(st.tuples(paths(table, ids, *path), one_of(*values)) for path, values in rows))
    odd = st.tuples(
        exact,
        st.sampled_from(["cut", "grow", "swap"]),
        st.sampled_from(["Unknown", "Title", "Name", "Quantity", "Items", "ID", 0, 5, b"x", "a"]),
    ).map(_distort)
    return st.one_of(exact, exact, exact, odd)


def _distort(drawn: tuple[tuple[list[Any], Any], str, Any]) -> tuple[list[Any], Any]:
    (path, value), how, element = drawn
    if how == "grow":
        return [*path, element], value
    head = path[:-1] if len(path) > 2 else path
    return (head, value) if how == "cut" or head is path else ([*head, element], value)


LISTING_IDS = st.sampled_from([1, 1, 1, 2, 2, 3, 0])
LISTINGS = near(
    "Listings",
    LISTING_IDS,
    ([], [RICH_LISTING, PLAIN_LISTING, RICH_LISTING | {"Price": "x"}]),
    (["Price"], [0, 7, b"\x01"]),
    (["ViewState"], [0, 1, 2, 3]),
    (["Metadata"], [META, INFO, {"Title": "x"}]),
    (["Metadata", st.sampled_from(["Title", "Description"])], ["x", " "]),
    (["Metadata", "Images"], ["x", ["x", "y"], []]),
    (["Metadata", "Images", INDEXES], ["x"]),
    (["StockStatuses"], [STATUS, [STATUS], []]),
    (["StockStatuses", INDEXES], [STATUS, {"VariationIDs": []}]),
    (["StockStatuses", INDEXES, st.sampled_from(["InStock", "ExpectedInStockBy"])], [True, SOON, "x"]),
    (["Options"], [{"o": OPTION}, {"o": OPTION, "p": OPTION}, {}, RICH_LISTING["Options"]]),
    (["Options", OPTIONS], [OPTION, WIDE_OPTION, {"Title": "x"}, {"Title": " "}]),
    (["Options", OPTIONS, "Title"], ["x", " "]),
    (["Options", OPTIONS, "Variations", NAMES], [VARIATION, RICH_VARIATION]),
    (["Options", OPTIONS, "Variations", NAMES, "VariationInfo"], [INFO, META]),
    (["Options", OPTIONS, "Variations", NAMES, "PriceModifier"], [MODIFIER]),
    (["Options", OPTIONS, "Variations", NAMES, "SKU"], ["x", ""]),
)
TAGS = near(
    "Tags",
    st.sampled_from(["t", "t", "u", " "]),
    (
        [],
        [{"Name": "n", "ListingIDs": [1, 2]}, {"Name": "n"}, {"Name": "n", "ListingIDs": [9]}, {"Name": " "}],
    ),
    (["Name"], ["x", " "]),
    (["ListingIDs"], [1, 2, 3, [1], [9], []]),
    (["ListingIDs", INDEXES], [1, 2, 9]),
)
INVENTORY_ROWS = near(
    "Inventory",
    LISTING_IDS,
    ([], [0, 1, 5, 2**64 - 1]),
    ([NAMES], [0, 1, 5, 2**64 - 1]),
    (["c", "a"], [0, 1, 5, 2**64 - 1]),
    ([NAMES, NAMES], [0, 1, 5, 2**64 - 1]),
)
ADDRESSES = st.sampled_from(["InvoiceAddress", "ShippingAddress"])
STATES = [FULL_ORDER | {"State": state} for state in range(8)]
ORDERS = near(
    "Orders",
    st.sampled_from([1, 1, 2, 2, 3, 0]),
    (
        [],
        [
            OPEN_ORDER,
            *STATES,
            OPEN_ORDER | {"State": 3, "Items": []},
            OPEN_ORDER | {"Items": [{"ListingID": 9, "Quantity": 1}]},
        ],
    ),
    (["State"], list(range(8))),
    (["State"], [1]),
    (["Items"], [ITEM, CHOSEN_ITEM, [ITEM], [], {"ListingID": 2, "Quantity": 1, "VariationIDs": ["a"]}]),
    (["Items", INDEXES], [ITEM, CHOSEN_ITEM, {"ListingID": 9, "Quantity": 1}]),
    (["Items", INDEXES, "Quantity"], [0, 1, 2, 2**32 - 1, 2**32]),
    (["CanceledAt"], [SOON, "x", 5]),
    ([ADDRESSES], [ADDRESS, {}]),
    (
        [ADDRESSES, st.sampled_from(["Name", "Address2", "EmailAddress", "PhoneNumber"])],
        ["x", "", "a@b.c", "+1234567"],
    ),
    (["ChosenPayee"], [CHOICE, CHOICE | {"Address": {"ChainID": 5, "Address": PAYEE}}]),
    (["ChosenCurrency"], [CURRENCY, {"ChainID": 5, "Address": TOKEN}]),
    (["PaymentDetails"], [DETAILS]),
    (["TxDetails"], [PAID]),
)
ACCOUNTS = near(
    "Accounts",
    st.sampled_from([PAYEE, PAYEE, TOKEN]),
    ([], [{"KeyCards": [bytes(33)], "Guest": True}, {"Guest": True}, {"KeyCards": [b"x"], "Guest": True}]),
    (["KeyCards"], [bytes(33), b"x"]),
    (["KeyCards", INDEXES], [bytes(33)]),
)
CHAINS = st.sampled_from([1, 1337, 5, "1"])
PLACES = st.sampled_from([NATIVE, PAYEE, TOKEN, b"short"])
MANIFESTS = near(
    "Manifest",
    st.sampled_from(["PricingCurrency"]),
    ([], [CURRENCY, {"ChainID": 0, "Address": TOKEN}]),
) | st.one_of(
    *(
        st.tuples(paths("Manifest", *path), one_of(*values))
        for path, values in (
            ([], [MANIFEST_VALUE, MANIFEST_VALUE | {"ShopID": 1}]),
            (["Payees"], [{}, MANIFEST_VALUE["Payees"]]),
            (["Payees", CHAINS, PLACES], [{"CallAsContract": True}, {}]),
            (["AcceptedCurrencies"], [{}, MANIFEST_VALUE["AcceptedCurrencies"]]),
            (["AcceptedCurrencies", CHAINS, PLACES], [{}, None]),
            (["ShippingRegions"], [{}, {"r": REGION}]),
            (["ShippingRegions", st.sampled_from(["default", "r", 1])], [REGION, {}]),
            (["ShopID"], [1]),
            (["Unknown"], [1]),
        )
    )
)
TABLES: dict[str, PathTable | None] = {
    "Listings": rules_listings.TABLE,
    "Tags": rules_tags.TABLE,
    "Orders": rules_orders.TABLE,
    "Accounts": rules_accounts.TABLE,
    "Manifest": rules_manifest.TABLE,
    "Inventory": None,
}


def _with_op(drawn: tuple[tuple[list[Any], Any], str, int | None]) -> tuple[str, tuple[list[Any], Any]]:
    """Mostly take an operation that fits: of those tried at random too few do. Here the tables only steer."""
    (path, value), op, pick = drawn
    table = TABLES[path[0]]
    if pick is None or table is None:
        return op, (path, value)
    fitting = [one for one in OPS if _fits(table, one, path)] or OPS
    return fitting[pick % len(fitting)], (path, value)


def _fits(table: PathTable, op: str, path: list[Any]) -> bool:
    try:
        table.find(patch(op, *path, value=0))
    except Refusal:
        return False
    return True


PATCHES = st.tuples(
    st.one_of(LISTINGS, LISTINGS, TAGS, INVENTORY_ROWS, ORDERS, ORDERS, ACCOUNTS, MANIFESTS),
    st.sampled_from(OPS),
    st.one_of(st.none(), st.integers(0, 11), st.integers(0, 11), st.integers(0, 11)),
).map(_with_op)
