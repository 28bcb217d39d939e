"""One patch: op, path, id."""

from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.cbor import Key, Value, encode, encode_list_of, encode_map_of
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch import OPS, Patch, decode_patch

ADDRESS = b"\xad" * 20


def patch(op: Any = "add", path: Any = ("Listings", 1), value: Any = 0) -> Patch:
    return decode_patch(encode({"Op": op, "Path": list(path), "Value": value}))


def refused(raw: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        decode_patch(raw)
    assert caught.value.code is Code.INVALID
    assert caught.value.message.startswith("invalid patch")
    return caught.value.message


@pytest.mark.parametrize(
    ("path", "object_type", "object_id", "fields"),
    [
        (["Manifest"], ObjectType.MANIFEST, b"", ()),
        (["Manifest", "Payees", 1, ADDRESS], ObjectType.MANIFEST, b"", ("Payees", 1, ADDRESS)),
        (["Accounts", ADDRESS], ObjectType.ACCOUNT, ADDRESS, ()),
        (["Accounts", ADDRESS, "KeyCards", 0], ObjectType.ACCOUNT, ADDRESS, ("KeyCards", 0)),
        (["Listings", 258], ObjectType.LISTING, b"\0\0\0\0\0\0\x01\x02", ()),
        (["Listings", 0], ObjectType.LISTING, b"\0" * 8, ()),
        (
            ["Orders", 2**64 - 1, "Items", 0, "Quantity"],
            ObjectType.ORDER,
            b"\xff" * 8,
            ("Items", 0, "Quantity"),
        ),
        (["Tags", "größe"], ObjectType.TAG, "größe".encode(), ()),
        (["Inventory", 7, "blue", "large"], ObjectType.INVENTORY, b"\0" * 7 + b"\x07", ("blue", "large")),
    ],
)
def test_path_leads_to_an_object(
    path: list[Any], object_type: ObjectType, object_id: bytes, fields: tuple[Any, ...]
) -> None:
    found = patch(path=path)
    assert (found.object_type, found.object_id, found.fields) == (object_type, object_id, fields)
    assert found.path == tuple(path)


@pytest.mark.parametrize(
    "path",
    [
        [],
        ["Listing", 1],
        ["listings", 1],
        [1],
        [b"Listings", 1],
        ["Listings"],
        ["Listings", "1"],
        ["Listings", b"\0" * 8],
        ["Orders"],
        ["Orders", ADDRESS],
        ["Inventory", "1"],
        ["Accounts"],
        ["Accounts", ADDRESS[1:]],
        ["Accounts", ADDRESS + b"\0"],
        ["Accounts", "0x" + ADDRESS.hex()],
        ["Accounts", 1],
        ["Tags"],
        ["Tags", ""],
        ["Tags", 1],
        ["Tags", b"tag"],
    ],
)
def test_path_that_leads_nowhere_is_refused(path: list[Any]) -> None:
    refused(encode({"Op": "add", "Path": path, "Value": 0}))


@pytest.mark.parametrize(
    "element",
    ["f5", "f6", "f7", "80", "a0", "c24101", "c249010000000000000000", "c11a682dc748"],
    ids=["true", "null", "undefined", "list", "map", "small bignum", "bignum", "time"],
)
@pytest.mark.parametrize("place", [1, 2, 5])
def test_path_is_text_bytes_and_plain_integers(element: str, place: int) -> None:
    elements = [encode(part) for part in ("Listings", 1, "Metadata", "Images", 0)]
    path = encode_list_of([*elements[:place], bytes.fromhex(element), *elements[place:]])
    refused(encode_map_of({"Op": encode("replace"), "Path": path, "Value": encode(1)}))


@pytest.mark.parametrize("key", ["Path", "path"])
def test_bignum_outside_the_path_is_no_matter(key: str) -> None:
    value: dict[Key, Value] = {"Price": 2**64, "Path": [2**70]}
    raw = encode({"Op": "replace", key: ["Listings", 1], "Value": value})
    assert decode_patch(raw).value == value


def test_bignum_in_a_path_of_another_spelling_is_seen() -> None:
    path = encode_list_of([encode("Listings"), bytes.fromhex("c24101")])
    assert "bignum" in refused(encode_map_of({"Op": encode("remove"), "path": path}))


def test_bignum_in_a_path_that_does_not_count_is_no_matter() -> None:
    other = encode_list_of([encode("Listings"), bytes.fromhex("c24101")])
    raw = encode_map_of({"Op": encode("remove"), "path": other, "Path": encode(["Listings", 2])})
    assert decode_patch(raw).path == ("Listings", 2)


@pytest.mark.parametrize("value", [b"Listings", "Listings", None, 1, {}, {"0": "Listings"}])
def test_path_that_is_no_list_is_refused(value: Any) -> None:
    refused(encode({"Op": "add", "Path": value, "Value": 0}))


@pytest.mark.parametrize("op", sorted(OPS))
def test_every_op_is_known(op: str) -> None:
    assert patch(op=op).op == op


@pytest.mark.parametrize(
    "op", ["", "Add", "ADD", "test", "move", "copy", b"add", 1, None, True, ["add"], {"add": 1}]
)
def test_other_ops_are_refused(op: Any) -> None:
    assert "Op" in refused(encode({"Op": op, "Path": ["Listings", 1], "Value": 0}))


def test_remove_needs_no_value() -> None:
    assert decode_patch(encode({"Op": "remove", "Path": ["Listings", 1]})).value is None
    assert patch(op="remove", value=None).value is None


@pytest.mark.parametrize("op", sorted(OPS - {"remove"}))
def test_every_other_op_needs_a_value_which_may_be_null(op: str) -> None:
    assert "needs a value" in refused(encode({"Op": op, "Path": ["Listings", 1]}))
    assert patch(op=op, value=None).value is None


@pytest.mark.parametrize("field", ["Op", "Path"])
def test_op_and_path_must_be_there(field: str) -> None:
    sound = {"Op": "add", "Path": ["Listings", 1], "Value": 0}
    refused(encode({key: value for key, value in sound.items() if key != field}))  # type: ignore[misc]


def test_fields_may_be_spelled_in_other_cases() -> None:
    found = decode_patch(encode({"op": "add", "PATH": ["Listings", 1], "value": 5}))
    assert (found.op, found.path, found.value) == ("add", ("Listings", 1), 5)


def test_exact_spelling_wins() -> None:
    raw = encode(
        {"Op": "add", "op": "junk", "Path": ["Tags", "a"], "path": 1, "Value": 5, "value": 6, "VALUE": 7}
    )
    found = decode_patch(raw)
    assert (found.op, found.path, found.value) == ("add", ("Tags", "a"), 5)


@pytest.mark.parametrize(
    "twice",
    [{"op": "add", "OP": "add"}, {"path": ["Tags", "a"], "PATH": ["Tags", "a"]}, {"value": 1, "VALUE": 1}],
)
def test_two_inexact_spellings_are_refused(twice: dict[Key, Any]) -> None:
    sound: dict[Key, Any] = {"Op": "add", "Path": ["Tags", "a"], "Value": 1}
    left = {key: value for key, value in sound.items() if str(key).lower() not in twice}
    assert "two spellings" in refused(encode({**left, **twice}))


def test_unknown_fields_are_ignored_and_the_bytes_are_kept() -> None:
    raw = encode({"Op": "add", "Path": ["Listings", 1], "Value": 0, "Comment": ["x"], 5: 6})
    assert decode_patch(raw).raw == raw


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\xf6", b"\xa0", b"\xa1\x62Op", b"\xff", b"\x63add"])
def test_bytes_that_are_no_patch_are_refused(raw: bytes) -> None:
    refused(raw)


def test_bytes_behind_a_patch_are_refused() -> None:
    refused(encode({"Op": "remove", "Path": ["Listings", 1]}) + b"\0")
