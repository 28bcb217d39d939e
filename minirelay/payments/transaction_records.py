"""Transactions and their receipts, as far as they tell who paid (spec 06 "What counts as paid")."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import ADDRESS_BYTES, ZERO_ADDRESS
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import read_data, read_quantity
from minirelay.protocol.signing import keccak256

MAX_CANDIDATES: Final = 64

USER_OPERATION_EVENT: Final = keccak256(
    b"UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)"
)
"""ERC-4337: its second topic after its own is the wallet."""

_SENDER_TOPIC: Final = 2
_MOST_TOPICS: Final = 4


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """A mined transaction. to: 20 bytes; None where it makes a contract."""

    to: bytes | None
    calldata: bytes


class ReceiptLog(msgspec.Struct, frozen=True, gc=False):
    """A log in a receipt. index: in the block."""

    address: bytes
    topics: tuple[bytes, ...]
    index: int


class Receipt(msgspec.Struct, frozen=True):
    """Who sent a transaction to whom, and what was logged."""

    sender: bytes
    to: bytes | None
    logs: tuple[ReceiptLog, ...]

    def candidates(self, event_index: int) -> list[bytes]:
        """List who may have paid what the log with this index tells, the likeliest first.

        MAX_CANDIDATES at most. Of those that logs name, the nearest to it first: a bundle has others', too.
        """
        return list(islice(dict.fromkeys(self._candidates(event_index)), MAX_CANDIDATES))

    def _candidates(self, event_index: int) -> Iterator[bytes]:
        yield self.sender
        if self.to is not None:
            yield self.to
        logs = sorted(self.logs, key=lambda log: abs(log.index - event_index))
        # The entry point tells of a wallet after what that has done.
        told = [log for log in logs if _is_user_operation(log)]
        for log in sorted(told, key=lambda log: log.index < event_index):
            yield log.topics[_SENDER_TOPIC][-ADDRESS_BYTES:]
        for log in logs:
            yield log.address
        for log in logs:
            yield from _addresses(log.topics[1:])


def read_transaction(result: object, block: BlockId) -> Transaction:
    """Read a transaction as `eth_getTransactionByHash` gives it.

    Raises MalformedInput unless it is in this block: the node knows it not, or knows it from another fork.
    """
    found = _mined(result, block)
    return Transaction(_address_or_none(found.get("to")), read_data(found.get("input")))


def read_receipt(result: object, block: BlockId) -> Receipt:
    """Read a receipt as `eth_getTransactionReceipt` gives it.

    Raises MalformedInput like `read_transaction`.
    """
    found = _mined(result, block)
    logs = found.get("logs")
    if not isinstance(logs, list):
        raise MalformedInput("not a receipt's logs")
    return Receipt(
        _address(found.get("from")), _address_or_none(found.get("to")), tuple(_log(log) for log in logs)
    )


def _mined(result: object, block: BlockId) -> dict[str, object]:
    if not isinstance(result, dict) or read_data(result.get("blockHash")) != block.hash:
        raise MalformedInput("the transaction is not in this block")
    return result


def _log(log: object) -> ReceiptLog:
    match log:
        case {"topics": list(topics), **rest} if len(topics) <= _MOST_TOPICS:
            words = tuple(map(_word, topics))
            return ReceiptLog(_address(rest.get("address")), words, read_quantity(rest.get("logIndex")))
    raise MalformedInput("not a log")


def _word(value: object) -> bytes:
    word = read_data(value)
    if len(word) != WORD_BYTES:
        raise MalformedInput("not a topic")
    return word


def _address(value: object) -> bytes:
    address = read_data(value)
    if len(address) != ADDRESS_BYTES:
        raise MalformedInput("not an address")
    return address


def _address_or_none(value: object) -> bytes | None:
    return None if value is None else _address(value)


def _is_user_operation(log: ReceiptLog) -> bool:
    return len(log.topics) > _SENDER_TOPIC and log.topics[0] == USER_OPERATION_EVENT


def _addresses(words: tuple[bytes, ...]) -> Iterator[bytes]:
    for word in words:
        padding, address = word[:-ADDRESS_BYTES], word[-ADDRESS_BYTES:]
        if not any(padding) and address != ZERO_ADDRESS:
            yield address
