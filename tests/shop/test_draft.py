"""The patcher as a whole: conformance vectors, and two readings of the rules held against each other."""

import json
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minirelay.errors import Code, Refusal
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch, decode_patch
from minirelay.shop.draft import Draft
from minirelay.shop.objects import Manifest, Tag
from minirelay.shop.order_states import OrderState
from minirelay.shop.state import ShopState, inventory_key
from minirelay.shop.work import LOOKUP, Work
from tests.shop import random_patches
from tests.shop.patching import (
    ACCOUNT,
    INVENTORY,
    LISTING,
    MANIFEST,
    ORDER,
    PAYEE,
    TAG,
    Refused,
    applied,
    applied_with_changes,
    check_sound,
    number,
    patch,
    refused,
    shop,
    value_of,
)
from tests.shop.random_patches import OPEN_ORDER, PLAIN_LISTING, RICH_LISTING, START, VARIATION
from tests.shop.second_reading import No, Shop, second_reading

VECTORS = Path(__file__).parent.parent / "vectors"
PATCHES = json.loads((VECTORS / "patches.json").read_text())
EXAMPLES = {example["name"]: example for example in json.loads((VECTORS / "examples.json").read_text())}

TRIES = {"Accounts": ACCOUNT, "Inventory": INVENTORY, "Listings": LISTING, "Orders": ORDER, "Tags": TAG}


def vector_state(index: int) -> ShopState:
    entries = PATCHES["states"][index]
    objects = [
        (object_type, bytes.fromhex(key), bytes.fromhex(value))
        for name, object_type in TRIES.items()
        for key, value in entries[name].items()
    ]
    objects.append((MANIFEST, b"", bytes.fromhex(entries["Manifest"])))
    state = ShopState.from_objects(objects)
    return msgspec.structs.replace(state, schema_version=entries["SchemaVersion"])


def test_there_are_64_cases() -> None:
    assert len(PATCHES["cases"]) == 64


@pytest.mark.parametrize("case", PATCHES["cases"], ids=lambda case: case["name"])
def test_vector(case: dict[str, Any]) -> None:
    before, expected = vector_state(case["before"]), vector_state(case["after"])
    assert before.root_hash.hex() == PATCHES["states"][case["before"]]["root"]

    after, changes = applied_with_changes(before, decode_patch(bytes.fromhex(case["patch"])))

    assert dict(after_items(after)) == dict(after_items(expected))
    assert after.root_hash.hex() == PATCHES["states"][case["after"]]["root"]
    assert after == expected
    assert len(changes) == (case["before"] != case["after"])


def after_items(state: ShopState) -> list[tuple[tuple[ObjectType, bytes], bytes]]:
    return [((object_type, key), value) for object_type, key, value in state.objects()]


# The protocol's own documentation


def example_patches(example: dict[str, Any]) -> list[Patch]:
    return [decode_patch(cbor2.dumps(from_json(one))) for one in example["patches"]]


def from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"bytes"}:
            return bytes.fromhex(value["bytes"])
        return {key: from_json(item) for key, item in value.items()}
    return [from_json(item) for item in value] if isinstance(value, list) else value


def listing(listing_id: int, *variations: str, **more: Any) -> tuple[ObjectType, bytes, Any]:
    info = {"VariationInfo": {"Title": "x", "Description": "x"}}
    option = {"Title": "x", "Variations": dict.fromkeys(variations, info)}
    value = {
        "ID": listing_id,
        "Price": 5,
        "Metadata": {"Title": "x", "Description": "x"} | more,
        "ViewState": 1,
        "Options": {"o": option} if variations else None,
    }
    return LISTING, number(listing_id), value


def test_example_of_order_items() -> None:
    example = EXAMPLES["adding order items and increasing a quantity"]
    before = shop(
        listing(101), listing(202, "large", "blue"), (ORDER, number(42), example["before"]["Orders"]["42"])
    )

    after = applied(before, *example_patches(example))

    assert value_of(after, ORDER, number(42)) == example["after"]["Orders"]["42"]


def test_example_of_the_manifest() -> None:
    after = applied(shop(), *example_patches(EXAMPLES["updating the manifest"]))

    manifest = value_of(after, MANIFEST, b"")
    assert manifest["Payees"][1] == {
        bytes.fromhex("1234567890abcdef" * 2 + "12345678"): {"CallAsContract": True}
    }
    germany = manifest["ShippingRegions"]["Germany"]
    assert germany["PriceModifiers"] == {"standard": {"ModificationAbsolute": {"Amount": 100, "Plus": False}}}


def test_example_of_images() -> None:
    example = EXAMPLES["updating the images of a listing"]

    after = applied(shop(listing(123, **example["before"])), *example_patches(example))

    assert value_of(after, LISTING, number(123))["Metadata"]["Images"] == example["after"]["Images"]


