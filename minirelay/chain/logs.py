"""Logs of a contract: how they are asked for, and what of an answer is believed (spec 07). Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from minirelay.chain.findings import FoundLog, LogFilter
from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.json_rpc import Request, read_data, read_quantity, write_data

MOST_TOPICS: Final = 4
_MOST_INDEX: Final = 2**32


def logs_request(log_filter: LogFilter, first: int, last: int, ids: Sequence[bytes] = ()) -> Request:
    """Ask for the logs from one block to another, both included. ids: only of these, if there are any."""
    topics: list[object] = [[write_data(event) for event in log_filter.events]]
    if ids:
        topics += [None] * (log_filter.id_topic - 1) + [[write_data(one) for one in ids]]
    wanted = {"address": write_data(log_filter.address), "topics": topics}
    return Request("eth_getLogs", [{**wanted, "fromBlock": hex(first), "toBlock": hex(last)}])


def merged(filters: Sequence[LogFilter]) -> list[LogFilter]:
    """Make one filter of those that name the same contract and the same place of an id."""
    events: dict[tuple[bytes, int], dict[bytes, None]] = {}
    for one in filters:
        events.setdefault((one.address, one.id_topic), {}).update(dict.fromkeys(one.events))
    return [LogFilter(address, tuple(found), place) for (address, place), found in events.items()]


def check_list(value: object) -> list[Any]:
    """Read an answer as far as it is a list. Raises MalformedInput."""
    if not isinstance(value, list):
        raise MalformedInput("not a list of logs")
    return value


def read_logs(items: Sequence[object], log_filter: LogFilter, first: int, last: int) -> Iterator[FoundLog]:
    """Read logs one by one: only those that were asked for, in their order, each once.

    Raises MalformedInput for everything else, also for one that is said to have been removed.
    """
    before = (first, -1)
    block: BlockId | None = None
    for item in items:
        log = _read_log(item)
        if log.address != log_filter.address or log.topics[0] not in log_filter.events:
            raise MalformedInput("a log that was not asked for")
        place = (log.block.number, log.index)
        if place <= before or log.block.number > last:
            raise MalformedInput("logs of other blocks, out of order, or twice")
        if block is not None and block.number == log.block.number and block != log.block:
            raise MalformedInput("logs of two forks")
        before, block = place, log.block
        yield log


def _read_log(item: object) -> FoundLog:
    if not isinstance(item, dict) or item.get("removed") not in (None, False):
        raise MalformedInput("not a log")
    topics = item.get("topics")
    if not isinstance(topics, list) or not 1 <= len(topics) <= MOST_TOPICS:
        raise MalformedInput("a log without topics")
    index = read_quantity(item.get("logIndex"))
    if index >= _MOST_INDEX:
        raise MalformedInput("not the index of a log")
    return FoundLog(
        address=_read_sized(item.get("address"), ADDRESS_BYTES),
        topics=tuple([_read_sized(topic, HASH_BYTES) for topic in topics]),
        data=read_data(item.get("data")),
        block=BlockId(read_quantity(item.get("blockNumber")), _read_sized(item.get("blockHash"), HASH_BYTES)),
        transaction_hash=_read_sized(item.get("transactionHash"), HASH_BYTES),
        index=index,
    )


def _read_sized(value: object, size: int) -> bytes:
    data = read_data(value)
    if len(data) != size:
        raise MalformedInput(f"not {size} bytes")
    return data
