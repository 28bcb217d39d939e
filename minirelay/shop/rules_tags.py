"""What patches do to tags (spec 04 "Tags")."""

from collections.abc import Iterable

from minirelay.errors import invalid, not_found
from minirelay.protocol.patch_set import Patch
from minirelay.shop.canonical import read, read_as
from minirelay.shop.objects import NotBlank, Tag, Uint64
from minirelay.shop.path_table import PathTable, Slot, check_presence
from minirelay.shop.references import has_listing, require_listing
from minirelay.shop.working_set import WorkingSet

INDEX = Slot.INDEX


def apply(working: WorkingSet, patch: Patch) -> None:
    """Apply a patch to a tag. Raises Refusal."""
    TABLE.check_op(patch)
    tag = working.tags.edit(patch.object_id)
    check_presence(patch, tag is not None)
    handler, held = TABLE.find(patch)
    handler(working, patch, tag, *held)


def _add(working: WorkingSet, patch: Patch, _absent: None) -> None:
    tag = _read_tag(working, patch)
    working.tag_index.note(patch.object_id, come=tag.listing_ids)
    working.tags.put(patch.object_id, tag)


def _replace(working: WorkingSet, patch: Patch, old: Tag) -> None:
    tag = _read_tag(working, patch)
    working.tag_index.note(patch.object_id, gone=old.listing_ids, come=tag.listing_ids)
    working.tags.put(patch.object_id, tag)


def _remove(working: WorkingSet, patch: Patch, tag: Tag) -> None:
    working.tag_index.note(patch.object_id, gone=tag.listing_ids)
    working.tags.put(patch.object_id, None)


def _replace_name(_working: WorkingSet, patch: Patch, tag: Tag) -> None:
    tag.name = read_as(NotBlank, "Name", patch.value)


def _replace_listings(working: WorkingSet, patch: Patch, tag: Tag) -> None:
    # Null is an empty list here (03).
    listing_ids: list[int] = read_as(list[Uint64], "ListingIDs", [] if patch.value is None else patch.value)
    _require_all(working, listing_ids)
    working.tag_index.note(patch.object_id, gone=tag.listing_ids, come=listing_ids)
    tag.listing_ids = listing_ids


def _insert_listing(working: WorkingSet, patch: Patch, tag: Tag, index: int) -> None:
    _check_index(tag, index)
    listing_id = _read_listing_id(working, patch)
    working.work.move_entries(len(tag.listing_ids))
    tag.listing_ids.insert(index, listing_id)
    working.tag_index.note(patch.object_id, come=(listing_id,))


def _append_listing(working: WorkingSet, patch: Patch, tag: Tag) -> None:
    listing_id = _read_listing_id(working, patch)
    if working.tag_index.holds(patch.object_id, listing_id):
        raise invalid("this listing is in the tag already")
    tag.listing_ids.append(listing_id)
    working.tag_index.note(patch.object_id, come=(listing_id,))


def _replace_listing(working: WorkingSet, patch: Patch, tag: Tag, index: int) -> None:
    _check_index(tag, index)
    listing_id = _read_listing_id(working, patch)
    working.tag_index.note(patch.object_id, gone=(tag.listing_ids[index],), come=(listing_id,))
    tag.listing_ids[index] = listing_id


def _remove_listing(working: WorkingSet, patch: Patch, tag: Tag, index: int) -> None:
    _check_index(tag, index)
    working.work.move_entries(len(tag.listing_ids))
    working.tag_index.note(patch.object_id, gone=(tag.listing_ids.pop(index),))


def _read_tag(working: WorkingSet, patch: Patch) -> Tag:
    tag = read(Tag, patch.value)
    _require_all(working, tag.listing_ids)
    # Other relays keep the path's name: with the value's, the roots would differ.
    tag.name = read_as(NotBlank, "the name in the path", patch.object_id.decode())
    return tag


def _read_listing_id(working: WorkingSet, patch: Patch) -> int:
    listing_id: int = read_as(Uint64, "a listing's id", patch.value)
    require_listing(working, listing_id)
    return listing_id


def _require_all(working: WorkingSet, listing_ids: Iterable[int]) -> None:
    # Each once: a list may name the same listing as often as it has room.
    for listing_id in dict.fromkeys(listing_ids):
        if not has_listing(working, listing_id):
            raise invalid(f"listing {listing_id} does not exist")


def _check_index(tag: Tag, index: int) -> None:
    if index >= len(tag.listing_ids):
        raise not_found(f"the tag has no listing at {index}")


TABLE = PathTable(
    {
        ("add",): _add,
        ("add", "ListingIDs", INDEX): _insert_listing,
        ("append", "ListingIDs"): _append_listing,
        ("replace",): _replace,
        ("replace", "Name"): _replace_name,
        ("replace", "ListingIDs"): _replace_listings,
        ("replace", "ListingIDs", INDEX): _replace_listing,
        ("remove",): _remove,
        ("remove", "ListingIDs", INDEX): _remove_listing,
    }
)
