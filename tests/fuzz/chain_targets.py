"""What must hold for whatever endpoints answer, and for the headers that HTTP brings from either side."""

# Either outcome is right, and each is checked where it turns up.

import json
from collections.abc import Callable, Coroutine, Sequence
from ipaddress import ip_address
from typing import Any, TypeVar

from web3.types import RPCEndpoint

from minirelay.chain.backoff import LONGEST_WISH_S, retry_after
from minirelay.chain.chain import Chain
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.web3_provider import ChainProvider
from minirelay.config.networks import Network
from minirelay.errors import MalformedInput
from minirelay.protocol.abi import Function
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import RpcError, decode_answer, decode_batch, read_data, read_quantity
from minirelay.protocol.multicall import decode_amounts
from minirelay.protocol.refusals import LONGEST_RETRY_S, Refusal
from minirelay.protocol.registries import MAX_RELAYS
from minirelay.web.client_address import client_address

T = TypeVar("T")
V = TypeVar("V")

REQUEST_ID = 7
GET_RELAY_COUNT = Function("getRelayCount", ("uint256",)).selector
FOR_WEB3 = {
    "eth_getBlockByNumber": {"baseFeePerGas"},
    "eth_getTransactionReceipt": {"transactionHash", "status", "blockNumber"},
}
TRUSTED = (Network.parse("10.0.0.0/8"), Network.parse("fd00::/8"))


def rpc_answers() -> list[bytes]:
    """Return answers of endpoints, right and wrong."""
    results: list[Any] = [
        None,
        "0x",
        "0x7a69",
        "0x" + "ab" * 32,
        {"baseFeePerGas": "0x64", "number": "0x1", "transactions": ["0x" + "00" * 32]},
        {"status": "0x1", "blockNumber": "0x9", "logs": [{"topics": ["0x00"], "data": "0x"}]},
    ]
    errors: list[Any] = [
        {"code": 3, "message": "execution reverted: NOT_MINTED", "data": "0x08c379a0" + "00" * 96},
        {"code": -32015, "message": "VM execution error.", "data": "Reverted 0x7a933234"},
        {"code": -32603, "message": "Internal error", "data": {"data": "0x4e487b71", "stack": ["at"]}},
        {"code": -32005, "message": "limit exceeded"},
        {"code": -32005, "message": "retry in 10s", "data": {"rate": {"backoff_seconds": 30.5}}},
        "busy",
    ]
    answers = [{"jsonrpc": "2.0", "id": REQUEST_ID, "result": result} for result in results]
    answers += [{"jsonrpc": "2.0", "id": REQUEST_ID, "error": error} for error in errors]
    return [json.dumps(answer).encode() for answer in (*answers, answers[1:4])]


def rpc_answer(data: bytes) -> None:
    """Answers of endpoints: a result that is read or refused, the node's error, or malformed."""
    for one in _read(lambda body: decode_batch(body, REQUEST_ID, 3), data) or ():
        assert not isinstance(one, RpcError) or one.message.isprintable()
    answer = _read(lambda body: decode_answer(body, REQUEST_ID), data)
    if answer is None:
        return
    if isinstance(answer, RpcError):
        assert answer.message.isprintable()
        assert answer.is_revert in (True, False)
        assert answer.refusal("eth_getLogs") in Refusal
        assert answer.retry_after_s is None or 0 < answer.retry_after_s <= LONGEST_RETRY_S
        return
    result = answer.value
    number = _read(read_quantity, result)
    assert number is None or 0 <= number < 2**256
    raw = _read(read_data, result)
    assert raw is None or f"0x{raw.hex()}" == str(result).lower()
    for method, names in FOR_WEB3.items():
        handed_on = _run(ChainProvider(_Saying(result)).make_request(RPCEndpoint(method), []))
        assert handed_on is None or handed_on["result"] is None or set(handed_on["result"]) == names


def _read(read: Callable[[V], T], value: V) -> T | None:
    try:
        return read(value)
    except MalformedInput:
        return None


