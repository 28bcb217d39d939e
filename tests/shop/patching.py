"""What the tests of the patch rules share: patches from the wire, small shops, rows of spec 04's tables."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cbor2
import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch, decode_patch
from minirelay.shop.canonical import dump, read, read_as
from minirelay.shop.draft import Draft
from minirelay.shop.objects import Account, Listing, Manifest, Order, Tag, Uint64
from minirelay.shop.state import Change, ShopState

KINDS: Mapping[ObjectType, Any] = {
    ObjectType.MANIFEST: Manifest,
    ObjectType.ACCOUNT: Account,
    ObjectType.LISTING: Listing,
    ObjectType.TAG: Tag,
    ObjectType.ORDER: Order,
}

LISTING, TAG, ORDER = ObjectType.LISTING, ObjectType.TAG, ObjectType.ORDER
ACCOUNT, MANIFEST, INVENTORY = ObjectType.ACCOUNT, ObjectType.MANIFEST, ObjectType.INVENTORY

PAYEE = bytes(range(1, 21))
OTHER_PAYEE = b"\x77" * 20
NATIVE = bytes(20)
TOKEN = b"\x70" * 20

MANIFEST_VALUE: dict[str, Any] = {
    "ShopID": 2**255 + 7,
    "Payees": {1337: {PAYEE: {"CallAsContract": False}, OTHER_PAYEE: {"CallAsContract": True}}},
    "AcceptedCurrencies": {1: {NATIVE: {}}, 1337: {NATIVE: {}, TOKEN: {}}},
    "PricingCurrency": {"ChainID": 1337, "Address": TOKEN},
    "ShippingRegions": {"default": {"Country": "", "PostalCode": "", "City": ""}},
}


def patch(op: str, *path: str | int | bytes, value: Any = None) -> Patch:
    """Make a patch as a client would send it."""
    return decode_patch(cbor2.dumps({"Op": op, "Path": list(path), "Value": value}))


def number(object_id: int) -> bytes:
    """Return the trie key of a listing or an order."""
    return object_id.to_bytes(8)


def shop(*objects: tuple[ObjectType, bytes, Any], manifest: Any = MANIFEST_VALUE) -> ShopState:
    """Build a state from plain values; None leaves the manifest out."""
    entries = [(kind, key, canonical(kind, value)) for kind, key, value in objects]
    if manifest is not None:
        entries.append((MANIFEST, b"", canonical(MANIFEST, manifest)))
    return ShopState.from_objects(entries)


def canonical(object_type: ObjectType, value: Any) -> bytes:
    """Encode a plain value the way it is stored."""
    if object_type is INVENTORY:
        return dump(read_as(Uint64, "stock", value))
    return dump(read(KINDS[object_type], value))


def applied(state: ShopState, *patches: Patch) -> ShopState:
    """Apply patches as one set."""
    return applied_with_changes(state, *patches)[0]


def applied_with_changes(state: ShopState, *patches: Patch) -> tuple[ShopState, tuple[Change, ...]]:
    """Apply patches as one set; give the changes too."""
    draft = Draft(state)
    for one in patches:
        draft.apply(one)
    return draft.finish()


def refused(state: ShopState, *patches: Patch) -> Refusal:
    """Apply patches as one set of which the last is refused; give the refusal."""
    draft = Draft(state)
    for one in patches[:-1]:
        draft.apply(one)
    with pytest.raises(Refusal) as caught:
        draft.apply(patches[-1])
    assert caught.value.message
    return caught.value


def value_of(state: ShopState, object_type: ObjectType, key: bytes) -> Any:
    """Return an object as a plain value, None if there is none."""
    data = state.get(object_type, key)
    return None if data is None else cbor2.loads(data)


@dataclass(frozen=True)
class Refused:
    """The outcome of a patch that is refused."""

    code: Code
    object_id: int | None = None


@dataclass(frozen=True)
class Effect:
    """The outcome of a patch that is accepted: what is different in the object, or all of it at the root."""

    put: tuple[tuple[tuple[Any, ...], Any], ...] = ()
    lost: tuple[tuple[Any, ...], ...] = ()

    def on(self, before: Any) -> Any:
        """Return what the object must be afterwards."""
        whole = [copy.deepcopy(before)]
        for path, value in self.put:
            _inside(whole, path)[(0, *path)[-1]] = value
        for path in self.lost:
            del _inside(whole, path)[path[-1]]
        return whole[0]


def _inside(whole: list[Any], path: tuple[Any, ...]) -> Any:
    place: Any = whole
    for step in (0, *path)[:-1]:
        place = place[step]
    return place


INV = Refused(Code.INVALID)


def nf(object_id: int | None = None) -> Refused:
    """NF(x) and NF(–) of the tables."""
    return Refused(Code.NOT_FOUND, object_id)


def oos(object_id: int) -> Refused:
    """OOS(l) of the tables."""
    return Refused(Code.OUT_OF_STOCK, object_id)


SAME = Effect()


def becomes(value: Any, *path: Any) -> Effect:
    """The object has this value at that path now; without a path it is this value."""
    return Effect(put=((path, value),))


def loses(*path: Any) -> Effect:
    """The object has nothing at that path now."""
    return Effect(lost=(path,))


def both(*effects: Effect) -> Effect:
    """Several differences at once."""
    return Effect(sum((one.put for one in effects), ()), sum((one.lost for one in effects), ()))


@dataclass(frozen=True)
class Row:
    """One row of a table: a patch on a shop, and its outcome."""

    patch: Patch
    outcome: Refused | Effect
    note: str = ""

    def __str__(self) -> str:
        """Name the test."""
        path = "/".join(
            one[:20] if isinstance(one, str) else one.hex()[:6] if isinstance(one, bytes) else str(one)
            for one in self.patch.path
        )
        return f"{self.patch.op}-{path}{'-' * bool(self.note)}{self.note}"


def row(op: str, path: Iterable[Any], outcome: Refused | Effect, value: Any = None, note: str = "") -> Row:
    """Write a row: op, path, outcome, value."""
    return Row(patch(op, *path, value=value), outcome, note)


def check_row(state: ShopState, one: Row, key: bytes) -> None:
    """Hold a row against a state. key: the trie key of the object that it is about."""
    if isinstance(one.outcome, Refused):
        refusal = refused(state, one.patch)
        assert Refused(refusal.code, refusal.object_id) == one.outcome
        return
    after, changes = applied_with_changes(state, one.patch)
    object_type = one.patch.object_type
    assert value_of(after, object_type, key) == one.outcome.on(value_of(state, object_type, key))
    check_sound(state, after, changes)
    assert all((change.object_type, change.key) == (object_type, key) for change in changes)


def check_sound(before: ShopState, after: ShopState, changes: tuple[Change, ...]) -> None:
    """Check what holds after every set: the changes tell the whole difference, contents are canonical."""
    expected = {(kind, key): value for kind, key, value in before.objects()}
    for change in changes:
        if change.value is None:
            assert expected.pop((change.object_type, change.key), None) is not None
        else:
            assert expected.get((change.object_type, change.key)) != change.value
            expected[change.object_type, change.key] = change.value
            assert canonical(change.object_type, cbor2.loads(change.value)) == change.value
    assert {(kind, key): value for kind, key, value in after.objects()} == expected
    rebuilt = ShopState.from_objects((kind, key, value) for (kind, key), value in expected.items())
    assert rebuilt.root_hash == after.root_hash
