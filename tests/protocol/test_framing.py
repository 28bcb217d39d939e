"""The hand-written part of protobuf's wire format, against protobuf itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.protocol import wire_pb2 as wire
from minirelay.protocol.framing import bytes_field, bytes_head, number_field, varint, varint_at, zigzag

from .strategies import STEADY, uint64s


@given(uint64s.filter(bool))
@STEADY
def test_numbers_are_written_like_protobuf_writes_them(number: int) -> None:
    assert number_field(0x08, number) == wire.SyncStatusRequest(subscription_id=number).SerializeToString()


@given(uint64s, st.binary(max_size=4))
@STEADY
def test_numbers_are_read_again(number: int, around: bytes) -> None:
    data = around + varint(number) + around
    assert varint_at(data, len(around)) == (number, len(data) - len(around))


@pytest.mark.parametrize("number", [0, 1, 127, 128, 16383, 16384, 2**21 - 1, 2**32, 2**63, 2**64 - 1])
def test_lengths_change_where_seven_bits_are_full(number: int) -> None:
    assert len(varint(number)) == max(1, -(-number.bit_length() // 7))
    assert varint_at(varint(number), 0) == (number, len(varint(number)))


@given(st.integers(-(2**63), 2**63 - 1).filter(bool))
@STEADY
def test_signed_numbers_are_written_like_protobuf_writes_them(number: int) -> None:
    assert number_field(0x08, zigzag(number)) == wire.RequestId(raw=number).SerializeToString()


@pytest.mark.parametrize("size", [1, 127, 128, 16383, 16384, 70_000])
def test_bytes_are_written_like_protobuf_writes_them(size: int) -> None:
    payload = b"x" * size
    expected = wire.PatchSetWriteRequest(patch_set=payload).SerializeToString()
    assert bytes_field(0x0A, payload) == expected == bytes_head(0x0A, size) + payload


@pytest.mark.parametrize(
    ("number", "mapped"), [(0, 0), (-1, 1), (1, 2), (-(2**63), 2**64 - 1), (2**63 - 1, 2**64 - 2)]
)
def test_zigzag_alternates_between_the_signs(number: int, mapped: int) -> None:
    assert zigzag(number) == mapped