def test_example_of_a_price() -> None:
    example = EXAMPLES["a price"]

    after = applied(shop(listing(1)), *example_patches(example))

    assert value_of(after, LISTING, number(1))["Price"] == example["after"]["Price"]


# What the draft lets others read


def test_present_content_is_what_the_patches_so_far_made() -> None:
    state = shop(
        listing(1, "s"), (ORDER, number(1), {"ID": 1, "Items": [], "State": 1}), (INVENTORY, number(1), 5)
    )
    draft = Draft(state)
    assert draft.order_before(number(1)) is OrderState.OPEN
    assert draft.order_before(number(2)) is None

    draft.apply(patch("append", "Orders", 1, "Items", value={"ListingID": 1, "Quantity": 1}))
    draft.apply(patch("replace", "Orders", 1, "State", value=3))
    draft.apply(patch("decrement", "Inventory", 1, value=2))
    draft.apply(patch("add", "Tags", "t", value={"Name": "t", "ListingIDs": [1]}))
    draft.apply(patch("add", "Accounts", PAYEE, value={"KeyCards": [bytes(33)], "Guest": True}))
    draft.apply(patch("replace", "Listings", 1, "Price", value=9))

    order, one, account = draft.order(number(1)), draft.listing(number(1)), draft.account(PAYEE)
    assert order is not None
    assert [item.quantity for item in order.items] == [1]
    assert draft.order_before(number(1)) is OrderState.COMMITTED
    assert one is not None
    assert one.price == 9
    assert account is not None
    assert account.key_cards == [bytes(33)]
    assert draft.tag(b"t") == Tag(name="t", listing_ids=[1])
    assert draft.stock(inventory_key(1, [])) == 3
    assert draft.stock(inventory_key(1, ["s"])) is None
    assert draft.variation_names(number(1)) == {"s"}
    assert isinstance(draft.manifest, Manifest)
    assert Draft(shop(manifest=None)).manifest is None


@settings(derandomize=True, deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(random_patches.PATCHES, min_size=1, max_size=3), min_size=2, max_size=8))
def test_a_draft_behind_another_does_what_one_on_its_state_does(sets: list[list[Any]]) -> None:
    state, before = START, None
    for one in sets:
        patches = [patch(op, *path, value=value) for op, (path, value) in one]
        try:
            expected = applied_with_changes(state, *patches)
        except Refusal:
            continue
        draft = Draft(state, before=before)
        for each in patches:
            draft.apply(each)
        assert draft.finish() == expected
        state, before = expected[0], draft


def test_a_draft_behind_another_decodes_nothing_again() -> None:
    state = shop(listing(1), (ORDER, number(1), {"ID": 1, "Items": [], "State": 1}))
    change = patch("append", "Orders", 1, "Items", value={"ListingID": 1, "Quantity": 1})
    first, again, fresh = Work(), Work(), Work()
    draft = Draft(state, first)
    draft.apply(change)
    state, _ = draft.finish()
    for behind in (Draft(state, again, draft), Draft(state, fresh)):
        behind.apply(change)
        behind.finish()
    assert again.spent + LOOKUP < fresh.spent


def test_changes_are_one_per_object_however_often_it_was_patched() -> None:
    state = shop(listing(1), listing(2))
    patches = [patch("replace", "Listings", 1 + i % 2, "Price", value=i) for i in range(100)]

    after, changes = applied_with_changes(state, *patches)

    assert {change.key for change in changes} == {number(1), number(2)}
    check_sound(state, after, changes)


@pytest.mark.parametrize(
    "path",
    [
        ["Accounts", PAYEE],
        ["Listings", 1],
        ["Orders", 1],
        ["Tags", "x"],
        ["Inventory", 1],
    ],
)
def test_without_a_manifest_nothing_else_is_patched(path: list[Any]) -> None:
    for op in ("add", "append", "replace", "remove", "increment", "decrement"):
        assert refused(shop(manifest=None), patch(op, *path, value=1)).code is Code.INVALID


# Two readings of the rules


def plain(state: ShopState) -> Shop:
    """A state as the second reading has it."""
    tables: Shop = {name: {} for name in ("Manifest", *TRIES)}
    for object_type, key, data in state.objects():
        value = cbor2.loads(data)
        if object_type is MANIFEST:
            tables["Manifest"][None] = value
        elif object_type is ACCOUNT:
            tables["Accounts"][key] = value
        elif object_type is TAG:
            tables["Tags"][key.decode()] = value
        elif object_type is INVENTORY:
            names = key[8:].decode()
            place = (int.from_bytes(key[:8]), frozenset(names.split("|")) if names else frozenset())
            tables["Inventory"][place] = value
        else:
            table = "Listings" if object_type is LISTING else "Orders"
            tables[table][int.from_bytes(key)] = value
    return tables


