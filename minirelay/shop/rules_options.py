"""What patches do to the options of a listing and their variations (spec 04 "Listings").

The name of a variation is unique in its listing, over all options: the inventory and the items of orders know
variations by nothing else. What vanishes is noted, since orders may contain it (spec 06).
"""

from collections.abc import Collection, Mapping
from typing import Any

from minirelay.errors import invalid, not_found
from minirelay.protocol.patch_set import Patch
from minirelay.shop.canonical import read, read_as
from minirelay.shop.objects import (
    Listing,
    ListingMetadata,
    ListingOption,
    ListingVariation,
    NotBlank,
    Options,
    PriceModifier,
    VariationName,
    repeated_variation,
)
from minirelay.shop.path_table import Handler, Rows, Slot, object_number
from minirelay.shop.working_set import WorkingSet

NAME = Slot.NAME


def exchange_all(working: WorkingSet, patch: Patch, options: Mapping[str, ListingOption] | None) -> None:
    """Follow a change of all options of a listing at once. options: the new ones, checked."""
    come = [name for option in options.values() for name in option.variations or ()] if options else ()
    gone = tuple(working.variation_names(patch.object_id))
    # Most listings have no options.
    if come or gone:
        _exchange(working, patch, gone, come)


def _exchange(working: WorkingSet, patch: Patch, gone: Collection[str], come: Collection[str]) -> None:
    """Let variations of a listing go and others come; refuse a name that another option uses."""
    names = working.variation_names(patch.object_id)
    names.difference_update(gone)
    if not names.isdisjoint(come):
        raise invalid("another option has a variation of that name")
    names.update(come)
    listing_id = int.from_bytes(patch.object_id)
    working.vanished.update((listing_id, name) for name in gone if name not in names)


def _replace_options(working: WorkingSet, patch: Patch, listing: Listing) -> None:
    options: dict[str, ListingOption] = read_as(Options, "Options", patch.value)
    if repeated_variation(options.values()) is not None:
        raise invalid("two options have a variation of the same name")
    exchange_all(working, patch, options)
    listing.options = options


def _add_option(working: WorkingSet, patch: Patch, listing: Listing, name: str) -> None:
    if listing.options is not None and name in listing.options:
        raise invalid("the listing has this option already")
    _replace_option(working, patch, listing, name)


def _replace_option(working: WorkingSet, patch: Patch, listing: Listing, name: str) -> None:
    read_as(NotBlank, "the name of an option", name)
    option = read(ListingOption, patch.value)
    if listing.options is None:
        listing.options = {}
    old = listing.options.get(name)
    _exchange(working, patch, _variations(old), _variations(option))
    listing.options[name] = option


def _replace_option_title(_working: WorkingSet, patch: Patch, listing: Listing, name: str) -> None:
    option = _option(patch, listing, name)
    option.title = read_as(NotBlank, "Title", patch.value)


def _remove_option(working: WorkingSet, patch: Patch, listing: Listing, name: str) -> None:
    option = _option(patch, listing, name)
    _exchange(working, patch, _variations(option), ())
    if listing.options is not None:
        del listing.options[name]


def _add_variation(working: WorkingSet, patch: Patch, listing: Listing, in_option: str, name: str) -> None:
    option = _option(patch, listing, in_option)
    if name in working.variation_names(patch.object_id):
        raise invalid("the listing has a variation of that name already")
    read_as(VariationName, "the name of a variation", name)
    variation = read(ListingVariation, patch.value)
    _exchange(working, patch, (), (name,))
    if option.variations is None:
        option.variations = {}
    option.variations[name] = variation


def _replace_variation(
    _working: WorkingSet, patch: Patch, listing: Listing, in_option: str, name: str
) -> None:
    variations = _option(patch, listing, in_option).variations or {}
    _require(patch, variations, name)
    variations[name] = read(ListingVariation, patch.value)


def _replace_variation_field(attribute: str, kind: Any) -> Handler:
    def replace_variation_field(
        _working: WorkingSet, patch: Patch, listing: Listing, in_option: str, name: str
    ) -> None:
        variation = _variation(patch, listing, in_option, name)
        setattr(variation, attribute, read_as(kind, str(patch.fields[-1]), patch.value))

    return replace_variation_field


def _remove_variation(working: WorkingSet, patch: Patch, listing: Listing, in_option: str, name: str) -> None:
    variations = _option(patch, listing, in_option).variations or {}
    _require(patch, variations, name)
    _exchange(working, patch, (name,), ())
    del variations[name]


def _remove_variation_field(attribute: str) -> Handler:
    def remove_variation_field(
        _working: WorkingSet, patch: Patch, listing: Listing, in_option: str, name: str
    ) -> None:
        variation = _variation(patch, listing, in_option, name)
        # An empty SKU is left out of the canonical form: it counts as none from the start.
        if not getattr(variation, attribute):
            raise not_found("the variation has nothing there", object_number(patch))
        setattr(variation, attribute, None)

    return remove_variation_field


def _option(patch: Patch, listing: Listing, name: str) -> ListingOption:
    options = listing.options or {}
    _require(patch, options, name)
    return options[name]


def _variation(patch: Patch, listing: Listing, in_option: str, name: str) -> ListingVariation:
    variations = _option(patch, listing, in_option).variations or {}
    _require(patch, variations, name)
    return variations[name]


def _require(patch: Patch, entries: Mapping[str, object], name: str) -> None:
    if name not in entries:
        raise not_found("the listing has no such option or variation", object_number(patch))


def _variations(option: ListingOption | None) -> Collection[str]:
    return (option.variations or ()) if option is not None else ()


ROWS: Rows = {
    ("add", "Options", NAME): _add_option,
    ("add", "Options", NAME, "Variations", NAME): _add_variation,
    ("replace", "Options"): _replace_options,
    ("replace", "Options", NAME): _replace_option,
    ("replace", "Options", NAME, "Title"): _replace_option_title,
    ("replace", "Options", NAME, "Variations", NAME): _replace_variation,
    ("replace", "Options", NAME, "Variations", NAME, "VariationInfo"): _replace_variation_field(
        "variation_info", ListingMetadata
    ),
    ("replace", "Options", NAME, "Variations", NAME, "PriceModifier"): _replace_variation_field(
        "price_modifier", PriceModifier
    ),
    ("replace", "Options", NAME, "Variations", NAME, "SKU"): _replace_variation_field("sku", str),
    ("remove", "Options", NAME): _remove_option,
    ("remove", "Options", NAME, "Variations", NAME): _remove_variation,
    ("remove", "Options", NAME, "Variations", NAME, "PriceModifier"): _remove_variation_field(
        "price_modifier"
    ),
    ("remove", "Options", NAME, "Variations", NAME, "SKU"): _remove_variation_field("sku"),
}
