"""What is in a shop as JSON, for the operator's page: as its customers see it, without their addresses.

Ids and amounts are text, since browsers round them. Texts are those of strangers, and cut where they are
long: whoever shows them must not take them for markup.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from minirelay.chain.token_symbols import show_currency
from minirelay.operations.payment_document import COIN_DECIMALS
from minirelay.operations.readable import MOST_ITEMS, cut
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.signing import checksum_address
from minirelay.shop.canonical import load, load_first
from minirelay.shop.objects import (
    AddressDetails,
    ChainAddress,
    Listing,
    ListingMetadata,
    Manifest,
    Order,
    OrderedItem,
    PriceModifier,
    Tag,
)
from minirelay.shop.order_states import STATE_FIELD, OrderState
from minirelay.shop.state import VARIATION_SEPARATOR, ShopState, id_key

Document = dict[str, Any]

_ID_BYTES: Final = 8


class OrderHead(msgspec.Struct, kw_only=True):
    """What an order's canonical form begins with."""

    id: int = msgspec.field(name="ID")
    items: list[OrderedItem] = msgspec.field(name="Items")
    state: OrderState = msgspec.field(name=STATE_FIELD)


_HEAD_FIELDS: Final = len(OrderHead.__struct_fields__)


class Page(msgspec.Struct, frozen=True):
    """Some of many. total: how many there are."""

    items: list[Document]
    total: int


def list_listings(state: ShopState, offset: int, most: int) -> Page:
    """Describe listings with their stock, in the order of their ids."""
    keys = sorted(key for key, _ in state.listings.items())
    shown = keys[offset : offset + most]
    stock = _stock_of(state, frozenset(shown))
    found = [_listing(load(Listing, _at(state, ObjectType.LISTING, key)), stock[key]) for key in shown]
    return Page(found, len(keys))


def list_tags(state: ShopState, offset: int, most: int) -> Page:
    """Describe tags, in the order of their names."""
    keys = sorted(key for key, _ in state.tags.items())
    tags = [load(Tag, _at(state, ObjectType.TAG, key)) for key in keys[offset : offset + most]]
    return Page(
        [
            {
                "name": cut(tag.name),
                "listings": [str(one) for one in tag.listing_ids[:MOST_ITEMS]],
                "listing_count": len(tag.listing_ids),
            }
            for tag in tags
        ],
        len(keys),
    )


def list_orders(state: ShopState, wanted: OrderState | None, offset: int, most: int) -> Page:
    """Describe orders in a state, or in any, in the order of their ids."""
    keys = sorted(
        key
        for key, value in state.orders.items()
        if wanted is None or load_first(OrderHead, value, _HEAD_FIELDS).state is wanted
    )
    orders = [load(Order, _at(state, ObjectType.ORDER, key)) for key in keys[offset : offset + most]]
    return Page([_order(state, order) for order in orders], len(keys))


def count_orders(state: ShopState) -> dict[str, int]:
    """Count orders by state."""
    counts = Counter(load_first(OrderHead, value, _HEAD_FIELDS).state for _, value in state.orders.items())
    return {one.name.lower(): counts[one] for one in OrderState}


def describe_manifest(manifest: Manifest) -> Document:
    """Describe what holds for the whole shop."""
    return {
        "pricing_currency": _place(manifest.pricing_currency),
        "accepted_currencies": [
            _place(ChainAddress(chain_id=chain_id, address=address))
            for chain_id, addresses in manifest.accepted_currencies.items()
            for address in addresses
        ][:MOST_ITEMS],
        "payees": [
            {"chain": str(chain_id), "address": checksum_address(address)}
            for chain_id, payees in manifest.payees.items()
            for address in payees
        ][:MOST_ITEMS],
        "shipping_regions": [cut(name) for name in list(manifest.shipping_regions or {})[:MOST_ITEMS]],
    }


def describe_addresses(state: ShopState, order_id: int) -> Document | None:
    """Describe a customer's addresses; None if there is no such order."""
    data = state.get(ObjectType.ORDER, id_key(order_id))
    if data is None:
        return None
    order = load(Order, data)
    return {
        "invoice_address": _address(order.invoice_address),
        "shipping_address": _address(order.shipping_address),
    }


