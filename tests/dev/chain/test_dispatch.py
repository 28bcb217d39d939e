import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.dev.chain import dispatch
from minirelay.dev.chain.dispatch import METHODS
from minirelay.dev.chain.ledger import Ledger
from tests.dev.chain.asking import Asker, SlowClock

BLOCK_NUMBER = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "dev-chain.md"


def code(response: dict[str, dict[str, int]]) -> int:
    return response["error"]["code"]


def test_methods_are_those_that_the_page_lists() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    listed = [name for row in rows for name in re.findall(r"`([a-z0-9]+_\w+)`", row.split("|")[1])]
    assert len(listed) == len(set(listed)), "a method is listed twice"
    assert set(listed) == set(METHODS)


def test_answer_carries_the_id(ask: Asker) -> None:
    for request_id in (0, 7, "seven", 1.5, None):
        response = ask.raw(BLOCK_NUMBER | {"id": request_id})
        assert response == {"jsonrpc": "2.0", "id": request_id, "result": "0x0"}


def test_params_may_be_left_out(ask: Asker) -> None:
    assert ask.raw({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"})["result"] == "0x0"
    assert ask.raw(BLOCK_NUMBER | {"params": None})["result"] == "0x0"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[", b"\xff\xfe", b"{'id': 1}", b"NaN", b'{"id": Infinity}', b"[" * 100_000, b"1" * 5000],
)
def test_what_is_no_json(ask: Asker, body: bytes) -> None:
    response = ask.raw(body)
    assert code(response) == -32700
    assert response["id"] is None


@pytest.mark.parametrize(
    "request_",
    [
        5,
        "eth_blockNumber",
        None,
        {},
        {"id": 1, "jsonrpc": "2.0"},
        BLOCK_NUMBER | {"method": 5},
        BLOCK_NUMBER | {"jsonrpc": "1.0"},
        BLOCK_NUMBER | {"id": {}},
        BLOCK_NUMBER | {"id": True},
        [],
    ],
)
def test_what_is_no_request(ask: Asker, request_: object) -> None:
    response = ask.raw(request_)
    assert code(response) == -32600
    assert response["id"] is None


def test_unknown_method(ask: Asker) -> None:
    assert ask.error("eth_nonsense") == (-32601, "the method eth_nonsense does not exist/is not available")
    assert len(ask.error("x" * 10_000)[1]) < 200


def test_params_by_name_are_refused(ask: Asker) -> None:
    assert code(ask.raw(BLOCK_NUMBER | {"params": {"a": 1}})) == -32602


def test_batch_is_answered_in_order_each_for_itself(ask: Asker) -> None:
    responses = ask.raw(
        [
            BLOCK_NUMBER,
            {"jsonrpc": "2.0", "id": 2, "method": "eth_nonsense"},
            5,
            {"jsonrpc": "2.0", "id": 3, "method": "evm_mine"},
            BLOCK_NUMBER | {"id": 4},
        ]
    )
    assert [response["id"] for response in responses] == [1, 2, None, 3, 4]
    assert [code(response) if "error" in response else response["result"] for response in responses] == [
        "0x0",
        -32601,
        -32600,
        "0x0",
        "0x1",
    ]


def test_notifications_are_done_and_not_answered(ask: Asker) -> None:
    mine = {"jsonrpc": "2.0", "method": "evm_mine"}
    assert ask.raw(mine) is None
    assert ask.raw([mine, {"jsonrpc": "2.0", "method": "eth_nonsense"}]) is None
    assert ask.raw([mine, BLOCK_NUMBER]) == [{"jsonrpc": "2.0", "id": 1, "result": "0x3"}]


def test_batches_are_bounded(ask: Asker) -> None:
    assert len(ask.raw([BLOCK_NUMBER] * dispatch.MAX_BATCH)) == dispatch.MAX_BATCH
    assert code(ask.raw([BLOCK_NUMBER] * (dispatch.MAX_BATCH + 1))) == -32600


def test_bug_becomes_an_internal_error(
    ask: Asker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(METHODS, "eth_syncing", lambda *_: 1 / 0)
    assert ask.error("eth_syncing") == (-32603, "internal error")
    assert "ZeroDivisionError" in caplog.text


HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**300)
    | st.floats(allow_nan=False)
    | st.sampled_from(["0x", "0x1", "latest", "pending", "0x" + "00" * 20, "0x" + "ff" * 32, "0x" + "f" * 64])
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["from", "to", "gas", "gasPrice", "value", "data", "input", "nonce", "accessList", "address"]
            )
            | st.sampled_from(
                ["topics", "fromBlock", "toBlock", "blockHash", "blockNumber", "timestamp", "blocks"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def node() -> Iterator[Asker]:
    """Yield a node that all examples ask."""
    with closing(Ledger(None)) as ledger:
        yield Asker(ledger, SlowClock())


MINING = {"evm_mine", "anvil_mine", "hardhat_mine"}


@settings(derandomize=True, max_examples=250, deadline=None)
@given(method=st.sampled_from(sorted(set(METHODS) - MINING)), params=st.lists(HOSTILE, max_size=4))
def test_no_parameters_are_an_internal_error(node: Asker, method: str, params: list[object]) -> None:
    response = node.raw({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert "result" in response or code(response) != -32603, (method, params)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(body=st.binary(max_size=40) | HOSTILE.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_answered(node: Asker, body: bytes) -> None:
    response = node.raw(body)
    assert response is None or isinstance(response, (dict, list))
