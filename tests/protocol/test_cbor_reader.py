"""The reader: which bytes an item was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor import Key, Value, encode
from minirelay.protocol.cbor_limits import MAX_DEPTH
from minirelay.protocol.cbor_reader import Reader

from .strategies import STEADY, keys, values


def map_items(data: bytes) -> dict[Key, Value]:
    reader = Reader(data)
    return {key: reader.item() for key in reader.enter_map()}


def list_items(data: bytes) -> list[Value]:
    reader = Reader(data)
    return [reader.item() for _ in reader.enter_list()]


@given(st.dictionaries(keys, values, max_size=8))
@STEADY
def test_going_into_a_map_tells_the_bytes_of_every_value(entries: dict[Key, Value]) -> None:
    reader = Reader(encode(entries))
    found = {}
    for key in reader.enter_map():
        start = reader.at
        value = reader.item()
        found[key] = value
        assert reader.data[start : reader.at] == encode(value)
    reader.finish()
    assert found == entries


@given(st.lists(values, max_size=8))
@STEADY
def test_going_into_a_list_tells_the_bytes_of_every_element(elements: list[Value]) -> None:
    reader = Reader(encode(elements))
    found = []
    for _ in reader.enter_list():
        start = reader.at
        found.append(reader.item())
        assert reader.data[start : reader.at] == encode(found[-1])
    reader.finish()
    assert found == elements


def test_indefinite_containers_are_gone_into_as_well() -> None:
    reader = Reader(bytes.fromhex("bf61619f0102ff6162bfffff"))
    found = {}
    for key in reader.enter_map():
        if reader.is_before_list():
            found[key] = [reader.item() for _ in reader.enter_list()]
        else:
            found[key] = [reader.item()]
    reader.finish()
    assert found == {"a": [1, 2], "b": [{}]}


@pytest.mark.parametrize(
    "data",
    [
        "",
        "80",
        "00",
        "f6",
        "a1",
        "a161",
        "a16161",
        "bf",
        "bf6161",
        "bf616100",
        "bc",
        "a2616100616100",
        "bf616100616100ff",
        "a1f500",
        "a161ff00",
    ],
)
def test_going_into_a_bad_map_is_refused(data: str) -> None:
    with pytest.raises(MalformedInput):
        map_items(bytes.fromhex(data))


@pytest.mark.parametrize(
    "data", ["", "a0", "00", "81", "8200", "9f", "9f00", "9c", "9bffffffffffffffff", "81ff"]
)
def test_going_into_a_bad_list_is_refused(data: str) -> None:
    with pytest.raises(MalformedInput):
        list_items(bytes.fromhex(data))


def test_levels_gone_into_count_as_depth() -> None:
    with pytest.raises(MalformedInput, match="nested"):
        list_items(b"\x81" * (MAX_DEPTH + 1) + b"\x00")
    assert len(list_items(b"\x82" + (b"\x81" * (MAX_DEPTH - 1) + b"\x00") * 2)) == 2


@pytest.mark.parametrize(
    "data",
    [
        "",
        "18",
        "1901",
        "1a010101",
        "1b" + "01" * 7,
        "41",
        "4261",
        "5801",
        "61",
        "6361",
        "7801",
        "590001",
        "82",
        "8201",
        "a1",
        "a161",
        "c0",
        "c242",
        "c1fb0000",
    ],
)
def test_an_item_that_is_cut_short_is_refused_at_once(data: str) -> None:
    with pytest.raises(MalformedInput, match="cut short"):
        Reader(bytes.fromhex(data)).item()


def test_nothing_is_before_no_list() -> None:
    assert not Reader(b"").is_before_list()
    assert not Reader(b"\xa0").is_before_list()
    assert Reader(b"\x80").is_before_list()


def test_bignums_are_counted() -> None:
    reader = Reader(bytes.fromhex("8301c24101a100c240"))
    reader.item()
    assert reader.bignums == 2


def test_finish_refuses_what_follows() -> None:
    reader = Reader(b"\x00\x00")
    reader.item()
    with pytest.raises(MalformedInput, match="after"):
        reader.finish()
