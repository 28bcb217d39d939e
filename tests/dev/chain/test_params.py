from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.dev.chain import params
from minirelay.dev.chain.errors import INVALID_PARAMS, RpcError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [("0x0", 0), ("0x10", 16), ("0XfF", 255), ("0x" + "f" * 64, 2**256 - 1), ("0x000a", 10), (7, 7)],
)
def test_quantity(value: object, number: int) -> None:
    assert params.quantity(value) == number


@pytest.mark.parametrize(
    "value",
    ["", "0x", "10", "0x-1", "0x1_0", "0x 1", "0x١", "0x" + "f" * 65, -1, 2**256, True, 1.0, None, [], {}],
)
def test_no_quantity(value: object) -> None:
    with pytest.raises(RpcError) as caught:
        params.quantity(value)
    assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize(("value", "data"), [("0x", b""), ("0x00fF", b"\x00\xff")])
def test_data(value: str, data: bytes) -> None:
    assert params.data(value) == data


@pytest.mark.parametrize(
    "value", ["", "00", "0x0", "0x0g", "0x 00", "0x00 ", "0x00\n", "0xéé", None, 5, b"0x00", ["0x"]]
)
def test_no_data(value: object) -> None:
    with pytest.raises(RpcError) as caught:
        params.data(value)
    assert caught.value.code == INVALID_PARAMS


def test_data_is_bounded() -> None:
    with pytest.raises(RpcError, match="too long"):
        params.data("0x" + "00" * (params.MAX_DATA_BYTES + 1))


def test_address_has_twenty_bytes() -> None:
    assert params.address("0x" + "Ab" * 20) == b"\xab" * 20
    for size in (0, 19, 21, 32):
        with pytest.raises(RpcError, match="expected 20 bytes"):
            params.address("0x" + "00" * size)


@pytest.mark.parametrize("tag", ["latest", "pending", "earliest", "safe", "finalized"])
def test_block_by_tag(tag: str) -> None:
    assert params.block(tag) == tag
    assert params.block({"blockNumber": tag}) == tag


def test_block_by_number_and_hash() -> None:
    assert params.block("0x10") == 16
    assert params.block({"blockNumber": "0x10"}) == 16
    assert params.block({"blockHash": "0x" + "07" * 32, "requireCanonical": True}) == b"\x07" * 32


@pytest.mark.parametrize(
    "value", ["newest", {}, {"blockNumber": {"blockNumber": "0x1"}}, {"blockHash": "0x00"}, None, []]
)
def test_no_block(value: object) -> None:
    with pytest.raises(RpcError) as caught:
        params.block(value)
    assert caught.value.code == INVALID_PARAMS


def test_members_leave_out_what_is_null() -> None:
    assert params.members({"a": 1, "b": None}) == {"a": 1}
    with pytest.raises(RpcError):
        params.members([1])


def test_parameters_by_position() -> None:
    given = params.Params(["0x1", None, True])
    assert given.has(0)
    assert not given.has(1)
    assert not given.has(3)
    assert given.block(0) == 1
    assert given.block(1) == given.block(9) == "latest"
    assert given.flag(2)
    assert not given.flag(1)
    for index in (1, 3):
        with pytest.raises(RpcError, match=f"missing value for required argument {index}"):
            given[index]
    with pytest.raises(RpcError, match="expected true or false"):
        given.flag(0)


@settings(derandomize=True, max_examples=200)
@given(value=JSON)
def test_any_json_is_read_or_refused(value: object) -> None:
    for read in (params.data, params.quantity, params.address, params.block, params.members, params.flag):
        with suppress(RpcError):
            read(value)


@settings(derandomize=True, max_examples=100)
@given(value=JSON)
def test_refusals_are_short(value: object) -> None:
    with pytest.raises(RpcError) as caught:
        params.address([value])
    assert caught.value.code == INVALID_PARAMS
    assert len(caught.value.message) < 200
