"""Random objects for property tests, as plain maps with exact names: what a tidy client would send."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Fields = dict[str, Any]

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SHORT_TEXT = st.text(st.characters(codec="utf-8"), max_size=4)
NOT_BLANK = st.builds("{}x{}".format, SHORT_TEXT, SHORT_TEXT)
UINT32 = st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1))
UINT64 = st.one_of(st.integers(1, 300), st.integers(1, 2**64 - 1))
UINT256 = st.one_of(st.integers(0, 300), st.integers(0, 2**256 - 1))
TIME = st.integers(0, 253_402_300_799).map(lambda s: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
ADDRESS = st.binary(min_size=20, max_size=20)
HASH = st.binary(min_size=32, max_size=32)


def fields(optional: dict[str, SearchStrategy[Any]] | None = None, **required: Any) -> SearchStrategy[Fields]:
    return st.fixed_dictionaries(required, optional=optional or {})


CHAIN_ADDRESS = fields(ChainID=UINT64, Address=ADDRESS)
PAYEE_METADATA = fields(CallAsContract=st.booleans())
PAYEE = fields(Address=CHAIN_ADDRESS, CallAsContract=st.booleans())
PRICE_MODIFIER = st.one_of(
    fields(ModificationPercent=UINT256),
    fields(ModificationAbsolute=fields(Amount=UINT256, Plus=st.booleans())),
)
SHIPPING_REGION = fields(
    {"PriceModifiers": st.dictionaries(TEXT, PRICE_MODIFIER, min_size=1, max_size=3)},
    Country=TEXT,
    PostalCode=TEXT,
    City=TEXT,
)
MANIFEST = fields(
    {"ShippingRegions": st.dictionaries(TEXT, SHIPPING_REGION, min_size=1, max_size=3)},
    ShopID=UINT256,
    Payees=st.dictionaries(UINT64, st.dictionaries(ADDRESS, PAYEE_METADATA, max_size=3), max_size=3),
    AcceptedCurrencies=st.dictionaries(UINT64, st.dictionaries(ADDRESS, st.just({}), max_size=3), max_size=3),
    PricingCurrency=CHAIN_ADDRESS,
)
ACCOUNT = fields(KeyCards=st.lists(st.binary(min_size=33, max_size=33), max_size=3), Guest=st.booleans())
METADATA = fields({"Images": st.lists(TEXT, min_size=1, max_size=3)}, Title=NOT_BLANK, Description=NOT_BLANK)
VARIATION = fields({"PriceModifier": PRICE_MODIFIER, "SKU": NOT_BLANK}, VariationInfo=METADATA)
STOCK_STATUS = st.one_of(
    fields({"ExpectedInStockBy": TIME}, VariationIDs=st.lists(TEXT, max_size=2), InStock=st.booleans()),
    fields({"InStock": st.booleans()}, VariationIDs=st.lists(TEXT, max_size=2), ExpectedInStockBy=TIME),
)


def variation_names(prefix: int) -> SearchStrategy[str]:
    """A number in front keeps the names of variations unique over all options."""
    return NOT_BLANK.map(lambda text: f"{prefix}{text}".replace("|", "/"))


@st.composite
def options(draw: st.DrawFn) -> dict[str, Fields]:
    made = {}
    for number, name in enumerate(draw(st.lists(NOT_BLANK, min_size=1, max_size=3, unique=True))):
        variations = st.dictionaries(variation_names(number), VARIATION, min_size=1, max_size=3)
        made[name] = draw(fields({"Variations": variations}, Title=NOT_BLANK))
    return made


LISTING = fields(
    {"Options": options(), "StockStatuses": st.lists(STOCK_STATUS, min_size=1, max_size=3)},
    ID=UINT64,
    Price=UINT256,
    Metadata=METADATA,
    ViewState=st.integers(0, 2),
)
TAG = fields(Name=NOT_BLANK, ListingIDs=st.lists(UINT64, max_size=4))
ITEM = fields(
    {"VariationIDs": st.lists(TEXT, min_size=1, max_size=3, unique=True)}, ListingID=UINT64, Quantity=UINT32
)
ADDRESS_DETAILS = fields(
    {"Address2": NOT_BLANK, "PhoneNumber": st.from_regex(r"\A\+[0-9]{7,15}\Z")},
    Name=NOT_BLANK,
    Address1=NOT_BLANK,
    City=NOT_BLANK,
    PostalCode=NOT_BLANK,
    Country=NOT_BLANK,
    EmailAddress=st.from_regex(r"\A[a-z]{1,5}@[a-z]{1,5}\.[a-z]{2,4}\Z"),
)
PAYMENT_DETAILS = fields(
    PaymentID=HASH,
    Total=UINT256,
    ListingHashes=st.lists(st.binary(max_size=40), min_size=1, max_size=3),
    TTL=UINT64,
    ShopSignature=st.binary(min_size=65, max_size=65),
)
ORDER = fields(
    {
        "InvoiceAddress": ADDRESS_DETAILS,
        "ShippingAddress": ADDRESS_DETAILS,
        "CanceledAt": TIME,
        "ChosenPayee": PAYEE,
        "ChosenCurrency": CHAIN_ADDRESS,
        "PaymentDetails": PAYMENT_DETAILS,
        "TxDetails": fields({"TxHash": HASH}, BlockHash=HASH),
    },
    ID=UINT64,
    Items=st.lists(ITEM, max_size=4),
    State=st.integers(1, 6),
)
