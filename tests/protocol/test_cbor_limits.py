"""How much one input may hold."""

import pytest

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor import Key, Value, encode
from minirelay.protocol.cbor_limits import MAX_INTEGER_KEYS, SPARE_CONTAINERS
from minirelay.protocol.cbor_reader import Reader


@pytest.mark.parametrize("opening", [b"\x81", b"\x9f", b"\xa1\x00", b"\xbf\x00", b"\x82\x00", b"\xbf\x60"])
def test_depth_ends_before_the_stack_does(opening: bytes) -> None:
    with pytest.raises(MalformedInput, match=r"nested|integer keys"):
        Reader(opening * 500_000).item()


def test_integer_keys_have_a_bound() -> None:
    most: dict[Key, Value] = {}
    most.update(dict.fromkeys(range(MAX_INTEGER_KEYS)))
    assert Reader(encode(most)).item() == most
    with pytest.raises(MalformedInput, match="integer keys"):
        Reader(encode(most | {MAX_INTEGER_KEYS: None})).item()
    with pytest.raises(MalformedInput, match="integer keys"):
        Reader(encode([most, {0: None}])).item()


def test_text_keys_have_no_bound_but_the_input() -> None:
    many: dict[Key, Value] = {f"key {number}": None for number in range(50_000)}
    assert Reader(encode(many)).item() == many


@pytest.mark.parametrize(
    "dense",
    [
        {"Op": "remove", "Path": ["Tags", "a"]},
        {"Op": "append", "Path": ["Orders", 1, "Items"], "Value": {"ListingID": 1, "VariationIDs": []}},
        {"Op": "replace", "Path": ["Manifest", "Payees"], "Value": {}},
    ],
)
def test_the_densest_real_patches_have_fewer_containers_than_they_may(dense: dict[Key, Value]) -> None:
    reader = Reader(encode([dense] * 10_000))
    may = reader.limits.containers_left
    reader.item()
    assert reader.limits.containers_left > may / 3


def test_containers_without_content_have_a_bound() -> None:
    with pytest.raises(MalformedInput, match="too many"):
        Reader(b"\x9f" + b"\x80" * 2 * SPARE_CONTAINERS + b"\xff").item()
