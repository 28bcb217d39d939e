"""JSON-RPC: requests, answers, batches, and answers that are none."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.answer_bounds import FRAME_BYTES, LONGEST_BYTES
from minirelay.protocol.json_rpc import (
    Request,
    Result,
    RpcError,
    decode_answer,
    decode_batch,
    encode_batch,
    encode_request,
    most_bytes_of_batch,
    printable,
    read_data,
    read_quantity,
    write_data,
)


def test_requests() -> None:
    assert json.loads(encode_request(7, Request("eth_call", [{"to": "0x"}, "latest"]))) == {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "eth_call",
        "params": [{"to": "0x"}, "latest"],
    }


def test_the_block_is_the_last_parameter() -> None:
    request = Request("eth_call", [{"to": "0x"}], 64)
    assert request.about("0x5") == Request("eth_call", [{"to": "0x"}, "0x5"], 64)


def test_results() -> None:
    assert decode_answer(b'{"jsonrpc":"2.0","id":7,"result":"0x1"}', 7) == Result("0x1")
    assert decode_answer(b'{"id":7,"result":null}', 7) == Result(None)
    assert decode_answer(b'{"id":7,"result":[1],"error":null}', 7) == Result([1])


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
        b'{"id":7.0,"result":"0x1"}',
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
    with pytest.raises(MalformedInput):
        decode_answer(body, 7)


def test_true_is_no_request_id() -> None:
    for body in (b'{"id":true,"result":"0x1"}', b'{"id":1.0,"result":"0x1"}'):
        with pytest.raises(MalformedInput, match="not the answer to this request"):
            decode_answer(body, 1)


@pytest.mark.parametrize("request_id", ["7", "null", "99"])
def test_errors_need_no_request_id(request_id: str) -> None:
    body = f'{{"id":{request_id},"error":{{"code":-32005,"message":"busy","data":[1]}}}}'.encode()
    assert decode_answer(body, 7) == RpcError(-32005, "busy", [1])


@pytest.mark.parametrize(
    ("code", "message", "data"),
    [
        (3, "execution reverted: NOT_MINTED", "0x08c379a0"),
        (-32000, "execution reverted", None),
        (-32000, "Execution Reverted", None),
        (-32015, "VM execution error.", "Reverted 0x08c379a0"),
    ],
)
def test_reverts_as_nodes_spell_them(code: int, message: str, data: object) -> None:
    assert RpcError(code, message, data).is_revert


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32000, "header not found"),
        (3, "rate limit exceeded"),
        (-32000, "backend reverted to read-only mode"),
    ],
)
def test_other_errors_are_no_reverts(code: int, message: str) -> None:
    assert not RpcError(code, message, "0x").is_revert


# -- batches

FIRST = 7


def batch(*items: object) -> bytes:
    return json.dumps(items).encode()


def result(number: int, value: object = "0x1") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "result": value}


def error(number: object, message: str = "busy") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": -32005, "message": message}}


BUSY = RpcError(-32005, "busy")


def test_a_batch_numbers_its_requests() -> None:
    content = json.loads(encode_batch(FIRST, [Request("a"), Request("b", ["0x"])]))
    assert [(item["id"], item["method"], item["params"]) for item in content] == [
        (7, "a", []),
        (8, "b", ["0x"]),
    ]


def test_answers_in_another_order_are_put_in_theirs() -> None:
    body = batch(result(9, "c"), result(7, "a"), result(8, "b"))
    assert decode_batch(body, FIRST, 3) == [Result("a"), Result("b"), Result("c")]


def test_a_batch_may_be_answered_partly() -> None:
    assert decode_batch(batch(result(8)), FIRST, 3) == [None, Result("0x1"), None]
    assert decode_batch(b"[]", FIRST, 2) == [None, None]


def test_each_request_may_have_its_own_error() -> None:
    body = batch(error(7, "one"), result(8), error(9, "three"))
    assert decode_batch(body, FIRST, 3) == [RpcError(-32005, "one"), Result("0x1"), RpcError(-32005, "three")]


@pytest.mark.parametrize("number", [None, "7", 6, 10, True])
@pytest.mark.parametrize("is_in_a_list", [True, False])
def test_an_error_that_names_none_is_for_all_that_have_no_answer(number: object, is_in_a_list: bool) -> None:
    body = batch(error(number)) if is_in_a_list else json.dumps(error(number)).encode()
    assert decode_batch(body, FIRST, 3) == [replace(BUSY, is_for_all=True)] * 3
    busy = replace(BUSY, is_for_all=True)
    assert decode_batch(batch(result(8), error(number)), FIRST, 3) == [busy, Result("0x1"), busy]


def test_a_batch_that_is_too_large_is_refused_in_the_name_of_its_first() -> None:
    """As Geth does it: one item, with the first request's id."""
    assert decode_batch(batch(error(7, "batch too large")), FIRST, 2) == [
        RpcError(-32005, "batch too large"),
        None,
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"7",
        b"[[]]",
        b"[null]",
        b"[{}]",
        json.dumps(result(7)).encode(),
        batch(result(10)),
        batch(result(6)),
        batch({"result": "0x1"}),
        batch(result(7), result(7)),
        batch(error(7), result(7)),
        batch(result(7), {"id": 8, "error": "busy"}),
        batch(*[[] for _ in range(600)]),
        b"[" * 100_000,
    ],
)
def test_answers_to_batches_that_are_none(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        decode_batch(body, FIRST, 3)


def test_the_answer_to_a_batch_may_be_as_long_as_all_of_its_answers() -> None:
    assert most_bytes_of_batch([Request("eth_call", (), 32)] * 3) == 3 * (FRAME_BYTES + 64)
    assert most_bytes_of_batch([Request("eth_getLogs")] * 3) == LONGEST_BYTES


def test_strangers_words_are_made_fit_for_a_line() -> None:
    assert printable("a\nb\x1b[2J\u2028c") == "a b [2J c"
    assert printable("x" * 1000) == "x" * 300 + "…"


@settings(derandomize=True, max_examples=300)
@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_malformed(body: bytes) -> None:
    for decode in (lambda: decode_answer(body, 7), lambda: decode_batch(body, 7, 3)):
        with pytest.raises(MalformedInput):
            decode()


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
