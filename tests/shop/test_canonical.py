import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from massmarket.cbor import base_types, listing, manifest, order
from massmarket.cbor_encoder import cbor_encode

from minirelay.errors import Code, MalformedInput, Refusal
from minirelay.protocol.cbor import decode
from minirelay.shop.canonical import dump, load, load_first, read, read_as
from minirelay.shop.objects import (
    Account,
    Listing,
    ListingMetadata,
    Manifest,
    Options,
    Order,
    OrderedItem,
    Tag,
    Uint64,
    Uint256,
    ViewState,
)
from minirelay.shop.order_states import OrderState
from tests.shop import random_objects

VECTORS = Path(__file__).parent.parent / "vectors"
STATES = json.loads((VECTORS / "patches.json").read_text())["states"]
MANIFESTS = [vector["manifest"] for vector in json.loads((VECTORS / "shop_root.json").read_text())]

KINDS: dict[str, Any] = {
    "Accounts": Account,
    "Listings": Listing,
    "Tags": Tag,
    "Orders": Order,
    "Inventory": int,
}
STORED: list[tuple[Any, str]] = sorted(
    {(KINDS[name], value) for state in STATES for name in KINDS for value in state[name].values()}
    | {(Manifest, state["Manifest"]) for state in STATES}
    | {(Manifest, value) for value in MANIFESTS},
    key=lambda entry: (entry[0].__name__, entry[1]),
)
RANDOM: dict[Any, st.SearchStrategy[Any]] = {
    Manifest: random_objects.MANIFEST,
    Account: random_objects.ACCOUNT,
    Listing: random_objects.LISTING,
    Tag: random_objects.TAG,
    Order: random_objects.ORDER,
}


@pytest.mark.parametrize(("kind", "stored"), STORED)
def test_the_objects_of_the_vectors_are_canonical(kind: Any, stored: str) -> None:
    data = bytes.fromhex(stored)
    assert dump(load(kind, data)) == data
    if kind is not int:
        assert dump(read(kind, decode(data))) == data
        assert read(kind, decode(data)) == load(kind, data)


@pytest.mark.parametrize("kind", RANDOM)
@given(data=st.data())
@settings(derandomize=True, max_examples=60, deadline=None)
def test_random_objects_come_back_as_they_were(kind: Any, data: st.DataObject) -> None:
    value = data.draw(RANDOM[kind])
    made = read(kind, value)
    assert dump(made) == cbor2.dumps(value, canonical=True)
    assert load(kind, dump(made)) == made
    assert read(kind, decode(dump(made))) == made


# The reference's tag is left out: it has its own name, Listings, for what is ListingIDs in the spec.
REFERENCE: dict[Any, Any] = {
    Manifest: manifest.Manifest,
    Account: base_types.Account,
    Listing: listing.Listing,
    Order: order.Order,
}


@pytest.mark.parametrize("kind", REFERENCE)
@given(data=st.data())
@settings(derandomize=True, max_examples=60, deadline=None)
def test_random_objects_have_the_bytes_of_the_reference(kind: Any, data: st.DataObject) -> None:
    value = data.draw(RANDOM[kind])
    if kind is Order:
        # The reference has rules of its own about what the other states need.
        value |= {"State": 1}
    theirs = REFERENCE[kind].from_cbor_dict(copy.deepcopy(value))
    assert dump(read(kind, value)) == cbor_encode(theirs)


def untidy(value: Any, chance: Any) -> Any:
    """Write the same object as some other client might."""
    if isinstance(value, dict):
        made = {}
        for name, item in value.items():
            is_field = isinstance(name, str) and name in FIELD_NAMES
            case = chance.choice([str, str.lower, str.upper]) if is_field else lambda text: text
            made[case(name)] = untidy(item, chance)
        if is_struct(value):
            made["Unknown"] = chance.choice([None, 1, {"deep": []}])
        return dict(chance.sample(list(made.items()), len(made)))
    if isinstance(value, list):
        return [untidy(item, chance) for item in value]
    if isinstance(value, datetime):
        return (
            chance.choice([value, value.isoformat(), int(value.timestamp())]) if value.year >= 1970 else value
        )
    return value


