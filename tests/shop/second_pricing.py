"""A second computation of prices, from spec 06 and 07 alone: fractions, plain values, nothing shared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any


@dataclass(frozen=True)
class NotSold:
    """The outcome NF(listing)."""

    listing_id: int | None


class NoRegion:
    """No region matches."""


class TooMuch:
    """The price is 2^256 or more."""


Outcome = int | NotSold | NoRegion | TooMuch


def truncated(amount: Fraction) -> Fraction:
    return Fraction(floor(amount))


def modified(amount: Fraction, modifier: Mapping[str, Any]) -> Fraction:
    if "ModificationPercent" in modifier:
        return truncated(amount * Fraction(modifier["ModificationPercent"], 100))
    absolute = modifier["ModificationAbsolute"]
    change = Fraction(absolute["Amount"])
    return amount + change if absolute["Plus"] else max(amount - change, Fraction(0))


def region_for(regions: Mapping[str, Mapping[str, Any]], address: Mapping[str, Any]) -> str | None:
    best: list[tuple[int, bytes, str]] = []
    for name, region in regions.items():
        if region["Country"] == address["Country"]:
            points = 10
        elif region["Country"] == "":
            points = 1
        else:
            continue
        if region["PostalCode"] == address["PostalCode"]:
            points += 100
            points += 1000 if region["City"] == address["City"] else 0
        best.append((-points, name.encode(), name))
    return sorted(best)[0][2] if best else None


def price(
    listings: Mapping[int, Mapping[str, Any]], items: Iterable[Mapping[str, Any]], region: Mapping[str, Any]
) -> Outcome:
    total = Fraction(0)
    for item in items:
        if item["Quantity"] == 0:
            continue
        listing = listings.get(item["ListingID"])
        if listing is None or listing["ViewState"] != 1:
            return NotSold(item["ListingID"])
        each = Fraction(listing["Price"])
        for chosen in item.get("VariationIDs", []):
            variations = [
                option["Variations"][chosen]
                for option in listing.get("Options", {}).values()
                if chosen in option["Variations"]
            ]
            if not variations:
                return NotSold(item["ListingID"])
            if "PriceModifier" in variations[0]:
                each = modified(each, variations[0]["PriceModifier"])
        total += each * item["Quantity"]
    modifiers = region.get("PriceModifiers", {})
    for name in sorted(modifiers, key=lambda name: (len(name.encode()), name.encode())):
        total = modified(total, modifiers[name])
    return int(total) if total < 2**256 else TooMuch()


def converted(amount: int, decimals: tuple[int, int], rate: tuple[int, int]) -> Outcome:
    scaled = truncated(Fraction(amount, 10 ** decimals[0]) * 10**16)
    worth = truncated(scaled * Fraction(*rate))
    units = truncated(worth / 10**16 * 10 ** decimals[1])
    if amount > 0 and units == 0:
        units = Fraction(1)
    return int(units) if units < 2**256 else TooMuch()
