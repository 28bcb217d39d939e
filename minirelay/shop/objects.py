"""The object types of a shop (spec 03), and the constraints that a type can carry.

Attributes are the field names in snake case; the wire names are in `field(name=...)`. What is absent
is None. Where the canonical form leaves out what is empty (`OMITTED_WHEN_EMPTY`), None and the empty
value mean the same; `canonical.read` and `canonical.load` give None.

The structs are plain mutable data. They are checked when `canonical.read` makes them, not when an
attribute is set.
"""

from collections.abc import Iterable, MutableSequence
from datetime import datetime
from enum import IntEnum
from typing import Annotated

from msgspec import Meta, Struct, field

from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.signing import PUBLIC_KEY_BYTES, SIGNATURE_BYTES
from minirelay.shop.key_cards import KeyCards
from minirelay.shop.order_states import STATE_FIELD, OrderState

NOT_BLANK_PATTERN = r"\S"
# The look-aheads keep these linear for any input.
VARIATION_NAME_PATTERN = r"\A(?=\s*[^\s|])[^|]*\Z"
EMAIL_PATTERN = r"\A[^@]+@(?=[^@]*\Z)[^@]*\."
PHONE_PATTERN = r"\A\+[0-9]{7,15}\Z"

# msgspec's own bounds on integers end at int64. "bits" is checked by `normalise`.
Uint64 = Annotated[int, Meta(ge=0, extra={"bits": 64})]
PositiveUint64 = Annotated[int, Meta(ge=1, extra={"bits": 64})]
Uint256 = Annotated[int, Meta(ge=0, extra={"bits": 256})]
Uint32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]

Text = str
NotBlank = Annotated[str, Meta(pattern=NOT_BLANK_PATTERN)]
VariationName = Annotated[str, Meta(pattern=VARIATION_NAME_PATTERN)]
EmailAddress = Annotated[str, Meta(pattern=EMAIL_PATTERN)]
PhoneNumber = Annotated[str, Meta(pattern=PHONE_PATTERN)]

Address = Annotated[bytes, Meta(min_length=ADDRESS_BYTES, max_length=ADDRESS_BYTES)]
PublicKey = Annotated[bytes, Meta(min_length=PUBLIC_KEY_BYTES, max_length=PUBLIC_KEY_BYTES)]
Hash = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Signature = Annotated[bytes, Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]

# The value of an accepted currency: nothing is kept of what a client puts there.
EmptyMap = Annotated[dict[str, None], Meta(max_length=0, extra={"emptied": True})]

# "absent": what a missing or null field of this type reads as (spec 03, "Spellings met in the wild").
# "encoded": such a list is kept as `KeyCards`.
KeyCardList = Annotated[MutableSequence[PublicKey], Meta(extra={"absent": list, "encoded": True})]
FalseIfAbsent = Annotated[bool, Meta(extra={"absent": bool})]

OMITTED_WHEN_EMPTY = frozenset(
    {
        "options",
        "variations",
        "stock_statuses",
        "images",
        "price_modifiers",
        "sku",
        "address2",
        "phone_number",
        "variation_ids",
        "shipping_regions",
    }
)


class ViewState(IntEnum):
    """Whether a listing is shown."""

    UNSPECIFIED = 0
    PUBLISHED = 1
    DELETED = 2


class ChainAddress(Struct, kw_only=True):
    """An address on a chain; the zero address is the chain's native coin."""

    chain_id: PositiveUint64 = field(name="ChainID")
    address: Address = field(name="Address")


class PayeeMetadata(Struct, kw_only=True):
    """What the manifest keeps of a payee beside its chain and address."""

    call_as_contract: FalseIfAbsent = field(name="CallAsContract")


class Payee(Struct, kw_only=True):
    """The payee that an order's customer chose."""

    address: ChainAddress = field(name="Address")
    call_as_contract: FalseIfAbsent = field(name="CallAsContract")


class ModificationAbsolute(Struct, kw_only=True):
    """An amount added to a price, or subtracted from it."""

    amount: Uint256 = field(name="Amount")
    plus: bool = field(name="Plus")


class PriceModifier(Struct, kw_only=True):
    """A change of a price, of exactly one kind; a percentage of 100 leaves it as it is."""

    modification_percent: Uint256 | None = field(name="ModificationPercent", default=None)
    modification_absolute: ModificationAbsolute | None = field(name="ModificationAbsolute", default=None)

    def __post_init__(self) -> None:
        """Refuse (ValueError) anything but one kind."""
        if (self.modification_percent is None) == (self.modification_absolute is None):
            raise ValueError("must have one of ModificationPercent and ModificationAbsolute")


class ShippingRegion(Struct, kw_only=True):
    """Where the shop ships to, and what that does to the price; an empty text matches anything."""

    country: Text = field(name="Country")
    postal_code: Text = field(name="PostalCode")
    city: Text = field(name="City")
    price_modifiers: dict[Text, PriceModifier] | None = field(name="PriceModifiers", default=None)


Payees = Annotated[dict[Uint64, dict[Address, PayeeMetadata]], Meta(extra={"absent": dict})]
AcceptedCurrencies = Annotated[dict[Uint64, dict[Address, EmptyMap]], Meta(extra={"absent": dict})]
ShippingRegions = dict[Text, ShippingRegion]


class Manifest(Struct, kw_only=True):
    """What holds for the whole shop."""

    shop_id: Uint256 = field(name="ShopID")
    payees: Payees = field(name="Payees")
    accepted_currencies: AcceptedCurrencies = field(name="AcceptedCurrencies")
    pricing_currency: ChainAddress = field(name="PricingCurrency")
    shipping_regions: ShippingRegions | None = field(name="ShippingRegions", default=None)


