import json
import threading
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import cbor2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.protocol.objects import ObjectType
from minirelay.shop.hamt import EMPTY, Hamt
from minirelay.shop.state import (
    MANIFEST_KEY,
    SCHEMA_VERSION,
    Change,
    ShopState,
    id_key,
    inventory_key,
    tag_key,
)

VECTORS = Path(__file__).parent.parent / "vectors"
ROOTS = json.loads((VECTORS / "shop_root.json").read_text())
STATES = json.loads((VECTORS / "patches.json").read_text())["states"]

TABLES = {
    "Accounts": ObjectType.ACCOUNT,
    "Listings": ObjectType.LISTING,
    "Tags": ObjectType.TAG,
    "Orders": ObjectType.ORDER,
    "Inventory": ObjectType.INVENTORY,
}
MANIFEST = ObjectType.MANIFEST
TIMEOUT_S = 10.0
EMPTY_ROOT = sha256(b"").digest()

Entry = tuple[ObjectType, bytes, bytes]


def state_of(manifest: str, tables: Mapping[str, Mapping[str, str]], version: int) -> ShopState:
    objects: list[Entry] = [(MANIFEST, b"", bytes.fromhex(manifest))]
    for name, entries in tables.items():
        objects += ((TABLES[name], bytes.fromhex(k), bytes.fromhex(v)) for k, v in entries.items())
    return msgspec.structs.replace(ShopState.from_objects(objects), schema_version=version)


@pytest.mark.parametrize("vector", ROOTS)
def test_shop_root_vectors(vector: dict[str, Any]) -> None:
    tables = {name: dict(vector["objects"][name]) for name in TABLES}
    state = state_of(vector["manifest"], tables, vector["schema_version"])
    for name in TABLES:
        assert getattr(state, name.lower()).root_hash.hex() == vector["trie_roots"][name]
    assert state.root_hash.hex() == vector["root"]


@pytest.mark.parametrize("vector", STATES)
def test_roots_of_the_patch_vectors(vector: dict[str, Any]) -> None:
    tables = {name: vector[name] for name in TABLES}
    state = state_of(vector["Manifest"], tables, vector["SchemaVersion"])
    assert state.root_hash.hex() == vector["root"]


def test_a_new_shop_is_of_schema_version_4_and_empty() -> None:
    state = ShopState()
    assert state.schema_version == SCHEMA_VERSION == 4
    assert state.manifest is None
    assert list(state.objects()) == []
    assert state == ShopState.from_objects([])


def test_a_shop_without_a_manifest_hashes_null_in_its_place() -> None:
    fields = {"SchemaVersion": 4, "Manifest": None} | dict.fromkeys(TABLES, EMPTY_ROOT)
    assert ShopState().root_hash == sha256(cbor2.dumps(fields, canonical=True)).digest()


KEYS = st.sampled_from([b"a", b"b", b"\x00" * 8, b"key"])
CHANGES = st.lists(
    st.one_of(
        st.builds(
            Change,
            st.sampled_from(list(TABLES.values())),
            KEYS,
            st.one_of(st.none(), st.integers(0, 300).map(cbor2.dumps)),
        ),
        st.builds(
            Change,
            st.just(MANIFEST),
            st.just(MANIFEST_KEY),
            st.sampled_from([None, b"\xa0", b"\xa1\x01\x02"]),
        ),
    ),
    max_size=30,
)


@given(CHANGES)
@settings(derandomize=True, max_examples=200, deadline=None)
def test_changes_add_up_to_what_a_dict_says(changes: list[Change]) -> None:
    expected: dict[tuple[ObjectType, bytes], bytes] = {}
    one_by_one = ShopState()
    for change in changes:
        one_by_one = one_by_one.with_changes([change])
        if change.value is None:
            expected.pop((change.object_type, change.key), None)
        else:
            expected[change.object_type, change.key] = change.value
    state = ShopState().with_changes(changes)
    assert {(object_type, key): value for object_type, key, value in state.objects()} == expected
    for object_type in TABLES.values():
        assert state.get(object_type, b"a") == expected.get((object_type, b"a"))
    assert state.get(MANIFEST, MANIFEST_KEY) == expected.get((MANIFEST, MANIFEST_KEY))
    rebuilt = ShopState.from_objects(reversed(list(state.objects())))
    assert state == one_by_one == rebuilt
    assert state.root_hash == one_by_one.root_hash == rebuilt.root_hash


