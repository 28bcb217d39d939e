"""Blocks and logs for tests."""

from collections.abc import Sequence
from typing import Any

from minirelay.chain.block import Block
from minirelay.chain.findings import FoundLog
from minirelay.protocol.block_id import BlockId

CONTRACT = b"\xc0" * 20
EVENT = b"\xe1" * 32
OTHER_EVENT = b"\xe2" * 32
GENESIS_TIME = 1_700_000_000


def word(number: int) -> bytes:
    """A number as a topic."""
    return number.to_bytes(32, "big")


def block_hash(number: int, fork: int = 0) -> bytes:
    """The hash of a block of a fork."""
    return bytes([fork]) * 28 + number.to_bytes(4, "big")


def block(number: int, fork: int = 0, parent_fork: int | None = None) -> Block:
    """A block of a fork; parent_fork: of which its parent is, if of another one."""
    parent = block_hash(number - 1, fork if parent_fork is None else parent_fork) if number else bytes(32)
    return Block(number, block_hash(number, fork), parent, GENESIS_TIME + 12 * number)


def log(number: int, index: int = 0, payment: int = 7, fork: int = 0, event: bytes = EVENT) -> FoundLog:
    """A log with one id."""
    transaction = block_hash(number, fork)[::-1]
    named = BlockId(number, block_hash(number, fork))
    return FoundLog(CONTRACT, (event, word(payment)), b"\1\2", named, transaction, index)


def log_json(one: FoundLog, **changed: Any) -> dict[str, Any]:
    """A log as a node sends it."""
    members = {
        "address": f"0x{one.address.hex()}",
        "topics": [f"0x{topic.hex()}" for topic in one.topics],
        "data": f"0x{one.data.hex()}",
        "blockNumber": hex(one.block.number),
        "blockHash": f"0x{one.block.hash.hex()}",
        "transactionHash": f"0x{one.transaction_hash.hex()}",
        "transactionIndex": "0x0",
        "logIndex": hex(one.index),
        "removed": False,
    }
    return {**members, **changed}


def header_json(one: Block) -> dict[str, Any]:
    """A block as a node sends it."""
    return {
        "number": hex(one.number),
        "hash": f"0x{one.hash.hex()}",
        "parentHash": f"0x{one.parent.hex()}",
        "timestamp": hex(one.timestamp),
        "transactions": [],
    }


def in_order(logs: Sequence[FoundLog]) -> list[tuple[int, int]]:
    """The places of logs."""
    return [(one.block.number, one.index) for one in logs]
