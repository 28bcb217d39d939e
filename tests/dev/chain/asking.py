"""Asking a node in tests: every request goes through JSON and back, as from outside."""

import json
from typing import Any

from eth_account import Account as Signer

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.blockchain import Clock
from minirelay.dev.chain.context import Context
from minirelay.dev.chain.dispatch import answer
from minirelay.dev.chain.filters import Filters
from minirelay.dev.chain.ledger import Ledger
from minirelay.dev.chain.node import Node

ALICE, BOB, CAROL = ACCOUNTS[:3]
GWEI = 10**9
START = 1_800_000_000

# Stores the word behind the selector in slot 0, and logs it, as data and as the topic; without call data it
# returns slot 0.
STORE = "3615601357600435805f55805f5260205fa1005b5f545f5260205ff3"


def store(value: int) -> str:
    """Write the call data with which STORE stores a value."""
    return "0x" + "00" * 4 + f"{value:064x}"


def creation(runtime: str) -> str:
    """Write the call data that creates a contract with this runtime code, of at most 255 bytes."""
    return f"0x60{len(runtime) // 2:02x}8060095f395ff3{runtime}"


class SlowClock:
    """The machine's clock, in the hands of the test."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return float(self.now)


class Asker:
    """A node, and the ways to ask it."""

    def __init__(self, ledger: Ledger, clock: SlowClock, *, mines_at_once: bool = True) -> None:
        self.node = Node(ledger, mines_at_once=mines_at_once, clock=Clock(read=clock))
        self.context = Context(self.node, Filters(self.node, clock))
        self._next_id = 0

    def raw(self, body: object) -> Any:
        """Send a body, bytes as they are and the rest as JSON. Returns the decoded answer; None for none."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        received = answer(self.context, sent)
        return json.loads(received) if received else None

    def __call__(self, method: str, *params: object) -> Any:
        """Return a call's result; it must have one."""
        response = self._respond(method, params)
        assert "result" in response, response
        return response["result"]

    def error(self, method: str, *params: object) -> tuple[int, str]:
        """Return a call's error code and message; it must fail."""
        response = self._respond(method, params)
        assert "error" in response, response
        return response["error"]["code"], response["error"]["message"]

    def revert(self, method: str, *params: object) -> tuple[int, str, str]:
        """Return a call's error code, message and data; it must revert."""
        error = self._respond(method, params)["error"]
        return error["code"], error["message"], error["data"]

    def number(self, method: str, *params: object) -> int:
        """Return a call's result, a quantity."""
        return int(self(method, *params), 16)

    def _respond(self, method: str, params: tuple[object, ...]) -> Any:
        self._next_id += 1
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        response = self.raw(request)
        assert response["jsonrpc"] == "2.0"
        assert response["id"] == self._next_id
        return response

    def pay(self, **changed: object) -> str:
        """Send a coin from Alice to Bob; returns the transaction's hash."""
        result: str = self(
            "eth_sendTransaction",
            {"from": ALICE.address, "to": BOB.address, "value": "0x1", **changed},
        )
        return result

    def deploy(self, runtime: str) -> str:
        """Deploy runtime code, up to 255 bytes of it. Returns the contract's address."""
        tx_hash = self("eth_sendTransaction", {"from": CAROL.address, "data": creation(runtime)})
        address: str = self("eth_getTransactionReceipt", tx_hash)["contractAddress"]
        assert self("eth_getCode", address) == "0x" + runtime
        return address


def signed(nonce: int = 0, **changed: Any) -> str:
    """Sign a transaction of Alice's: one wei to Bob, unless something is changed."""
    transaction: dict[str, Any] = {
        "chainId": 31337,
        "nonce": nonce,
        "to": BOB.address,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 3 * GWEI,
        "maxPriorityFeePerGas": GWEI,
    }
    transaction |= changed
    if "gasPrice" in changed:
        del transaction["maxFeePerGas"], transaction["maxPriorityFeePerGas"]
    present = {name: value for name, value in transaction.items() if value is not None}
    return "0x" + bytes(Signer.sign_transaction(present, ALICE.private_key).raw_transaction).hex()