def _at(state: ShopState, object_type: ObjectType, key: bytes) -> bytes:
    data = state.get(object_type, key)
    if data is None:
        raise RuntimeError("a key of a state has a value in it")
    return data


def _stock_of(state: ShopState, wanted: frozenset[bytes]) -> dict[bytes, list[Document]]:
    found: defaultdict[bytes, list[Document]] = defaultdict(list)
    for key, value in state.inventory.items():
        listing, names = key[:_ID_BYTES], key[_ID_BYTES:]
        if listing in wanted and len(found[listing]) < MOST_ITEMS:
            variations = names.decode().split(VARIATION_SEPARATOR) if names else []
            found[listing].append({"variations": variations, "count": str(load(int, value))})
    return found


def _listing(listing: Listing, stock: Sequence[Document]) -> Document:
    return {
        "id": str(listing.id),
        **_metadata(listing.metadata),
        "price": str(listing.price),
        "view_state": listing.view_state.name.lower(),
        "options": [
            {
                "name": cut(name),
                "title": cut(option.title),
                "variations": [
                    {
                        "name": cut(variation_name),
                        **_metadata(variation.variation_info),
                        "sku": cut(variation.sku or ""),
                        "price_modifier": _modifier(variation.price_modifier),
                    }
                    for variation_name, variation in list((option.variations or {}).items())[:MOST_ITEMS]
                ],
            }
            for name, option in list((listing.options or {}).items())[:MOST_ITEMS]
        ],
        "stock": list(stock),
    }


def _metadata(metadata: ListingMetadata) -> Document:
    return {
        "title": cut(metadata.title),
        "description": cut(metadata.description),
        "images": [cut(image) for image in (metadata.images or [])[:MOST_ITEMS]],
    }


def _modifier(modifier: PriceModifier | None) -> Document | None:
    if modifier is None:
        return None
    if modifier.modification_absolute is not None:
        absolute = modifier.modification_absolute
        return {"kind": "plus" if absolute.plus else "minus", "amount": str(absolute.amount)}
    return {"kind": "percent", "amount": str(modifier.modification_percent)}


def _order(state: ShopState, order: Order) -> Document:
    details, paid = order.payment_details, order.tx_details
    currency, payee = order.chosen_currency, order.chosen_payee
    return {
        "id": str(order.id),
        "state": order.state.name.lower(),
        "items": [_item(state, item) for item in order.items[:MOST_ITEMS]],
        "item_count": len(order.items),
        "currency": None if currency is None else _place(currency),
        "payee": None if payee is None else _payee(payee.address),
        "total": None if details is None else str(details.total),
        "request": None if details is None else f"0x{details.payment_id.hex()}",
        "pay_until": None if details is None else _time(datetime.fromtimestamp(details.ttl, UTC)),
        "transaction": None if paid is None or paid.tx_hash is None else f"0x{paid.tx_hash.hex()}",
        "canceled_at": _time(order.canceled_at),
        "has_address": order.invoice_address is not None or order.shipping_address is not None,
    }


def _item(state: ShopState, item: OrderedItem) -> Document:
    data = state.get(ObjectType.LISTING, id_key(item.listing_id))
    return {
        "listing": str(item.listing_id),
        "title": None if data is None else cut(load(Listing, data).metadata.title),
        "variations": [cut(name) for name in (item.variation_ids or [])[:MOST_ITEMS]],
        "quantity": item.quantity,
    }


def _place(place: ChainAddress) -> Document:
    return {
        "chain": str(place.chain_id),
        "address": checksum_address(place.address),
        "is_coin": place.address == NATIVE_COIN,
        "symbol": show_currency(place.chain_id, place.address),
        "decimals": COIN_DECIMALS if place.address == NATIVE_COIN else None,
    }


def _payee(place: ChainAddress) -> Document:
    return {"chain": str(place.chain_id), "address": checksum_address(place.address)}


def _address(address: AddressDetails | None) -> Document | None:
    if address is None:
        return None
    lines: Iterable[tuple[str, str | None]] = msgspec.structs.asdict(address).items()
    return {name: None if line is None else cut(line) for name, line in lines}


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