def call_results() -> list[bytes]:
    """Return what calls of contracts return: a word a line."""
    lists = [
        [1],
        [2**160 - 1],
        [0],
        [32, 2, 7, 2**256 - 1],
        [32, 0],
        [32, 5, int.from_bytes(b"https".ljust(32))],
        [32, 2, 64, 160, 1, 64, 32, 7, 0, 64, 0],
    ]
    return ["\n".join(f"{word:064x}" for word in words).encode() for words in lists]


def call_result(data: bytes) -> None:
    """What contracts return, as hexadecimal digits: read as what it should be, or refused in one way."""
    digits = "".join(character for character in data.decode("latin-1") if character in "0123456789abcdef")
    returned = bytes.fromhex(digits[: len(digits) // 2 * 2])
    amounts = _read(lambda data: decode_amounts(data, 2), returned)
    assert amounts is None or len(amounts) == 2
    chain = _Answering(returned)
    relays, shops = RelayReg(chain, bytes(20)), ShopReg(chain, bytes(20))
    owner = _run(relays.owner_of(7))
    assert owner is None or len(owner) == 20
    assert _run(shops.owner_of(7)) == owner
    assert _run(relays.uri(7)) is None or len(chain.answer) >= 64
    assert _run(shops.has_permission(7, bytes(20), 2)) in (True, False, None)
    tokens = _run(shops.relay_tokens(7)) or ()
    assert len(tokens) <= MAX_RELAYS
    assert all(0 <= token < 2**256 for token in tokens)


class _Answering(Chain):
    """A chain on which every call returns the same, but for the count of relays."""

    def __init__(self, answer: bytes) -> None:
        self.chain_id = 31337
        self.answer = answer

    async def call(
        self,
        to: bytes,
        data: bytes,
        read: Callable[[bytes], T],
        *,
        data_bytes: int = 32,
        at: BlockId | None = None,
    ) -> T:
        return read((2).to_bytes(32) if data.startswith(GET_RELAY_COUNT) else self.answer)


class _Saying(Chain):
    """A chain that gives the same result to every request."""

    def __init__(self, result: object) -> None:
        self.chain_id = 31337
        self.result = result

    async def request(
        self, method: str, params: Sequence[object], read: Callable[[object], T], *, data_bytes: int = 0
    ) -> T:
        return read(self.result)


def _run(work: Coroutine[Any, Any, T]) -> T | None:
    """Run what never really waits; None if what it read is malformed."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    except MalformedInput:
        return None
    raise AssertionError("it waits")


def retry_afters() -> list[bytes]:
    """Return Retry-After headers."""
    return [
        b"30",
        b"0",
        b"Sun, 01 Jun 2025 12:00:30 GMT",
        b"Sunday, 01-Jun-25 12:00:30 GMT",
        b"Sun Jun  1 12:00:30 2025",
        b"Fri, 31 Dec 9999 23:59:59 -2359",
    ]


def retry_after_header(data: bytes) -> None:
    """Retry-After headers: a time to wait within bounds, or none."""
    # As aiohttp gives them.
    wait_s = retry_after(data.decode("utf-8", "surrogateescape"))
    assert wait_s is None or 0 <= wait_s <= LONGEST_WISH_S


def forwarded_fors() -> list[bytes]:
    """Return X-Forwarded-For headers, one a line."""
    return [
        b"192.0.2.1",
        b"192.0.2.1, 10.0.0.1\n10.0.0.2:5000",
        b"[2001:db8::1]:5000, fd00::1",
        b"::ffff:192.0.2.1, fe80::1%eth0, 10.1.1.1",
        b"unknown, 10.0.0.1",
    ]


def forwarded_for(data: bytes) -> None:
    """X-Forwarded-For headers: the client is an address, whatever they say."""
    headers = data.decode("utf-8", "surrogateescape").split("\n")
    assert client_address("192.0.2.9", headers, TRUSTED) == "192.0.2.9"
    ip_address(client_address("10.0.0.9", headers, TRUSTED).partition("/")[0])