def test_a_change_leaves_the_state_before_it_alone() -> None:
    before = ShopState().with_changes([Change(ObjectType.TAG, b"tag", b"\x01")])
    root = before.root_hash
    after = before.with_changes(
        [Change(ObjectType.TAG, b"tag", b"\x02"), Change(ObjectType.LISTING, id_key(1), b"\x03")]
    )
    assert after.root_hash != root
    assert before.root_hash == root
    assert before.get(ObjectType.TAG, b"tag") == b"\x01"
    assert before.get(ObjectType.LISTING, id_key(1)) is None
    assert after.accounts is before.accounts


def test_what_empties_a_trie_counts_before_what_fills_it_again() -> None:
    state = ShopState().with_changes([Change(ObjectType.TAG, b"old", b"\x01")])
    state = state.with_changes(
        [Change(ObjectType.TAG, b"old", None), Change(ObjectType.TAG, b"new", b"\x02")]
    )
    assert list(state.objects()) == [(ObjectType.TAG, b"new", b"\x02")]


def test_the_manifest_is_the_first_of_the_objects() -> None:
    state = ShopState.from_objects([(ObjectType.TAG, b"tag", b"\x01"), (MANIFEST, b"", b"\xa0")])
    assert [object_type for object_type, _, _ in state.objects()] == [MANIFEST, ObjectType.TAG]


def test_a_state_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        ShopState().tags = EMPTY  # type: ignore[misc]


def test_ids_are_8_bytes_big_endian() -> None:
    assert id_key(1) == b"\x00\x00\x00\x00\x00\x00\x00\x01"
    assert id_key(2**64 - 1) == b"\xff" * 8
    with pytest.raises(OverflowError):
        id_key(2**64)


def test_tags_are_keyed_by_their_name_in_utf_8() -> None:
    assert tag_key("Käse") == b"K\xc3\xa4se"


def test_inventory_is_keyed_by_listing_and_sorted_variations() -> None:
    assert inventory_key(258) == b"\x00\x00\x00\x00\x00\x00\x01\x02"
    assert inventory_key(1, ["xl", "blue"]) == inventory_key(1, ["blue", "xl"]) == id_key(1) + b"blue|xl"
    # Bytewise: capitals before small letters, U+FFFD before what UTF-16 would write as a surrogate pair.
    assert inventory_key(1, ["\U0001f600", "\ufffd", "b", "B"]) == id_key(1) + (
        "B|b|\ufffd|\U0001f600".encode()
    )


class SlowTrie:
    """A trie that is being hashed until somebody says that it may end; where tries are compiled, too."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    @property
    def root_hash(self) -> bytes:
        self.begun.set()
        assert self.may_end.wait(TIMEOUT_S)
        return EMPTY.root_hash


def test_hashing_a_shop_in_a_thread_stops_no_other() -> None:
    slow = SlowTrie()
    state = ShopState(listings=cast(Hamt, slow))
    thread = threading.Thread(target=lambda: state.root_hash)
    thread.start()
    other = threading.Thread(target=lambda: ShopState().root_hash)
    try:
        assert slow.begun.wait(TIMEOUT_S)
        other.start()
        other.join(TIMEOUT_S / 2)
        assert not other.is_alive()
    finally:
        slow.may_end.set()
        thread.join()
        other.join()
    assert state.root_hash == ShopState().root_hash


def test_it_is_known_how_much_there_is_to_hash() -> None:
    state = ShopState.from_objects(
        [(ObjectType.MANIFEST, b"", bytes(500)), (ObjectType.TAG, b"t", bytes(50))]
    )
    assert state.unhashed_bytes == 500 + 1 + 50
    _ = state.root_hash
    assert state.unhashed_bytes == 0
    after = state.with_changes([Change(ObjectType.ORDER, id_key(1), bytes(9))])
    # The manifest lies in the shop's own hash; what did not change is hashed already.
    assert after.unhashed_bytes == 500 + 8 + 9
