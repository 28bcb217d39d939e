"""Blocks and transactions as a node tells of them, as far as they are shown."""

from dataclasses import dataclass
from typing import Final

from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.json_rpc import read_data, read_quantity

_MOST_TOPICS: Final = 4


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """A block. hash: 32 bytes. time: in seconds since 1970. transactions: their hashes."""

    number: int
    hash: bytes
    time: int
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SentTransaction:
    """What was signed. to: 20 bytes, None if it makes a contract. value: in wei."""

    sender: bytes
    to: bytes | None
    value: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """A log. address: of the contract, 20 bytes."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transaction. made: the contract that it made, 20 bytes."""

    is_ok: bool
    gas_used: int
    made: bytes | None
    events: tuple[LoggedEvent, ...]


def read_header(result: object) -> BlockHeader | None:
    """Read a block as `eth_getBlockByNumber` gives it, None if it is gone. These raise MalformedInput."""
    if result is None:
        return None
    match result:
        case {"transactions": list(hashes), **rest}:
            return BlockHeader(
                read_quantity(rest.get("number")),
                _sized(rest.get("hash"), HASH_BYTES),
                read_quantity(rest.get("timestamp")),
                tuple(_sized(one, HASH_BYTES) for one in hashes),
            )
    raise MalformedInput("not a block")


def read_sent(result: object) -> SentTransaction | None:
    """Read a transaction as `eth_getTransactionByHash` gives it, None if it is gone."""
    if result is None:
        return None
    if not isinstance(result, dict):
        raise MalformedInput("not a transaction")
    return SentTransaction(
        _sized(result.get("from"), ADDRESS_BYTES),
        _address_or_none(result.get("to")),
        read_quantity(result.get("value")),
        read_data(result.get("input")),
    )


def read_outcome(result: object) -> Outcome | None:
    """Read a receipt as `eth_getTransactionReceipt` gives it, None if it is gone."""
    if result is None:
        return None
    match result:
        case {"logs": list(logs), **rest}:
            return Outcome(
                read_quantity(rest.get("status")) == 1,
                read_quantity(rest.get("gasUsed")),
                _address_or_none(rest.get("contractAddress")),
                tuple(map(_event, logs)),
            )
    raise MalformedInput("not a receipt")


def _event(log: object) -> LoggedEvent:
    match log:
        case {"topics": list(topics), **rest} if len(topics) <= _MOST_TOPICS:
            words = tuple(_sized(one, HASH_BYTES) for one in topics)
            return LoggedEvent(_sized(rest.get("address"), ADDRESS_BYTES), words, read_data(rest.get("data")))
    raise MalformedInput("not a log")


def _sized(value: object, size: int) -> bytes:
    data = read_data(value)
    if len(data) != size:
        raise MalformedInput(f"not {size} bytes")
    return data


def _address_or_none(value: object) -> bytes | None:
    return None if value is None else _sized(value, ADDRESS_BYTES)
