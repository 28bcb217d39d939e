"""JSON-RPC: requests, answers, and answers that are none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.chain.errors import EndpointFailure, NodeRefused
from minirelay.chain.json_rpc import (
    encode_request,
    printable,
    read_answer,
    read_data,
    read_quantity,
    write_data,
)
from minirelay.errors import MalformedInput


def test_requests() -> None:
    assert json.loads(encode_request(7, "eth_call", [{"to": "0x"}, "latest"])) == {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "eth_call",
        "params": [{"to": "0x"}, "latest"],
    }


def test_results() -> None:
    assert read_answer(b'{"jsonrpc":"2.0","id":7,"result":"0x1"}', 7) == "0x1"
    assert read_answer(b'{"id":7,"result":null}', 7) is None
    assert read_answer(b'{"id":7,"result":[1],"error":null}', 7) == [1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b"null",
        b"[]",
        b'"0x1"',
        b"{}",
        b'{"id":8,"result":"0x1"}',
        b'{"id":"7","result":"0x1"}',
        b'{"result":"0x1"}',
        b'{"id":7}',
        b'[{"id":7,"result":"0x1"}]',
        b'{"id":7,"error":"busy"}',
        b'{"id":7,"error":{}}',
        b'{"id":7,"error":{"code":"3","message":"x"}}',
        b'{"id":7,"error":{"code":3,"message":null}}',
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
)
def test_answers_that_are_none(body: bytes) -> None:
    with pytest.raises(EndpointFailure):
        read_answer(body, 7)


@pytest.mark.parametrize("request_id", ["7", "null", "99"])
def test_errors_need_no_request_id(request_id: str) -> None:
    with pytest.raises(NodeRefused, match=r"busy \(code -32005\)") as error:
        read_answer(f'{{"id":{request_id},"error":{{"code":-32005,"message":"busy"}}}}'.encode(), 7)
    assert (error.value.code, error.value.message) == (-32005, "busy")


def test_strangers_words_are_made_fit_for_a_line() -> None:
    assert printable("a\nb\x1b[2J\u2028c") == "a b [2J c"
    assert printable("x" * 1000) == "x" * 300 + "…"


@settings(derandomize=True, max_examples=300)
@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_an_endpoint_failure(body: bytes) -> None:
    with pytest.raises((EndpointFailure, NodeRefused)):
        read_answer(body, 7)


def test_quantities() -> None:
    assert read_quantity("0x0") == 0
    assert read_quantity("0x00ff") == 255
    assert read_quantity("0x" + "f" * 64) == 2**256 - 1


@pytest.mark.parametrize(
    "value", [None, 5, True, "", "0x", "5", "-0x1", "0x" + "1" * 65, "0xg", "0x1\n", " 0x1", "0x_1", ["0x1"]]
)
def test_quantities_that_are_none(value: object) -> None:
    with pytest.raises(MalformedInput):
        read_quantity(value)


def test_data() -> None:
    assert read_data("0x") == b""
    assert read_data("0x00Ff") == b"\0\xff"
    assert write_data(b"\0\xff") == "0x00ff"


@pytest.mark.parametrize("value", [None, 5, "", "00", "0x0", "0xgg", "0x00\n", {"0x": 1}])
def test_data_that_is_none(value: object) -> None:
    with pytest.raises(MalformedInput):
        read_data(value)
