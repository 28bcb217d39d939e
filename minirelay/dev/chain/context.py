"""What the methods work on, and how they find a block."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth.abc import BlockHeaderAPI, SignedTransactionAPI, StateAPI

from minirelay.dev.chain.errors import refused
from minirelay.dev.chain.filters import Filters
from minirelay.dev.chain.node import Node, decode_transaction
from minirelay.dev.chain.params import BlockReference, Params
from minirelay.dev.chain.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Context:
    """One node and the filters that are open on it. subscriptions: of this connection, if it can have any."""

    node: Node
    filters: Filters
    subscriptions: Subscriptions | None = None

    def find(self, reference: BlockReference) -> BlockHeaderAPI | None:
        """Return a mined block's header; None for one that doesn't exist, or "pending"."""
        ledger, head = self.node.ledger, self.node.chain.head
        if isinstance(reference, bytes):
            return ledger.header_of(reference)
        if reference == "earliest":
            return ledger.header_at(0)
        if isinstance(reference, str):
            return None if reference == "pending" else head
        return ledger.header_at(reference) if reference <= head.block_number else None

    def header(self, reference: BlockReference) -> BlockHeaderAPI:
        """Return a mined block's header; "pending" is the newest. Raises RpcError if there is none."""
        header = self.node.chain.head if reference == "pending" else self.find(reference)
        if header is None:
            raise refused("header not found")
        return header

    def state(self, reference: BlockReference) -> StateAPI:
        """Return the state behind a block, in which nothing is charged for. Raises RpcError."""
        return self.node.free_state(None if reference == "pending" else self.header(reference))

    def transactions(self, header: BlockHeaderAPI) -> list[SignedTransactionAPI]:
        """Return a mined block's transactions."""
        return [decode_transaction(t.raw) for t in self.node.ledger.transactions_in(header.block_number)]


# What answers a method: the result is JSON, None is null.
Method = Callable[[Context, Params], Any]
