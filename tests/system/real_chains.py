"""Real chains that can be reorganised: snapshots are taken, gone back to, and other blocks mined instead."""

from random import Random
from typing import Any

import requests

from minirelay.protocol.json_rpc import read_data, read_quantity, write_data
from tests.chain.chain_model import address_of, digest

EMITTER = address_of("emitter")
# LOG2 without data: the topics are the two words of the call data.
EMITTER_CODE = bytes.fromhex("6020355f355f5fa200")
EVENT = digest("event")
OTHER_EVENT = digest("another event")


class RealChain:
    """A chain behind a URL, that says what it really has. Each transaction has a block of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False
        self._emitted = 0
        self._payer: str = self.rpc("eth_accounts")[0]
        # Anvil mines by itself a moment after it has answered.
        self.rpc("evm_setAutomine", False)
        self.rpc("anvil_setCode", write_data(EMITTER), write_data(EMITTER_CODE))

    def rpc(self, method: str, *params: object) -> Any:
        """Ask anything."""
        question: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self._http.post(self.url, json=question, timeout=30).json()
        assert "error" not in answer, answer
        return answer["result"]

    @property
    def head(self) -> int:
        """Return the number of the newest block."""
        return read_quantity(self.rpc("eth_blockNumber"))

    def emit(self, event: bytes = EVENT) -> bytes:
        """Mine a block with an event; returns its second topic, which no other has."""
        self._emitted += 1
        topic = digest("emitted", self._emitted)
        self._send(EMITTER, write_data(event + topic), 0)
        return topic

    def pay(self, holder: bytes, amount: int) -> None:
        """Mine a block in which somebody gets coins."""
        self._send(holder, "0x", amount)

    def mine(self, count: int) -> None:
        """Mine empty blocks."""
        for _ in range(count):
            self.rpc("evm_mine")

    def mine_something(self, random: Random, holders: list[bytes]) -> None:
        """Mine one block: with an event, with another, with a payment, or empty."""
        match random.randrange(6):
            case 0 | 1 | 2:
                self.emit()
            case 3:
                self.emit(OTHER_EVENT)
            case 4 if holders:
                self.pay(random.choice(holders), 1)
            case _:
                self.mine(1)

    def topics(self) -> list[bytes]:
        """Return the second topics of all events that are on the chain now, in order."""
        criteria = {
            "address": write_data(EMITTER),
            "topics": [write_data(EVENT)],
            "fromBlock": "0x0",
            "toBlock": "latest",
        }
        return [read_data(log["topics"][1]) for log in self.rpc("eth_getLogs", criteria)]

    def balance(self, holder: bytes) -> int:
        """Return how many coins there are."""
        return read_quantity(self.rpc("eth_getBalance", write_data(holder), "latest"))

    def _send(self, to: bytes, data: str, value: int) -> None:
        sent = {
            "from": self._payer,
            "to": write_data(to),
            "data": data,
            "value": hex(value),
            "gas": "0x186a0",
        }
        before = self.head
        self.rpc("eth_sendTransaction", sent)
        self.rpc("evm_mine")
        assert self.head == before + 1
