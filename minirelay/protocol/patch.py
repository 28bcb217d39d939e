"""One patch: what is done to which object, and the bytes that are its leaf (spec 02 "SignedPatchSet")."""

from typing import Final, Literal, TypeGuard

import msgspec

from minirelay.errors import MalformedInput, invalid
from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.cbor import Key, Value
from minirelay.protocol.cbor_reader import Reader
from minirelay.protocol.field_names import find_field, get_field
from minirelay.protocol.ids import OBJECT_ID_BYTES
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.sizes import MOST_LOGGED_CONTAINERS

Op = Literal["add", "append", "replace", "remove", "increment", "decrement"]
PathElement = str | int | bytes
Path = tuple[PathElement, ...]

OPS: Final = frozenset({"add", "append", "replace", "remove", "increment", "decrement"})
TABLES: Final = {
    "Manifest": ObjectType.MANIFEST,
    "Accounts": ObjectType.ACCOUNT,
    "Listings": ObjectType.LISTING,
    "Orders": ObjectType.ORDER,
    "Tags": ObjectType.TAG,
    "Inventory": ObjectType.INVENTORY,
}
_WHAT: Final = "invalid patch"
_PATH_ELEMENTS: Final = frozenset({str, int, bytes})


class Patch(msgspec.Struct, frozen=True):
    """A patch of which `Op`, `Path[0]` and `Path[1]` are checked, the rest is not.

    path: all of it, path[0] is the table's name. value: None when absent, which only `remove` allows. raw:
    the exact bytes of this element of `Patches`, the leaf. object_id: 8 bytes big-endian (listing, order,
    inventory: the listing's id), the tag's name in UTF-8, a 20-byte address, nothing for the manifest.
    fields: what follows the id in the path.
    """

    op: Op
    path: Path
    value: Value
    raw: bytes
    object_type: ObjectType
    object_id: bytes
    fields: Path


def decode_patch(raw: bytes) -> Patch:
    """Decode the exact bytes of one patch, as a log may hold it. Raises Refusal INVALID."""
    reader = Reader(raw, MOST_LOGGED_CONTAINERS)
    try:
        value = reader.item()
        reader.finish()
    except MalformedInput as error:
        raise invalid(f"{_WHAT}: {error}") from error
    return patch_from(value, raw, has_bignums=reader.bignums > 0)


def patch_from(value: Value, raw: bytes, *, has_bignums: bool) -> Patch:
    """Check a patch that was decoded from `raw`. has_bignums: anywhere in it. Raises Refusal INVALID."""
    if type(value) is not dict:
        raise invalid(f"{_WHAT}: not a map")
    op = get_field(value, "Op", _WHAT)
    if not _is_op(op):
        raise invalid(f"{_WHAT}: unknown Op")
    path_key = find_field(value, "Path", _WHAT)
    path = _path(None if path_key is None else value[path_key])
    if has_bignums and _has_bignums(raw, path_key):
        raise invalid(f"{_WHAT}: a bignum in the path")
    value_key = find_field(value, "Value", _WHAT)
    if value_key is None and op != "remove":
        raise invalid(f"{_WHAT}: {op} needs a value")
    content = None if value_key is None else value[value_key]
    table, object_id, fields = _target(path)
    return Patch(op, path, content, raw, table, object_id, fields)


def new_patch(op: Op, path: Path, value: Value, raw: bytes) -> Patch:
    """Make the patch that `raw` was just encoded from. Raises Refusal INVALID for a path to no object."""
    table, object_id, fields = _target(path)
    return Patch(op, path, value, raw, table, object_id, fields)


def _is_op(value: object) -> TypeGuard[Op]:
    return type(value) is str and value in OPS


def _path(value: Value) -> Path:
    if type(value) is not list or not value:
        raise invalid(f"{_WHAT}: Path is not a list of at least one element")
    if not _PATH_ELEMENTS.issuperset(map(type, value)):
        raise invalid(f"{_WHAT}: a path is made of text, bytes and plain integers")
    return tuple(value)  # type: ignore[arg-type]


def _has_bignums(raw: bytes, path_key: Key | None) -> bool:
    """Read a patch again, field by field: in values, bignums can't be told from plain integers."""
    reader = Reader(raw, MOST_LOGGED_CONTAINERS)
    for key in reader.enter_map():
        before = reader.bignums
        reader.item()
        if key == path_key and reader.bignums > before:
            return True
    return False


def _target(path: Path) -> tuple[ObjectType, bytes, Path]:
    """Return the type and id of the object that a path leads to, and what follows the id."""
    table = TABLES.get(path[0]) if isinstance(path[0], str) else None
    if table is None:
        raise invalid(f"{_WHAT}: the path leads to no kind of object")
    if table is ObjectType.MANIFEST:
        return table, b"", path[1:]
    if len(path) < 2:
        raise invalid(f"{_WHAT}: no id in the path")
    return table, _object_id(table, path[1]), path[2:]


def _object_id(table: ObjectType, key: PathElement) -> bytes:
    if table is ObjectType.ACCOUNT:
        if isinstance(key, bytes) and len(key) == ADDRESS_BYTES:
            return key
        raise invalid(f"{_WHAT}: an account goes by an address of {ADDRESS_BYTES} bytes")
    if table is ObjectType.TAG:
        if isinstance(key, str) and key:
            return key.encode()
        raise invalid(f"{_WHAT}: a tag goes by a name that is not empty")
    if isinstance(key, int):
        return key.to_bytes(OBJECT_ID_BYTES)
    raise invalid(f"{_WHAT}: listings, orders and stock go by a uint64")
