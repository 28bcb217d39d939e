"""A node of a chain that does as little as it can: empty blocks, and nothing for anybody."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any, Final

import msgspec

from minirelay.protocol.abi import load_abi
from minirelay.protocol.json_rpc import read_data, write_data
from minirelay.protocol.payments_contract import GET_BYTECODE

BALANCE: Final = 0
"""What everybody has, of every token."""

BLOCK_S: Final = 2
_GENESIS_TIME: Final = 1_700_000_000
_WORD_BYTES: Final = 32
_NO_METHOD: Final = -32601
_CODE: Final = b"\x60"
_AGGREGATE: Final = load_abi("Multicall3").function("aggregate3")


class BareNode:
    """The node. requests: how many came. has_multicall: there is Multicall3, whatever its address."""

    def __init__(self, chain_id: int, *, has_multicall: bool) -> None:
        self.requests = 0
        self.url = ""
        self._number = 1000
        self._methods: Mapping[str, Callable[[list[Any]], object]] = {
            "eth_chainId": lambda _params: hex(chain_id),
            "eth_getBlockByNumber": lambda params: self._block(params[0]),
            "eth_getLogs": lambda _params: [],
            "eth_getCode": lambda _params: "0x60" if has_multicall else "0x",
            "eth_getBalance": lambda _params: hex(BALANCE),
            "eth_getTransactionCount": lambda _params: "0x0",
            "eth_call": lambda params: _call(read_data(params[0]["to"]), read_data(params[0]["data"])),
        }

    def mine(self) -> None:
        """Add a block."""
        self._number += 1

    def answer(self, body: bytes) -> bytes:
        """Answer a request, or a batch of them."""
        self.requests += 1
        asked = msgspec.json.decode(body)
        if isinstance(asked, list):
            return msgspec.json.encode([self._answer(one) for one in asked])
        return msgspec.json.encode(self._answer(asked))

    def _answer(self, asked: dict[str, Any]) -> dict[str, object]:
        method = self._methods.get(asked["method"])
        if method is None:
            error = {"code": _NO_METHOD, "message": "the method does not exist"}
            return {"jsonrpc": "2.0", "id": asked["id"], "error": error}
        return {"jsonrpc": "2.0", "id": asked["id"], "result": method(asked["params"])}

    def _block(self, name: str) -> dict[str, object] | None:
        number = int(name, 16) if name.startswith("0x") else self._number
        if number > self._number:
            return None
        return {
            "number": hex(number),
            "hash": write_data((number + 1).to_bytes(_WORD_BYTES)),
            "parentHash": write_data(number.to_bytes(_WORD_BYTES)),
            "timestamp": hex(_GENESIS_TIME + BLOCK_S * number),
            "transactions": [],
        }


@contextmanager
def bare_node(chain_id: int, *, has_multicall: bool = True) -> Iterator[BareNode]:
    """Run a node in threads of its own while the block runs; it knows its URL then."""
    node = BareNode(chain_id, has_multicall=has_multicall)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # An answer in one packet.

        def do_POST(self) -> None:
            """Answer."""
            body = node.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        node.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield node
        finally:
            server.shutdown()
            thread.join()


class NodeProcess:
    """Such a node in a process of its own, so that whoever asks has its own process to itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url: str = connection.recv()

    def mine(self) -> None:
        """Add a block."""
        self._connection.send("mine")
        self._connection.recv()

    def requests(self) -> int:
        """Count the requests that came."""
        self._connection.send("requests")
        count: int = self._connection.recv()
        return count


@contextmanager
def node_process(chain_id: int, *, has_multicall: bool = True) -> Iterator[NodeProcess]:
    """Run a node in a process while the block runs."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, chain_id, has_multicall), daemon=True)
    process.start()
    theirs.close()
    try:
        yield NodeProcess(ours)
    finally:
        ours.close()
        process.join()


def _serve(connection: Connection, chain_id: int, has_multicall: bool) -> None:
    """Run a node until the other end is closed."""
    with bare_node(chain_id, has_multicall=has_multicall) as node, suppress(EOFError):
        connection.send(node.url)
        while True:
            if connection.recv() == "mine":
                node.mine()
            connection.send(node.requests)


def _call(contract: bytes, data: bytes) -> str:
    """Answer `aggregate3` with a balance for each call, `getBytecode` with some, all else with a balance."""
    if data.startswith(_AGGREGATE.selector):
        return write_data(_balances(int.from_bytes(data[4 + _WORD_BYTES : 4 + 2 * _WORD_BYTES])))
    if data.startswith(GET_BYTECODE.selector):
        return write_data(_init_code(contract, data[4:]))
    return write_data(_word(BALANCE))


def _balances(count: int) -> bytes:
    result = b"".join(map(_word, (1, 2 * _WORD_BYTES, _WORD_BYTES, BALANCE)))
    offsets = [_word(count * _WORD_BYTES + n * len(result)) for n in range(count)]
    return b"".join([_word(_WORD_BYTES), _word(count), *offsets, result * count])


def _init_code(contract: bytes, arguments: bytes) -> bytes:
    """Put some code before the arguments of a sweeper: request and refund as they came, and the contract."""
    refund, request = arguments[_WORD_BYTES : 2 * _WORD_BYTES], arguments[2 * _WORD_BYTES :]
    code = b"".join([_CODE, _word(3 * _WORD_BYTES), refund, contract.rjust(_WORD_BYTES, b"\0"), request])
    padding = bytes(-len(code) % _WORD_BYTES)
    return b"".join([_word(_WORD_BYTES), _word(len(code)), code, padding])


def _word(value: int) -> bytes:
    return value.to_bytes(_WORD_BYTES)
