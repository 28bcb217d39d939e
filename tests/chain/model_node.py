"""A node over a chain in memory: it answers JSON-RPC as nodes do, each from its own view of the chain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from eth_abi.abi import decode, encode

from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError, write_data
from minirelay.protocol.signing import keccak256
from tests.chain.chain_model import Branch, ChainModel, MinedBlock, MinedLog, Transaction

MULTICALL3 = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")
CALL_GAS = 2_600
LIMIT_GAS = 50_000_000

Json = dict[str, Any]


class _Refusal(Exception):
    """What the node says instead of a result."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = RpcError(code, message)


def _selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]


AGGREGATE3 = _selector("aggregate3((address,bool,bytes)[])")
GET_ETH_BALANCE = _selector("getEthBalance(address)")
GET_BLOCK_NUMBER = _selector("getBlockNumber()")
GET_CHAIN_ID = _selector("getChainId()")
BALANCE_OF = _selector("balanceOf(address)")


@dataclass
class NodeTraits:
    """How a kind of node differs from others, without any fault.

    has_tags: it knows `safe` and `finalized`, this many blocks behind the head. keeps_states: of how many
    blocks; it has pruned what is older. takes_block_hashes: as EIP-1898 has it.
    """

    has_tags: bool = True
    safe_distance: int = 8
    finalized_distance: int = 20
    keeps_states: int = 128
    takes_block_hashes: bool = True
    has_multicall: bool = True


class ModelNode:
    """One node; `Chain` asks it as it asks an endpoint. lag: how many blocks it is behind what it follows.

    follow: the branch that it takes for the chain; None: the best one.
    """

    def __init__(self, model: ChainModel, name: str = "node", traits: NodeTraits | None = None) -> None:
        self.model = model
        self.name = name
        self.traits = traits or NodeTraits()
        self.lag = 0
        self.follows: MinedBlock | None = None
        self.asked: list[str] = []
        self._view = Branch(model.best.between(0, model.head.number))
        self._methods: Mapping[str, Callable[..., object]] = {
            "eth_chainId": lambda: hex(self.model.chain_id),
            "eth_blockNumber": lambda: hex(self.view.head.number),
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getLogs": self._logs,
            "eth_call": self._call,
            "eth_getBalance": self._balance,
            "eth_getCode": self._code,
            "eth_getTransactionCount": self._transaction_count,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionReceipt": self._receipt,
        }

    @property
    def view(self) -> Branch:
        """Return the chain as it sees it now."""
        tip = self.follows or self.model.head
        self._view.move_to(tip, self.model.blocks)
        if self.lag:
            behind = self._view.at(max(0, tip.number - self.lag))
            assert behind is not None
            self._view.move_to(behind, self.model.blocks)
        return self._view

    async def ask(self, request: Request) -> Answer:
        """Answer one question."""
        return self.answer(request)

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | None]:
        """Answer a batch."""
        return [self.answer(request) for request in requests]

    def answer(self, request: Request) -> Answer:
        """Answer, from the parameters as JSON carries them."""
        self.asked.append(request.method)
        method = self._methods.get(request.method)
        if method is None:
            return RpcError(-32601, f"the method {request.method} does not exist")
        try:
            return Result(method(*msgspec.json.decode(msgspec.json.encode(request.params))))
        except _Refusal as refusal:
            return refusal.error

    # -- blocks

    def _block_by_number(self, name: str, is_full: bool) -> Json | None:
        block = self._named(name)
        return None if block is None else header(block)

    def _block_by_hash(self, block_hash: str, is_full: bool) -> Json | None:
        block = self._known(block_hash)
        return None if block is None else header(block)

    def _named(self, name: str) -> MinedBlock | None:
        """Find a block by its number or its tag; None where there is none."""
        distances = {"latest": 0, "safe": self.traits.safe_distance, "earliest": self.view.head.number}
        distances["finalized"] = self.traits.finalized_distance
        if name not in distances:
            return self.view.at(int(name, 16))
        if name in ("safe", "finalized") and not self.traits.has_tags:
            raise _Refusal(-32602, f"invalid block tag {name}")
        return self.view.at(max(0, self.view.head.number - distances[name]))

    def _known(self, block_hash: str) -> MinedBlock | None:
        """Find a block by its hash, on whatever fork: what is not newer than its head it has seen."""
        block = self.model.blocks.get(_bytes(block_hash))
        return block if block is not None and block.number <= self.view.head.number else None

    def _state(self, block: Any) -> MinedBlock:
        """Find the block that a question is about, and its state. Raises _Refusal."""
        found = self._by_eip_1898(block) if isinstance(block, dict) else self._named(block)
        if found is None:
            raise _Refusal(-32000, "header not found")
        if found.number <= self.view.head.number - self.traits.keeps_states:
            raise _Refusal(-32000, f"missing trie node {found.hash.hex()} (path ) state is not available")
        return found

    def _by_eip_1898(self, block: Json) -> MinedBlock:
        if not self.traits.takes_block_hashes:
            raise _Refusal(-32602, "invalid argument 1: json: cannot unmarshal object into Go value")
        if "blockNumber" in block:
            found = self._named(block["blockNumber"])
        else:
            found = self._known(block["blockHash"])
        if found is None:
            raise _Refusal(-32000, "header for hash not found")
        if block.get("requireCanonical") and not self.view.holds(found.header):
            raise _Refusal(-32000, "hash is not currently canonical")
        return found

    # -- logs

    def _logs(self, criteria: Json) -> list[Json]:
        # A node that has not got the blocks of a range says nothing of it: the list is short, or empty.
        return [
            log_json(block, log)
            for block in self._range(criteria)
            for log in block.logs
            if _matches(criteria, log)
        ]

    def _range(self, criteria: Json) -> Sequence[MinedBlock]:
        if "blockHash" in criteria:
            block = self._known(criteria["blockHash"])
            if block is None:
                raise _Refusal(-32000, "unknown block")
            return [block]
        first, last = (self._number(criteria.get(end, "latest")) for end in ("fromBlock", "toBlock"))
        if first > last:
            raise _Refusal(-32602, "invalid block range params")
        return self.view.between(first, last)

    def _number(self, name: str) -> int:
        if name.startswith("0x"):
            return int(name, 16)
        block = self._named(name)
        assert block is not None
        return block.number

    # -- states

    def _balance(self, holder: str, block: Any = "latest") -> str:
        return hex(self._state(block).amount(NATIVE_COIN, _bytes(holder)))

    def _transaction_count(self, holder: str, block: Any = "latest") -> str:
        return hex(self._state(block).counts.get(_bytes(holder), 0))

    def _code(self, holder: str, block: Any = "latest") -> str:
        self._state(block)
        return "0x60" if self._has_code(_bytes(holder)) else "0x"

    def _has_code(self, holder: bytes) -> bool:
        return holder in self.model.codes or (holder == MULTICALL3 and self.traits.has_multicall)

    def _call(self, call: Json, block: Any = "latest") -> str:
        found = self._state(block)
        data = _bytes(call.get("data") or call.get("input") or "0x")
        success, returned = self._run(found, _bytes(call["to"]), data)
        if not success:
            raise _Refusal(3, "execution reverted")
        return write_data(returned)

    def _run(self, block: MinedBlock, to: bytes, data: bytes) -> tuple[bool, bytes]:
        """Run a contract; returns whether it succeeded, and what it returned."""
        selector, arguments = data[:4], data[4:]
        if not self._has_code(to):
            return True, b""
        if to != MULTICALL3:
            if selector != BALANCE_OF:
                return False, b""
            return True, _word(block.amount(to, arguments[12:32]))
        if selector == AGGREGATE3:
            return True, self._aggregate(block, arguments)
        if selector == GET_ETH_BALANCE:
            return True, _word(block.amount(NATIVE_COIN, arguments[12:32]))
        return True, _word({GET_BLOCK_NUMBER: block.number, GET_CHAIN_ID: self.model.chain_id}[selector])

    def _aggregate(self, block: MinedBlock, arguments: bytes) -> bytes:
        (calls,) = decode(["(address,bool,bytes)[]"], arguments)
        results = []
        for target, may_fail, data in calls:
            success, returned = self._run(block, _bytes(target), data)
            if not (success or may_fail):
                raise _Refusal(3, "execution reverted: Multicall3: call failed")
            results.append((success, returned))
        return encode(["(bool,bytes)[]"], [results])

    # -- transactions

    def _transaction(self, transaction_hash: str) -> Json | None:
        found = self._mined(transaction_hash)
        return None if found is None else transaction_json(*found)

    def _receipt(self, transaction_hash: str) -> Json | None:
        found = self._mined(transaction_hash)
        return None if found is None else receipt_json(*found)

    def _mined(self, transaction_hash: str) -> tuple[MinedBlock, Transaction] | None:
        view = self.view
        for block in self.model.places.get(_bytes(transaction_hash), []):
            if view.holds(block.header):
                found = (one for one in block.transactions if one.hash == _bytes(transaction_hash))
                return block, next(found)
        return None


