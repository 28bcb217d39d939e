"""What one WebSocket is told of new blocks and logs (`eth_subscribe`)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

from eth.abc import BlockHeaderAPI

from minirelay.dev.chain import shapes
from minirelay.dev.chain.errors import LIMIT_EXCEEDED, RpcError
from minirelay.dev.chain.filters import limited_logs
from minirelay.dev.chain.ledger import LogCriteria
from minirelay.dev.chain.node import Node
from minirelay.dev.chain.shapes import Json

MAX_SUBSCRIPTIONS: Final = 1000
_NOT_IN_HEADS: Final = ("transactions", "uncles", "withdrawals", "size", "totalDifficulty")


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
        """Tell nothing more. To be called once."""
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