FIELD_NAMES = {
    "Title",
    "Description",
    "Metadata",
    "Items",
    "ListingID",
    "Quantity",
    "Guest",
    "Name",
    "ShopID",
}


def is_struct(value: Any) -> bool:
    return bool(value.keys() & FIELD_NAMES)


@given(st.sampled_from([Listing, Order, Account]), st.data(), st.randoms(use_true_random=False))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_every_spelling_of_an_object_has_the_same_bytes(kind: Any, data: st.DataObject, chance: Any) -> None:
    value = data.draw(RANDOM[kind])
    assert dump(read(kind, untidy(value, chance))) == dump(read(kind, value))


def test_what_was_read_shares_nothing_with_the_value() -> None:
    images: Any = ["a"]
    metadata = read(ListingMetadata, {"Title": "x", "Description": "x", "Images": images})
    images.append("b")
    assert metadata.images == ["a"]
    cards: Any = [bytes(33)]
    account = read(Account, {"KeyCards": cards, "Guest": False})
    cards.clear()
    assert account.key_cards == [bytes(33)]


def test_an_inventory_count_is_an_integer() -> None:
    assert dump(2**64 - 1) == b"\x1b" + b"\xff" * 8
    assert load(int, b"\x18\x18") == 24


def test_view_state_and_order_state_are_enumerations() -> None:
    value: Any = {"ID": 1, "Price": 0, "Metadata": {"Title": "x", "Description": "x"}}
    assert read(Listing, value).view_state is ViewState.UNSPECIFIED
    assert load(Listing, dump(read(Listing, value | {"ViewState": 1}))).view_state is ViewState.PUBLISHED
    assert read(Order, {"ID": 1, "Items": [], "State": 6}).state is OrderState.PAID


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Listing, {"ID": 1, "Price": 1, "Metadata": {"Title": " ", "Description": "x"}},
         "Listing.Metadata.Title must not be blank"),
        (Listing, {"ID": 1, "Price": 1, "Metadata": {"title": "x", "TITLE": "x"}},
         "Listing.Metadata.Title comes twice"),
        (Listing, {"ID": 2**64}, "Listing.ID must be at most 64 bits"),
        (Listing, {}, "Listing.ID is missing"),
        (Order, {"ID": 1, "Items": [{"ListingID": 1, "Quantity": -1}], "State": 1},
         "Order.Items[0].Quantity must be at least 0"),
        (Order, {"ID": 1, "Items": [], "State": 1, "CanceledAt": "soon"},
         "Order.CanceledAt is no time: time is not RFC 3339 with a zone"),
        (Tag, {"Name": "x", "ListingIDs": {}}, "Tag.ListingIDs must be a list, not a map"),
        (Account, 5, "Account must be a map, not an integer"),
    ],
)  # fmt: skip
def test_a_refusal_says_which_field_is_wrong(kind: Any, value: Any, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(kind, value)
    assert (caught.value.code, caught.value.message) == (Code.INVALID, message)
    assert caught.value.object_id is None


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Uint256, b"\x05", 5),
        (Uint64, 5, 5),
        (bool, False, False),
        (datetime, 0, datetime(1970, 1, 1, tzinfo=UTC)),
        (ViewState, 2, ViewState.DELETED),
        (Options, None, {}),
        (list[Uint64], [1, 2], [1, 2]),
        (list[OrderedItem], [{"listingid": 1, "quantity": 2}], [OrderedItem(listing_id=1, quantity=2)]),
    ],
)
def test_single_fields_are_read_by_their_type(kind: Any, value: Any, expected: Any) -> None:
    result = read_as(kind, "Field", value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Uint256, 2**256, "Price must be at most 256 bits"),
        (Uint64, True, "Price must be an integer, not a boolean"),
        (bool, 1, "Price must be a boolean, not an integer"),
        (OrderState, 0, "Price must not be 0"),
        (list[Uint64], [1, -1], "Price[1] must not be negative"),
    ],
)
def test_a_single_field_is_refused_by_the_name_it_is_given(kind: Any, value: Any, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_as(kind, "Price", value)
    assert (caught.value.code, caught.value.message) == (Code.INVALID, message)


def test_numbers_that_could_be_mistaken_for_each_other_are_told_apart() -> None:
    # Types are looked up in a cache: these two are equal but for what msgspec does not know of.
    assert read_as(Uint256, "x", 2**64) == 2**64
    with pytest.raises(Refusal):
        read_as(Uint64, "x", 2**64)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xa0", b"\x01", b"\xa1", b"\xa1\x64Name\x01", b"\x9f"])
def test_what_was_not_stored_by_dump_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedInput, match="not a stored Tag"):
        load(Tag, data)


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**256 - 1) | st.text(max_size=5) | st.binary(max_size=33),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=3) | st.integers(0, 2**64) | st.binary(max_size=20), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", RANDOM)
@given(data=st.data())
@settings(derandomize=True, max_examples=120, deadline=None)
def test_a_wrong_value_anywhere_is_refused_or_read_never_worse(kind: Any, data: st.DataObject) -> None:
    value = data.draw(RANDOM[kind])
    place = value
    # Go down at random, and put anything there.
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        below = place[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.booleans()):
            break
        place = below
    place[key] = data.draw(HOSTILE)
    try:
        made = read(kind, value)
    except Refusal as refusal:
        code, message = refusal.code, refusal.message
    else:
        assert load(kind, dump(made)) == made
        return
    assert code is Code.INVALID
    assert kind.__name__ in message