def header(block: MinedBlock) -> Json:
    """Write a block as JSON, with more in it than anybody reads."""
    return {
        "number": hex(block.number),
        "hash": write_data(block.hash),
        "parentHash": write_data(block.header.parent),
        "timestamp": hex(block.header.timestamp),
        "gasLimit": "0x1c9c380",
        "miner": write_data(bytes(20)),
        "transactions": [write_data(transaction.hash) for transaction in block.transactions],
        "uncles": [],
    }


def log_json(block: MinedBlock, log: MinedLog) -> Json:
    """Write a log as JSON."""
    return {
        "address": write_data(log.event.address),
        "topics": [write_data(topic) for topic in log.event.topics],
        "data": write_data(log.event.data),
        "blockNumber": hex(block.number),
        "blockHash": write_data(block.hash),
        "transactionHash": write_data(log.transaction),
        "transactionIndex": hex(log.transaction_index),
        "logIndex": hex(log.index),
        "removed": False,
    }


def transaction_json(block: MinedBlock, transaction: Transaction) -> Json:
    """Write a mined transaction as JSON."""
    return {
        "hash": write_data(transaction.hash),
        "blockHash": write_data(block.hash),
        "blockNumber": hex(block.number),
        "from": write_data(transaction.sender),
        "to": write_data(transaction.to),
        "input": write_data(transaction.input),
        "value": hex(transaction.value),
    }


def receipt_json(block: MinedBlock, transaction: Transaction) -> Json:
    """Write the receipt of a mined transaction as JSON."""
    return {
        "transactionHash": write_data(transaction.hash),
        "transactionIndex": hex(block.transactions.index(transaction)),
        "blockHash": write_data(block.hash),
        "blockNumber": hex(block.number),
        "from": write_data(transaction.sender),
        "to": write_data(transaction.to),
        "status": "0x1",
        "logs": [log_json(block, log) for log in block.logs if log.transaction == transaction.hash],
    }


def _matches(criteria: Json, log: MinedLog) -> bool:
    if "address" in criteria and log.event.address not in map(_bytes, _alternatives(criteria["address"])):
        return False
    wanted = criteria.get("topics", [])
    return len(wanted) <= len(log.event.topics) and all(
        one is None or topic in map(_bytes, _alternatives(one))
        for one, topic in zip(wanted, log.event.topics, strict=False)
    )


def _alternatives(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
