"""What is new: kept in a filter until a caller asks, or told to a subscriber (`eth_subscribe`)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

from eth.abc import BlockHeaderAPI

from minirelay.dev.chain import shapes
from minirelay.dev.chain.errors import LIMIT_EXCEEDED, RpcError, refused
from minirelay.dev.chain.ledger import LogCriteria
from minirelay.dev.chain.node import Node
from minirelay.dev.chain.shapes import Json
from minirelay.dev.chain.transactions import Log

MAX_FILTERS = 1000
# A filter that nobody asked for this long is forgotten, as nodes do.
LIFETIME_S = 300.0
MAX_LOGS = 10_000
MAX_SUBSCRIPTIONS: Final = 1000
_NOT_IN_HEADS: Final = ("transactions", "uncles", "withdrawals", "size", "totalDifficulty")


@dataclass(slots=True)
class LogFilter:
    """New logs that match; those up to block `seen` were told."""

    criteria: LogCriteria
    seen: int


@dataclass(slots=True)
class BlockFilter:
    """New block hashes; those up to block `seen` were told."""

    seen: int


@dataclass(slots=True)
class PendingFilter:
    """Hashes of new transactions; the first `seen` arrivals were told."""

    seen: int


Filter = LogFilter | BlockFilter | PendingFilter


class Filters:
    """All filters that are open on one node."""

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._numbers = count(1)
        # From the one asked longest ago to the one asked last.
        self._open: dict[int, tuple[Filter, float]] = {}

    def open_logs(self, criteria: LogCriteria) -> int:
        """Open a filter for logs from now on. Returns its number, as the others do."""
        return self._add(LogFilter(criteria, self._head))

    def open_blocks(self) -> int:
        """Open a filter for block hashes."""
        return self._add(BlockFilter(self._head))

    def open_pending(self) -> int:
        """Open a filter for the hashes of transactions as they arrive."""
        return self._add(PendingFilter(self._node.arrived))

    def close(self, number: int) -> bool:
        """Close a filter. Returns whether it was open."""
        return self._open.pop(number, None) is not None

    def changes(self, number: int) -> list[Log] | list[bytes]:
        """Return what is new since the last call. Raises RpcError for an unknown filter."""
        match self._touch(number):
            case LogFilter() as opened:
                return self._new_logs(opened)
            case BlockFilter() as opened:
                return self._new_blocks(opened)
            case PendingFilter() as opened:
                return self._new_arrivals(opened)

    def criteria(self, number: int) -> LogCriteria:
        """Return what a log filter looks for, in its whole range. Raises RpcError for any other."""
        opened = self._touch(number)
        if not isinstance(opened, LogFilter):
            raise refused("filter not found")
        return opened.criteria

    @property
    def _head(self) -> int:
        return self._node.chain.head.block_number

    def _add(self, opened: Filter) -> int:
        now = self._clock()
        expired = [n for n, (_, asked) in self._open.items() if now - asked > LIFETIME_S]
        if len(self._open) - len(expired) >= MAX_FILTERS:
            expired.append(next(iter(self._open)))
        for stale in expired:
            self._open.pop(stale, None)
        number = next(self._numbers)
        self._open[number] = (opened, now)
        return number

    def _touch(self, number: int) -> Filter:
        opened, _ = self._open.pop(number, (None, 0.0))
        if opened is None:
            raise refused("filter not found")
        self._open[number] = (opened, self._clock())
        return opened

    def _new_logs(self, opened: LogFilter) -> list[Log]:
        # After evm_revert the head may lie below what was told.
        first = max(min(opened.seen, self._head) + 1, opened.criteria.first_block)
        span = replace(
            opened.criteria, first_block=first, last_block=min(self._head, opened.criteria.last_block)
        )
        opened.seen = self._head
        return limited_logs(self._node, span)

    def _new_blocks(self, opened: BlockFilter) -> list[bytes]:
        first, opened.seen = min(opened.seen, self._head) + 1, self._head
        headers = (self._node.ledger.header_at(number) for number in range(first, self._head + 1))
        return [header.hash for header in headers if header is not None]

    def _new_arrivals(self, opened: PendingFilter) -> list[bytes]:
        fresh = min(self._node.arrived - opened.seen, len(self._node.arrivals))
        opened.seen = self._node.arrived
        return list(self._node.arrivals)[len(self._node.arrivals) - fresh :]


def limited_logs(node: Node, criteria: LogCriteria) -> list[Log]:
    """Return the logs that match. Raises RpcError if there are more than nodes commonly give at once."""
    logs = node.ledger.logs(criteria, MAX_LOGS + 1)
    if len(logs) > MAX_LOGS:
        raise RpcError(LIMIT_EXCEEDED, f"query returned more than {MAX_LOGS} results")
    return logs


@dataclass(frozen=True, slots=True)
class _NewHeads:
    """Tells the header of each new block."""


_Subscription = _NewHeads | LogCriteria


class Subscriptions:
    """The subscriptions of one connection, from its begin to `close`."""

    def __init__(self, node: Node, notify: Callable[[Json], None]) -> None:
        """notify: takes a notification, and returns at once."""
        self._node = node
        self._notify = notify
        self._numbers = count(1)
        self._open: dict[int, _Subscription] = {}
        node.followers.append(self._tell)

    def close(self) -> None:
        """Stop telling. To be called once."""
        self._node.followers.remove(self._tell)

    def add_heads(self) -> int:
        """Subscribe to new blocks. Returns the subscription's number. Raises RpcError."""
        return self._add(_NewHeads())

    def add_logs(self, criteria: LogCriteria) -> int:
        """Subscribe to new logs, of whatever blocks. Returns the subscription's number. Raises RpcError."""
        return self._add(criteria)

    def remove(self, number: int) -> bool:
        """End a subscription. Returns whether there was one."""
        return self._open.pop(number, None) is not None

    def _add(self, subscription: _Subscription) -> int:
        if len(self._open) >= MAX_SUBSCRIPTIONS:
            raise RpcError(LIMIT_EXCEEDED, f"a connection has at most {MAX_SUBSCRIPTIONS} subscriptions")
        number = next(self._numbers)
        self._open[number] = subscription
        return number

    def _tell(self, header: BlockHeaderAPI) -> None:
        for number, subscription in self._open.items():
            match subscription:
                case _NewHeads():
                    self._notify_of(number, _head(header))
                case LogCriteria() as criteria:
                    block = header.block_number
                    span = replace(criteria, first_block=block, last_block=block)
                    for log in limited_logs(self._node, span):
                        self._notify_of(number, shapes.log(log))

    def _notify_of(self, number: int, result: Json) -> None:
        params = {"subscription": hex(number), "result": result}
        self._notify({"jsonrpc": "2.0", "method": "eth_subscription", "params": params})


def _head(header: BlockHeaderAPI) -> Json:
    block = shapes.block(header, (), is_full=False)
    return {name: value for name, value in block.items() if name not in _NOT_IN_HEADS}
