"""What patches do to listings (spec 04 "Listings"); what they do below `Options` is in `rules_options`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from minirelay.errors import invalid, not_found
from minirelay.protocol.patch_set import Patch
from minirelay.shop import rules_options
from minirelay.shop.canonical import read, read_as, reader_of
from minirelay.shop.objects import (
    Listing,
    ListingMetadata,
    ListingStockStatus,
    NotBlank,
    Uint256,
    ViewState,
)
from minirelay.shop.path_table import Handler, PathTable, Slot, check_presence, object_number
from minirelay.shop.working_set import WorkingSet

INDEX = Slot.INDEX


def apply(working: WorkingSet, patch: Patch) -> None:
    """Apply a patch to a listing. Raises Refusal."""
    TABLE.check_op(patch)
    listing = working.listings.edit(patch.object_id)
    check_presence(patch, listing is not None)
    handler, held = TABLE.find(patch)
    handler(working, patch, listing, *held)


_read_listing = reader_of(Listing)


def _write(working: WorkingSet, patch: Patch, old: Listing | None) -> None:
    listing: Listing = _read_listing("Listing", patch.value)
    # Most listings have no options.
    if listing.options or (old is not None and old.options):
        rules_options.exchange_all(working, patch, listing.options)
    working.listings.put(patch.object_id, listing)


def _remove(working: WorkingSet, patch: Patch, _listing: Listing) -> None:
    listing_id = int.from_bytes(patch.object_id)
    if working.tag_index.is_tagged(listing_id):
        raise invalid("a tag names this listing")
    rules_options.exchange_all(working, patch, None)
    working.vanished.add((listing_id, None))
    working.listings.put(patch.object_id, None)


def _replace_field(attribute: str, kind: Any) -> Handler:
    read_it = reader_of(kind)

    def replace_field(_working: WorkingSet, patch: Patch, listing: Listing) -> None:
        setattr(listing, attribute, read_it(str(patch.fields[0]), patch.value))

    return replace_field


def _replace_metadata_field(attribute: str, kind: Any) -> Handler:
    read_it = reader_of(kind)

    def replace_metadata_field(_working: WorkingSet, patch: Patch, listing: Listing) -> None:
        setattr(listing.metadata, attribute, read_it(str(patch.fields[1]), patch.value))

    return replace_metadata_field


def _insert_image(working: WorkingSet, patch: Patch, listing: Listing, index: int) -> None:
    images = listing.metadata.images or []
    _check_index(patch, images, index)
    working.work.move_entries(len(images))
    images.insert(index, _read_image(patch))


def _append_image(_working: WorkingSet, patch: Patch, listing: Listing) -> None:
    image = _read_image(patch)
    if listing.metadata.images is None:
        listing.metadata.images = []
    listing.metadata.images.append(image)


def _replace_image(_working: WorkingSet, patch: Patch, listing: Listing, index: int) -> None:
    images = listing.metadata.images or []
    _check_index(patch, images, index)
    images[index] = _read_image(patch)


def _remove_image(working: WorkingSet, patch: Patch, listing: Listing, index: int) -> None:
    images = listing.metadata.images or []
    _check_index(patch, images, index)
    working.work.move_entries(len(images))
    del images[index]


def _insert_status(working: WorkingSet, patch: Patch, listing: Listing, index: int) -> None:
    statuses = listing.stock_statuses or []
    _check_index(patch, statuses, index)
    working.work.move_entries(len(statuses))
    statuses.insert(index, read(ListingStockStatus, patch.value))


def _append_status(_working: WorkingSet, patch: Patch, listing: Listing) -> None:
    status = read(ListingStockStatus, patch.value)
    if listing.stock_statuses is None:
        listing.stock_statuses = []
    listing.stock_statuses.append(status)


def _replace_status(_working: WorkingSet, patch: Patch, listing: Listing, index: int) -> None:
    statuses = listing.stock_statuses or []
    _check_index(patch, statuses, index)
    statuses[index] = read(ListingStockStatus, patch.value)


def _replace_in_stock(_working: WorkingSet, patch: Patch, listing: Listing, index: int) -> None:
    statuses = listing.stock_statuses or []
    _check_index(patch, statuses, index)
    statuses[index].in_stock = read_as(bool, "InStock", patch.value)
    statuses[index].expected_in_stock_by = None


def _replace_expected(_working: WorkingSet, patch: Patch, listing: Listing, index: int) -> None:
    statuses = listing.stock_statuses or []
    _check_index(patch, statuses, index)
    statuses[index].expected_in_stock_by = read_as(datetime, "ExpectedInStockBy", patch.value)
    statuses[index].in_stock = None


def _remove_status(working: WorkingSet, patch: Patch, listing: Listing, index: int) -> None:
    statuses = listing.stock_statuses or []
    _check_index(patch, statuses, index)
    working.work.move_entries(len(statuses))
    del statuses[index]


def _read_image(patch: Patch) -> str:
    image: str = read_as(str, "an image", patch.value)
    return image


def _check_index(patch: Patch, entries: Sequence[object], index: int) -> None:
    if index >= len(entries):
        raise not_found(f"the list has no entry {index}", object_number(patch))


TABLE = PathTable(
    {
        ("add",): _write,
        ("add", "Metadata", "Images", INDEX): _insert_image,
        ("add", "StockStatuses", INDEX): _insert_status,
        ("append", "Metadata", "Images"): _append_image,
        ("append", "StockStatuses"): _append_status,
        ("replace",): _write,
        ("replace", "Price"): _replace_field("price", Uint256),
        ("replace", "ViewState"): _replace_field("view_state", ViewState),
        ("replace", "Metadata"): _replace_field("metadata", ListingMetadata),
        ("replace", "Metadata", "Title"): _replace_metadata_field("title", NotBlank),
        ("replace", "Metadata", "Description"): _replace_metadata_field("description", NotBlank),
        ("replace", "Metadata", "Images"): _replace_metadata_field("images", list[str]),
        ("replace", "Metadata", "Images", INDEX): _replace_image,
        ("replace", "StockStatuses"): _replace_field("stock_statuses", list[ListingStockStatus]),
        ("replace", "StockStatuses", INDEX): _replace_status,
        ("replace", "StockStatuses", INDEX, "InStock"): _replace_in_stock,
        ("replace", "StockStatuses", INDEX, "ExpectedInStockBy"): _replace_expected,
        ("remove",): _remove,
        ("remove", "Metadata", "Images", INDEX): _remove_image,
        ("remove", "StockStatuses", INDEX): _remove_status,
        **rules_options.ROWS,
    },
    other_fields=("ID",),
    unknown_not_found={
        ("add",),
        ("append",),
        ("replace",),
        ("remove",),
        ("append", "Metadata"),
        ("remove", "Metadata"),
    },
)