class Account(Struct, kw_only=True):
    """A wallet's key cards, always as `KeyCards`."""

    key_cards: KeyCardList = field(name="KeyCards")
    guest: bool = field(name="Guest")

    def __post_init__(self) -> None:
        """Keep a list of key cards as they are encoded. Raises ValueError for one that has not 33 bytes."""
        if not isinstance(self.key_cards, KeyCards):
            self.key_cards = KeyCards(self.key_cards)


class ListingMetadata(Struct, kw_only=True):
    """What a customer reads and sees of a listing or a variation."""

    title: NotBlank = field(name="Title")
    description: NotBlank = field(name="Description")
    images: list[Text] | None = field(name="Images", default=None)


class ListingVariation(Struct, kw_only=True):
    """One choice of an option."""

    variation_info: ListingMetadata = field(name="VariationInfo")
    price_modifier: PriceModifier | None = field(name="PriceModifier", default=None)
    sku: Text | None = field(name="SKU", default=None)


class ListingOption(Struct, kw_only=True):
    """What a customer can choose, by the names of its variations."""

    title: NotBlank = field(name="Title")
    variations: dict[VariationName, ListingVariation] | None = field(name="Variations", default=None)


class ListingStockStatus(Struct, kw_only=True):
    """What is said about the stock of a listing or of one combination of its variations."""

    variation_ids: Annotated[list[Text], Meta(extra={"absent": list})] = field(name="VariationIDs")
    in_stock: bool | None = field(name="InStock", default=None)
    expected_in_stock_by: datetime | None = field(name="ExpectedInStockBy", default=None)

    def __post_init__(self) -> None:
        """Refuse (ValueError) a status that says nothing."""
        if self.in_stock is None and self.expected_in_stock_by is None:
            raise ValueError("must have InStock or ExpectedInStockBy")


Options = dict[NotBlank, ListingOption]


def repeated_variation(options: Iterable[ListingOption]) -> str | None:
    """Find a variation name that two of these options use."""
    seen: set[str] = set()
    for option in options:
        names = option.variations
        if names:
            if not seen.isdisjoint(names):
                return next(name for name in names if name in seen)
            seen.update(names)
    return None


class Listing(Struct, kw_only=True):
    """What the shop sells."""

    id: PositiveUint64 = field(name="ID")
    price: Uint256 = field(name="Price")
    metadata: ListingMetadata = field(name="Metadata")
    view_state: Annotated[ViewState, Meta(extra={"absent": int})] = field(name="ViewState")
    options: Options | None = field(name="Options", default=None)
    stock_statuses: list[ListingStockStatus] | None = field(name="StockStatuses", default=None)

    def __post_init__(self) -> None:
        """Refuse (ValueError) a variation name in two options."""
        if self.options and len(self.options) > 1:
            name = repeated_variation(self.options.values())
            if name is not None:
                raise ValueError(f"must not have the variation {name[:50]!r} in two options")


class Tag(Struct, kw_only=True):
    """A name for a group of listings."""

    name: NotBlank = field(name="Name")
    listing_ids: Annotated[list[Uint64], Meta(extra={"absent": list})] = field(name="ListingIDs")


class OrderedItem(Struct, kw_only=True):
    """So many of a listing, in these variations; a quantity of 0 counts for nothing."""

    listing_id: PositiveUint64 = field(name="ListingID")
    variation_ids: list[Text] | None = field(name="VariationIDs", default=None)
    quantity: Uint32 = field(name="Quantity")

    def __post_init__(self) -> None:
        """Refuse (ValueError) the same variation twice."""
        if self.variation_ids and len(set(self.variation_ids)) < len(self.variation_ids):
            raise ValueError("must not have the same variation twice")


class AddressDetails(Struct, kw_only=True):
    """Where a customer lives or wants the goods."""

    name: NotBlank = field(name="Name")
    address1: NotBlank = field(name="Address1")
    address2: Text | None = field(name="Address2", default=None)
    city: NotBlank = field(name="City")
    postal_code: NotBlank = field(name="PostalCode")
    country: NotBlank = field(name="Country")
    email_address: EmailAddress = field(name="EmailAddress")
    phone_number: PhoneNumber | None = field(name="PhoneNumber", default=None)


class PaymentDetails(Struct, kw_only=True):
    """What the relay computed for a customer to pay (spec 06, 07); ttl in epoch seconds."""

    payment_id: Hash = field(name="PaymentID")
    total: Uint256 = field(name="Total")
    listing_hashes: Annotated[list[bytes], Meta(min_length=1)] = field(name="ListingHashes")
    ttl: PositiveUint64 = field(name="TTL")
    shop_signature: Signature = field(name="ShopSignature")


class OrderPaid(Struct, kw_only=True):
    """The transaction and the block in which an order was paid."""

    tx_hash: Hash | None = field(name="TxHash", default=None)
    block_hash: Hash = field(name="BlockHash")


class Order(Struct, kw_only=True):
    """What a customer wants, and how far it is."""

    id: PositiveUint64 = field(name="ID")
    items: list[OrderedItem] = field(name="Items")
    state: OrderState = field(name=STATE_FIELD)
    invoice_address: AddressDetails | None = field(name="InvoiceAddress", default=None)
    shipping_address: AddressDetails | None = field(name="ShippingAddress", default=None)
    canceled_at: datetime | None = field(name="CanceledAt", default=None)
    chosen_payee: Payee | None = field(name="ChosenPayee", default=None)
    chosen_currency: ChainAddress | None = field(name="ChosenCurrency", default=None)
    payment_details: PaymentDetails | None = field(name="PaymentDetails", default=None)
    tx_details: OrderPaid | None = field(name="TxDetails", default=None)