@pytest.mark.parametrize("is_guest", [False, True])
@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 65_535, 65_536, 100_000])
def test_an_account_is_loaded_whatever_the_number_of_its_key_cards(count: int, is_guest: bool) -> None:
    cards = [number.to_bytes(33) for number in range(count)]
    data = cbor2.dumps({"KeyCards": cards, "Guest": is_guest}, canonical=True)
    account = load(Account, data)
    assert (account.guest, account.key_cards) == (is_guest, cards)
    assert dump(account) == data == dump(Account(key_cards=cards, guest=is_guest))
    account.key_cards.append(b"\x02" * 33)
    assert dump(account) == cbor2.dumps(
        {"KeyCards": [*cards, b"\x02" * 33], "Guest": is_guest}, canonical=True
    )


@pytest.mark.parametrize(
    "value",
    [
        {"KeyCards": [bytes(33)], "Guest": 0},
        {"KeyCards": [bytes(32)], "Guest": False},
        {"KeyCards": bytes(33), "Guest": False},
        {"KeyCards": "text", "Guest": False},
        {"KeyCards": None, "Guest": False},
        {"Guest": False},
        [],
    ],
    ids=str,
)
def test_what_is_no_stored_account_is_seen(value: Any) -> None:
    with pytest.raises(MalformedInput):
        load(Account, cbor2.dumps(value, canonical=True))


def test_a_stored_account_that_was_cut_is_seen() -> None:
    data = dump(Account(key_cards=[bytes(33)] * 300, guest=True))
    for end in (0, 1, 16, 17, 18, 19, 20, 55, len(data) - 1):
        with pytest.raises(MalformedInput):
            load(Account, data[:end])
    with pytest.raises(MalformedInput):
        load(Account, data + b"\x00")


def test_the_first_entries_are_the_shortest_names() -> None:
    class Head(msgspec.Struct):
        id: int = msgspec.field(name="ID")
        price: int = msgspec.field(name="Price")

    data = dump(
        read(Listing, {"ID": 7, "Price": 300, "ViewState": 1, "Metadata": {"Title": "x", "Description": "x"}})
    )
    assert load_first(Head, data, 2) == Head(id=7, price=300)
    for wrong in (b"", data[:3], data[1:]):
        with pytest.raises(MalformedInput, match="not a stored Head"):
            load_first(Head, wrong, 2)
