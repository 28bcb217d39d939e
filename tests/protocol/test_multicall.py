"""Many balances in one call, against eth-abi, and answers that are none."""

from contextlib import suppress

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import MULTICALL_ADDRESS, NATIVE_COIN
from minirelay.protocol.multicall import (
    balance_call,
    decode_amounts,
    encode_aggregate,
    gas_for,
    most_bytes,
)
from minirelay.protocol.signing import keccak256

HOLDER, TOKEN = b"\x11" * 20, b"\x22" * 20
RESULTS = st.lists(st.tuples(st.booleans(), st.binary(max_size=70)), max_size=6)


def selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]


def word(number: int) -> bytes:
    return number.to_bytes(32)


@given(st.lists(st.tuples(st.binary(min_size=20, max_size=20), st.binary(max_size=70)), max_size=6))
def test_calls_are_encoded_as_eth_abi_does(calls: list[tuple[bytes, bytes]]) -> None:
    expected = encode(["(address,bool,bytes)[]"], [[(target, True, data) for target, data in calls]])
    assert encode_aggregate(calls) == selector("aggregate3((address,bool,bytes)[])") + expected


@given(RESULTS)
def test_results_are_decoded_as_eth_abi_does(results: list[tuple[bool, bytes]]) -> None:
    data = encode(["(bool,bytes)[]"], [results])
    expected = [int.from_bytes(one) if ok and len(one) == 32 else None for ok, one in results]
    assert decode_amounts(data, len(results)) == expected


def test_who_is_asked_for_what() -> None:
    assert balance_call(NATIVE_COIN, HOLDER, MULTICALL_ADDRESS) == (
        MULTICALL_ADDRESS,
        selector("getEthBalance(address)") + bytes(12) + HOLDER,
    )
    assert balance_call(TOKEN, HOLDER, MULTICALL_ADDRESS) == (
        TOKEN,
        selector("balanceOf(address)") + bytes(12) + HOLDER,
    )


@pytest.mark.parametrize(
    "result", [(False, word(7)), (False, b""), *((True, bytes(size)) for size in (0, 31, 33, 64))]
)
def test_what_is_no_balance_is_never_0(result: tuple[bool, bytes]) -> None:
    data = encode(["(bool,bytes)[]"], [[(True, word(5)), result]])
    assert decode_amounts(data, 2) == [5, None]


@pytest.mark.parametrize("success", [2, 2**255, 2**256 - 1])
def test_a_success_that_is_none(success: int) -> None:
    data = bytearray(encode(["(bool,bytes)[]"], [[(True, word(5))]]))
    data[96:128] = word(success)
    assert decode_amounts(bytes(data), 1) == [None]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_results_of_another_number_of_calls_are_none(count: int) -> None:
    data = encode(["(bool,bytes)[]"], [[(True, word(5))] * 2])
    with pytest.raises(MalformedInput):
        decode_amounts(data, count)


@given(st.binary(max_size=400), st.integers(0, 3))
def test_whatever_comes_is_decoded_or_refused(data: bytes, calls: int) -> None:
    with suppress(MalformedInput):
        assert len(decode_amounts(data, calls)) == calls


@given(RESULTS, st.data())
def test_a_changed_word_makes_no_trouble(results: list[tuple[bool, bytes]], data: st.DataObject) -> None:
    encoded = bytearray(encode(["(bool,bytes)[]"], [results]))
    place = 32 * data.draw(st.integers(0, len(encoded) // 32 - 1))
    encoded[place : place + 32] = word(data.draw(st.integers(0, 2**256 - 1)))
    with suppress(MalformedInput):
        assert len(decode_amounts(bytes(encoded), len(results))) == len(results)


def test_an_answer_with_a_word_each_has_this_length() -> None:
    data = encode(["(bool,bytes)[]"], [[(True, word(5))] * 500])
    assert len(data) == most_bytes(500)


def test_gas_has_a_bound() -> None:
    assert gas_for(1) == 200_000
    assert gas_for(200) == gas_for(500) == 40_000_000


def test_what_is_encoded_decodes() -> None:
    calls = [balance_call(token, HOLDER, MULTICALL_ADDRESS) for token in (NATIVE_COIN, TOKEN)]
    (decoded,) = decode(["(address,bool,bytes)[]"], encode_aggregate(calls)[4:])
    assert [(bytes.fromhex(target[2:]), data) for target, _, data in decoded] == calls
