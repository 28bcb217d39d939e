"""Spec 04 read a second time, naively: plain dicts, copied whole, one `if` after the other.

What a value of a type must look like is not read again: that is `canonical`, which has tests of its own.
The property tests of the draft hold the two readings against each other.
"""

import copy
from datetime import datetime
from typing import Any

import cbor2

from minirelay.errors import Refusal
from minirelay.shop import objects
from minirelay.shop.canonical import read_as
from minirelay.shop.encoding import encoder_for
from minirelay.shop.order_states import OrderState
from tests.shop.patching import INV, Refused, nf, oos

Shop = dict[str, dict[Any, Any]]
"""Table name -> id -> plain value. The manifest is under None; stock under (listing id, set of names)."""


class No(Exception):
    """A refusal of this reading."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused


def second_reading(shop: Shop, op: str, path: tuple[Any, ...], value: Any) -> Shop:
    """Apply one patch to a copy. Raises No."""
    shop = copy.deepcopy(shop)
    table, *rest = path
    if table == "Manifest":
        _manifest(shop["Manifest"], op, rest, value)
    elif None not in shop["Manifest"]:
        raise No(INV)
    else:
        rules: dict[str, Any] = {
            "Accounts": _accounts,
            "Listings": _listings,
            "Tags": _tags,
            "Inventory": _inventory,
            "Orders": _orders,
        }
        rules[table](shop, op, rest[0], rest[1:], value)
    return shop


def _clean(kind: Any, value: Any) -> Any:
    try:
        return cbor2.loads(encoder_for(kind)(read_as(kind, "value", value)))
    except Refusal as refusal:
        raise No(Refused(refusal.code, refusal.object_id)) from refusal


def _check(holds: bool, otherwise: Refused) -> None:
    if not holds:
        raise No(otherwise)


def _is_index(element: Any) -> bool:
    return isinstance(element, int)


def _manifest(manifests: dict[None, Any], op: str, fields: list[Any], value: Any) -> None:
    _check(op in ("add", "replace", "remove"), INV)
    manifest = manifests.get(None)
    if not fields:
        _check(op == "replace", INV)
        new = _clean(objects.Manifest, value)
        _check(manifest is None or manifest["ShopID"] == new["ShopID"], INV)
        manifests[None] = new
        return
    _check(manifest is not None, INV)
    assert manifest is not None
    field = fields[0]
    _check(isinstance(field, str), INV)
    if field not in ("ShopID", "PricingCurrency", "Payees", "AcceptedCurrencies", "ShippingRegions"):
        raise No(INV if op == "replace" else nf())
    if field == "ShippingRegions" and len(fields) == 2:
        _check(isinstance(fields[1], str), INV)
        regions = manifest.setdefault(field, {})
        _entry(regions, op, fields[1], objects.ShippingRegion, value, INV if not regions else nf())
        if not regions:
            del manifest[field]
    elif field in ("Payees", "AcceptedCurrencies") and len(fields) == 3:
        _, chain, address = fields
        _check(isinstance(chain, int) and isinstance(address, bytes) and len(address) == 20, INV)
        kind = objects.PayeeMetadata if field == "Payees" else objects.EmptyMap
        no_chain = INV if field == "AcceptedCurrencies" and chain not in manifest[field] else nf()
        entries = manifest[field].setdefault(chain, {})
        _entry(entries, op, address, kind, value, no_chain)
        if not entries:
            del manifest[field][chain]
    else:
        _check(op == "replace" and len(fields) == 1 and field != "ShopID", INV)
        kinds = {
            "PricingCurrency": objects.ChainAddress,
            "Payees": objects.Payees,
            "AcceptedCurrencies": objects.AcceptedCurrencies,
            "ShippingRegions": objects.ShippingRegions,
        }
        manifest[field] = _clean(kinds[field], value)
        if field == "ShippingRegions" and not manifest[field]:
            del manifest[field]


def _entry(entries: dict[Any, Any], op: str, key: Any, kind: Any, value: Any, absent_remove: Refused) -> None:
    if op == "add":
        _check(key not in entries, INV)
        entries[key] = _clean(kind, value)
    elif op == "replace":
        _check(key in entries, nf())
        entries[key] = _clean(kind, value)
    else:
        _check(key in entries, absent_remove)
        del entries[key]


def _accounts(shop: Shop, op: str, address: bytes, fields: list[Any], value: Any) -> None:
    accounts = shop["Accounts"]
    _check(op not in ("increment", "decrement"), INV)
    if op == "add" and not fields:
        _check(address not in accounts, INV)
        accounts[address] = _clean(objects.Account, value)
        return
    _check(address in accounts, nf())
    cards = accounts[address]["KeyCards"]
    if op == "replace" and not fields:
        accounts[address] = _clean(objects.Account, value)
    elif op == "remove" and not fields:
        del accounts[address]
    elif op == "append" and fields == ["KeyCards"]:
        cards.append(_clean(objects.PublicKey, value))
    elif op in ("add", "remove") and len(fields) == 2 and fields[0] == "KeyCards" and _is_index(fields[1]):
        _check(fields[1] < len(cards), INV)
        if op == "add":
            cards.insert(fields[1], _clean(objects.PublicKey, value))
        else:
            del cards[fields[1]]
    else:
        raise No(INV)


def _names(listing: dict[str, Any], but: str | None = None) -> list[str]:
    return [
        name
        for option, content in listing.get("Options", {}).items()
        if option != but
        for name in content.get("Variations", {})
    ]


def _listings(shop: Shop, op: str, listing_id: int, fields: list[Any], value: Any) -> None:
    listings, no = shop["Listings"], nf(listing_id)
    _check(op in ("add", "append", "replace", "remove"), INV)
    _check(not (op == "add" and listing_id == 0), INV)
    if op == "add" and not fields:
        _check(listing_id not in listings, INV)
        listings[listing_id] = _clean(objects.Listing, value)
        return
    _check(listing_id in listings, no)
    listing = listings[listing_id]
    if not fields:
        _check(op in ("replace", "remove"), INV)
        if op == "replace":
            listings[listing_id] = _clean(objects.Listing, value)
        else:
            _check(all(listing_id not in tag["ListingIDs"] for tag in shop["Tags"].values()), INV)
            del listings[listing_id]
        return
    field, *inner = fields
    _check(isinstance(field, str), INV)
    _check(field in ("ID", "Price", "Metadata", "ViewState", "Options", "StockStatuses"), no)
    if field == "Metadata":
        _metadata(listing, op, inner, value, no)
    elif field == "StockStatuses":
        _stock_statuses(listing, op, inner, value, no)
    elif field == "Options":
        _options(listing, op, inner, value, no)
    else:
        _check(op == "replace" and not inner and field != "ID", INV)
        listing[field] = _clean(objects.Uint256 if field == "Price" else objects.ViewState, value)


def _metadata(listing: dict[str, Any], op: str, inner: list[Any], value: Any, no: Refused) -> None:
    metadata = listing["Metadata"]
    if not inner:
        _check(op == "replace", INV)
        listing["Metadata"] = _clean(objects.ListingMetadata, value)
        return
    field, *deeper = inner
    if isinstance(field, str) and field not in ("Title", "Description", "Images"):
        raise No(INV if op in ("add", "replace") else no)
    if field == "Images":
        _list(metadata, "Images", op, deeper, str, value, no)
    else:
        _check(isinstance(field, str) and op == "replace" and not deeper, INV)
        metadata[field] = _clean(objects.NotBlank, value)


def _stock_statuses(listing: dict[str, Any], op: str, inner: list[Any], value: Any, no: Refused) -> None:
    if len(inner) == 2 and op == "replace" and _is_index(inner[0]):
        kinds: dict[Any, Any] = {"InStock": bool, "ExpectedInStockBy": datetime}
        _check(inner[1] in kinds, INV)
        statuses = listing.get("StockStatuses", [])
        _check(inner[0] < len(statuses), no)
        status = statuses[inner[0]]
        cleaned = _clean(kinds[inner[1]], value)
        for name in kinds:
            status.pop(name, None)
        status[inner[1]] = cleaned
    else:
        _list(listing, "StockStatuses", op, inner, objects.ListingStockStatus, value, no)


def _list(
    owner: dict[str, Any], name: str, op: str, inner: list[Any], kind: Any, value: Any, no: Refused
) -> None:
    entries = owner.get(name, [])
    if op == "append" and not inner:
        owner[name] = [*entries, _clean(kind, value)]
    elif op == "replace" and not inner:
        owner[name] = _clean(list[kind], value)
        if not owner[name]:
            del owner[name]
    else:
        _check(op != "append" and len(inner) == 1 and _is_index(inner[0]), INV)
        _check(inner[0] < len(entries), no)
        if op == "remove":
            del entries[inner[0]]
            if not entries:
                del owner[name]
        elif op == "add":
            entries.insert(inner[0], _clean(kind, value))
        else:
            entries[inner[0]] = _clean(kind, value)


def _options(listing: dict[str, Any], op: str, inner: list[Any], value: Any, no: Refused) -> None:
    options = listing.setdefault("Options", {})
    _check(all(isinstance(name, str) for name in inner), INV)
    if len(inner) == 0:
        _check(op == "replace", INV)
        options = listing["Options"] = _clean(objects.Options, value)
        _check(len(_names(listing)) == len(set(_names(listing))), INV)
    elif len(inner) == 1:
        _check(op != "append", INV)
        _check(op != "add" or inner[0] not in options, INV)
        _check(op != "remove" or inner[0] in options, no)
        if op == "remove":
            del options[inner[0]]
        else:
            _clean(objects.NotBlank, inner[0])
            option = _clean(objects.ListingOption, value)
            _check(not set(option.get("Variations", {})) & set(_names(listing, but=inner[0])), INV)
            options[inner[0]] = option
    elif len(inner) == 2:
        _check(op == "replace" and inner[1] == "Title", INV)
        _check(inner[0] in options, no)
        options[inner[0]]["Title"] = _clean(objects.NotBlank, value)
    else:
        _variations(listing, options, op, inner, value, no)
    if not listing["Options"]:
        del listing["Options"]


def _variations(
    listing: dict[str, Any], options: dict[str, Any], op: str, inner: list[Any], value: Any, no: Refused
) -> None:
    option, variations_, name, *field = inner
    kinds: dict[str, Any] = {
        "VariationInfo": objects.ListingMetadata,
        "PriceModifier": objects.PriceModifier,
        "SKU": str,
    }
    _check(variations_ == "Variations", INV)
    _check(len(field) <= 1 and (not field or field[0] in kinds), INV)
    _check(op in ("add", "replace", "remove") and not (op == "add" and field), INV)
    _check(not (op == "remove" and field == ["VariationInfo"]), INV)
    _check(option in options, no)
    variations = options[option].setdefault("Variations", {})
    if op == "add":
        _check(name not in _names(listing), INV)
        _clean(objects.VariationName, name)
        variations[name] = _clean(objects.ListingVariation, value)
    else:
        _check(name in variations, no)
        if not field and op == "replace":
            variations[name] = _clean(objects.ListingVariation, value)
        elif not field:
            del variations[name]
        elif op == "replace":
            variations[name][field[0]] = _clean(kinds[field[0]], value)
            if variations[name][field[0]] == "":
                del variations[name][field[0]]
        else:
            _check(field[0] in variations[name], no)
            del variations[name][field[0]]
    if not variations:
        del options[option]["Variations"]


def _tags(shop: Shop, op: str, name: str, fields: list[Any], value: Any) -> None:
    tags, listings = shop["Tags"], shop["Listings"]
    _check(op not in ("increment", "decrement"), INV)
    if op == "add" and not fields:
        _check(name not in tags, INV)
        tag = _clean(objects.Tag, value)
        _check(all(listing in listings for listing in tag["ListingIDs"]), INV)
        tags[name] = tag | {"Name": _clean(objects.NotBlank, name)}
        return
    _check(name in tags, nf())
    members = tags[name]["ListingIDs"]
    if op == "replace" and not fields:
        tag = _clean(objects.Tag, value)
        _check(all(listing in listings for listing in tag["ListingIDs"]), INV)
        tags[name] = tag | {"Name": _clean(objects.NotBlank, name)}
    elif op == "remove" and not fields:
        del tags[name]
    elif op == "replace" and fields == ["Name"]:
        tags[name]["Name"] = _clean(objects.NotBlank, value)
    elif op == "replace" and fields == ["ListingIDs"]:
        ids = [] if value is None else _clean(list[objects.Uint64], value)
        _check(all(listing in listings for listing in ids), INV)
        tags[name]["ListingIDs"] = ids
    elif op == "append" and fields == ["ListingIDs"]:
        listing_id = _clean(objects.Uint64, value)
        _check(listing_id in listings, nf(listing_id))
        _check(listing_id not in members, INV)
        members.append(listing_id)
    elif op != "append" and len(fields) == 2 and fields[0] == "ListingIDs" and _is_index(fields[1]):
        _check(fields[1] < len(members), nf())
        if op == "remove":
            del members[fields[1]]
            return
        listing_id = _clean(objects.Uint64, value)
        _check(listing_id in listings, nf(listing_id))
        members[fields[1] : fields[1] + (op == "replace")] = [listing_id]
    else:
        raise No(INV)


def _inventory(shop: Shop, op: str, listing_id: int, fields: list[Any], value: Any) -> None:
    _check(op != "append", INV)
    _check(not (op == "add" and listing_id == 0), INV)
    _check(listing_id in shop["Listings"], nf(listing_id))
    _check(all(isinstance(name, str) for name in fields), INV)
    _check(len(fields) == len(set(fields)), INV)
    _check(set(fields) <= set(_names(shop["Listings"][listing_id])), INV)
    stock, key = shop["Inventory"], (listing_id, frozenset(fields))
    if op == "add":
        _check(key not in stock, INV)
        stock[key] = _clean(objects.Uint64, value)
    elif op in ("replace", "remove"):
        _check(key in stock, nf(listing_id))
        stock.pop(key)
        if op == "replace":
            stock[key] = _clean(objects.Uint64, value)
    elif op == "increment":
        stock[key] = _clean(objects.Uint64, _clean(objects.Uint64, value) + stock.get(key, 0))
    else:
        _check(key in stock, oos(listing_id))
        by = _clean(objects.Uint64, value)
        _check(by <= stock[key], oos(listing_id))
        stock[key] -= by


ORDER_FIELDS: dict[str, Any] = {
    "CanceledAt": datetime,
    "InvoiceAddress": objects.AddressDetails,
    "ShippingAddress": objects.AddressDetails,
    "ChosenPayee": objects.Payee,
    "ChosenCurrency": objects.ChainAddress,
    "PaymentDetails": objects.PaymentDetails,
    "TxDetails": objects.OrderPaid,
}
TEXTS = [
    "Name",
    "Address1",
    "Address2",
    "City",
    "PostalCode",
    "Country",
    "EmailAddress",
    "PhoneNumber",
]


def _orders(shop: Shop, op: str, order_id: int, fields: list[Any], value: Any) -> None:
    orders, no = shop["Orders"], nf(order_id)
    _check(not (op == "add" and order_id == 0), INV)
    if op == "add" and not fields:
        _check(order_id not in orders, INV)
        orders[order_id] = _whole_order(shop, value)
        return
    _check(order_id in orders, no)
    order = orders[order_id]
    if not fields:
        _check(op in ("replace", "remove"), INV)
        if op == "replace":
            orders[order_id] = _whole_order(shop, value)
        else:
            del orders[order_id]
        return
    field, *inner = fields
    _check(not (field == "Items" and order["State"] in (3, 4, 5, 6)), INV)
    _check(isinstance(field, str), INV)
    if field not in (*ORDER_FIELDS, "ID", "Items", "State"):
        raise No(no if op in ("add", "append", "replace") else INV)
    if field == "Items":
        _items(shop, order, op, inner, value, no)
    elif field == "State":
        _check(op == "replace" and not inner, INV)
        order["State"] = _clean(OrderState, value)
    elif inner:
        _check(field in ("InvoiceAddress", "ShippingAddress") and op == "replace", INV)
        _check(isinstance(inner[0], str), INV)
        _check(inner[0] in TEXTS, no)
        _check(len(inner) == 1, INV)
        _check(field in order, INV)
        _check(isinstance(value, str), INV)
        order[field] = _clean(objects.AddressDetails, order[field] | {inner[0]: value})
    else:
        _order_field(shop, order, op, field, value)
    _check_states(order)


def _order_field(shop: Shop, order: dict[str, Any], op: str, field: str, value: Any) -> None:
    _check(field in ORDER_FIELDS and op in ("add", "replace", "remove"), INV)
    if op == "remove":
        _check(field in ("InvoiceAddress", "ShippingAddress") and field in order, INV)
        del order[field]
        return
    _check(op != "add" or field not in order, INV)
    must_be_set = field in ("CanceledAt", "InvoiceAddress", "ShippingAddress")
    _check(op != "replace" or not must_be_set or field in order, INV)
    order[field] = _clean(ORDER_FIELDS[field], value)
    _check(_choices_exist(shop, {field: order[field]}), nf() if op == "add" else INV)


def _items(shop: Shop, order: dict[str, Any], op: str, inner: list[Any], value: Any, no: Refused) -> None:
    items = order["Items"]
    if op == "append" and not inner:
        items.append(_item(shop, value))
    elif op == "replace" and not inner:
        cleaned = _clean(list[objects.OrderedItem], value)
        order["Items"] = [_item(shop, item) for item in cleaned]
    elif op in ("add", "replace", "remove") and len(inner) == 1:
        _check(_is_index(inner[0]), no if op == "replace" else INV)
        _check(inner[0] < len(items), no)
        new = [] if op == "remove" else [_item(shop, value)]
        items[inner[0] : inner[0] + (op != "add")] = new
    elif op in ("replace", "increment", "decrement") and len(inner) == 2 and inner[1] == "Quantity":
        _check(_is_index(inner[0]) and inner[0] < len(items), no if op == "replace" else INV)
        item = items[inner[0]]
        quantity = _clean(objects.Uint32, value)
        if op != "replace":
            quantity = item["Quantity"] + (quantity if op == "increment" else -quantity)
        item["Quantity"] = _clean(objects.Uint32, quantity)
    else:
        raise No(INV)


def _item(shop: Shop, value: Any) -> Any:
    item = _clean(objects.OrderedItem, value)
    listing = shop["Listings"].get(item["ListingID"])
    names = _names(listing) if listing is not None else []
    _check(
        listing is not None and all(name in names for name in item.get("VariationIDs", [])),
        nf(item["ListingID"]),
    )
    return item


def _whole_order(shop: Shop, value: Any) -> Any:
    order = _clean(objects.Order, value)
    for item in order["Items"]:
        _item(shop, item)
    _check(_choices_exist(shop, order), nf())
    _check_states(order)
    return order


def _choices_exist(shop: Shop, order: dict[str, Any]) -> bool:
    manifest = shop["Manifest"][None]
    for place, table in (
        (order.get("ChosenPayee", {}).get("Address"), "Payees"),
        (order.get("ChosenCurrency"), "AcceptedCurrencies"),
    ):
        if place is not None and place["Address"] not in manifest[table].get(place["ChainID"], {}):
            return False
    return True


def _check_states(order: dict[str, Any]) -> None:
    needs = {
        1: [],
        2: ["CanceledAt"],
        3: ["Items"],
        4: ["Items", "ChosenPayee", "ChosenCurrency"],
        5: ["Items", "ChosenPayee", "ChosenCurrency", "PaymentDetails"],
        6: ["Items", "ChosenPayee", "ChosenCurrency", "PaymentDetails", "TxDetails"],
    }
    _check(all(order.get(name) for name in needs[order["State"]]), INV)
    if order["State"] in (4, 5, 6):
        _check("InvoiceAddress" in order or "ShippingAddress" in order, INV)