def reading(model: Shop, op: str, path: list[Any], value: Any) -> Shop | Refused:
    """Ask the second reading about one patch."""
    try:
        return second_reading(model, op, tuple(path), value)
    except No as no:
        return no.refused


@given(st.lists(random_patches.PATCHES, min_size=5, max_size=25))
@settings(derandomize=True, max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_readings_agree_on_every_step(script: list[tuple[str, tuple[list[Any], Any]]]) -> None:
    state, model = START, plain(START)
    accepted: list[Patch] = []
    for op, (path, value) in script:
        one = patch(op, *path, value=value)
        expected = reading(model, op, path, one.value)
        if isinstance(expected, Refused):
            root = state.root_hash
            for refusal in (refused(state, one), refused(START, *accepted, one)):
                assert Refused(refusal.code, refusal.object_id) == expected
            assert state.root_hash == root
        else:
            accepted.append(one)
            before, (state, changes) = state, applied_with_changes(state, one)
            model = plain(state)
            assert model == expected
            check_sound(before, state, changes)

    at_once = applied(START, *accepted)
    assert at_once == state
    assert at_once.root_hash == state.root_hash


def test_equal_contents_have_equal_roots_whatever_the_history() -> None:
    there_and_back = [
        patch("add", "Listings", 7, value=RICH_LISTING),
        patch("append", "Tags", "t", "ListingIDs", value=7),
        patch("increment", "Inventory", 7, value=1),
        patch("add", "Orders", 7, value=OPEN_ORDER),
        patch("remove", "Orders", 7),
        patch("remove", "Inventory", 7),
        patch("remove", "Tags", "t", "ListingIDs", 2),
        patch("remove", "Listings", 7),
    ]
    step_by_step = START
    for one in there_and_back:
        step_by_step = applied(step_by_step, one)

    assert applied(START, *there_and_back).root_hash == START.root_hash
    assert step_by_step.root_hash == START.root_hash


def test_a_refused_set_leaves_the_state_as_it_was() -> None:
    before, root = after_items(START), START.root_hash

    refused(
        START,
        patch("replace", "Listings", 1, "Price", value=1),
        patch("remove", "Orders", 1),
        patch("replace", "Manifest", "Payees", value={}),
        patch("remove", "Listings", 9),
    )

    assert after_items(START) == before
    assert ShopState.from_objects(START.objects()).root_hash == root == START.root_hash


def test_the_value_of_a_patch_is_not_shared_with_the_shop() -> None:
    whole = patch("add", "Listings", 7, value=RICH_LISTING)
    draft = Draft(START)
    draft.apply(whole)
    draft.apply(patch("append", "Listings", 7, "Metadata", "Images", value="new"))
    draft.apply(patch("remove", "Listings", 7, "Options", "o"))

    assert decode_patch(whole.raw) == whole


# Sets of the greatest size: any cost per patch that grows with the object would take minutes here.

MANY = 16_384


def test_16384_items_of_one_order_in_one_set() -> None:
    one = patch(
        "append", "Orders", 2, "Items", value={"ListingID": 1, "Quantity": 1, "VariationIDs": ["a", "c"]}
    )

    after = applied(START, *[one] * MANY)

    assert len(value_of(after, ORDER, number(2))["Items"]) == MANY + 1


def test_16384_variations_of_one_listing_in_one_set() -> None:
    patches = [
        patch("add", "Listings", 2, "Options", f"o{i}", value={"Title": "x"}) for i in range(0, MANY, 2)
    ]
    patches += [
        patch("add", "Listings", 2, "Options", f"o{i}", "Variations", f"v{i}", value=VARIATION)
        for i in range(0, MANY, 2)
    ]

    after = applied(START, *patches)

    assert len(value_of(after, LISTING, number(2))["Options"]) == MANY // 2


def test_16384_listings_of_one_tag_in_one_set() -> None:
    listings = [(LISTING, number(i), PLAIN_LISTING) for i in range(1, MANY // 2 + 1)]
    state = shop(*listings, (TAG, b"t", {"Name": "t"}))
    patches = [patch("append", "Tags", "t", "ListingIDs", value=i) for i in range(1, MANY // 2 + 1)]
    patches += [patch("remove", "Tags", "t", "ListingIDs", 0) for _ in patches]

    assert applied(state, *patches) == state


def test_many_listings_removed_in_one_set_from_a_shop_with_many_tags() -> None:
    listings = [(LISTING, number(i), PLAIN_LISTING) for i in range(1, 2001)]
    tags = [(TAG, b"%d" % i, {"Name": "t", "ListingIDs": [2000]}) for i in range(2000)]
    state = shop(*listings, *tags)

    after = applied(state, *[patch("remove", "Listings", i) for i in range(1, 2000)])

    assert [key for _, key, _ in after.objects() if key == number(2000)] == [number(2000)]
    with pytest.raises(Refusal):
        applied(after, patch("remove", "Listings", 2000))
