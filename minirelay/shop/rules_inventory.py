"""What patches do to the inventory (spec 04 "Inventory").

A record is found by its listing and the names of variations, in any order.
"""

from collections.abc import Callable, Mapping

from minirelay.errors import Code, Refusal, invalid, not_found
from minirelay.protocol.patch_set import Patch
from minirelay.shop.canonical import read_as
from minirelay.shop.objects import Uint64
from minirelay.shop.path_table import object_number, require_present
from minirelay.shop.state import inventory_key
from minirelay.shop.working_set import WorkingSet

MAX_STOCK = 2**64 - 1


def apply(working: WorkingSet, patch: Patch) -> None:
    """Apply a patch to a stock record. Raises Refusal."""
    handler = OPERATIONS.get(patch.op)
    if handler is None:
        raise invalid(f"{patch.op} can't be used on Inventory")
    require_present(patch, working.listings.has(patch.object_id))
    key = inventory_key(int.from_bytes(patch.object_id), _variations(working, patch))
    working.inventory.put(key, handler(patch, working.inventory.look(key)))


def _variations(working: WorkingSet, patch: Patch) -> list[str]:
    names = [name for name in patch.fields if isinstance(name, str)]
    if len(names) < len(patch.fields):
        raise invalid("behind the listing's id the path must have names of variations only")
    if len(set(names)) < len(names):
        raise invalid("the path has the same variation twice")
    if names and not working.variation_names(patch.object_id).issuperset(names):
        raise invalid("the listing does not have this variation")
    return names


def _add(patch: Patch, stock: int | None) -> int:
    if stock is not None:
        raise invalid("there is such a stock record already")
    return _read_count(patch)


def _replace(patch: Patch, stock: int | None) -> int:
    _require_record(patch, stock)
    return _read_count(patch)


def _remove(patch: Patch, stock: int | None) -> None:
    _require_record(patch, stock)


def _increment(patch: Patch, stock: int | None) -> int:
    total = (stock or 0) + _read_count(patch)
    if total > MAX_STOCK:
        raise invalid("the stock would be more than 64 bits can hold")
    return total


def _decrement(patch: Patch, stock: int | None) -> int:
    listing_id = object_number(patch)
    if stock is None:
        raise Refusal(Code.OUT_OF_STOCK, "there is no stock record", listing_id)
    left = stock - _read_count(patch)
    if left < 0:
        raise Refusal(Code.OUT_OF_STOCK, "there is not that much in stock", listing_id)
    return left


def _require_record(patch: Patch, stock: int | None) -> None:
    if stock is None:
        raise not_found("there is no such stock record", object_number(patch))


def _read_count(patch: Patch) -> int:
    count: int = read_as(Uint64, "the stock", patch.value)
    return count


OPERATIONS: Mapping[str, Callable[[Patch, int | None], int | None]] = {
    "add": _add,
    "replace": _replace,
    "remove": _remove,
    "increment": _increment,
    "decrement": _decrement,
}
