"""What a method is given: its parameters, and the node that it works on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth.abc import BlockHeaderAPI, SignedTransactionAPI, StateAPI
from eth_typing import Address

from minirelay.dev.chain.errors import invalid_params, refused
from minirelay.dev.chain.filters import Filters, Subscriptions
from minirelay.dev.chain.node import Node, decode_transaction

MAX_DATA_BYTES = 4 * 1024 * 1024
TAGS = ("latest", "pending", "earliest", "safe", "finalized")

# A block by number, by hash or by tag.
BlockReference = int | bytes | str


def data(value: object) -> bytes:
    """Read bytes: 0x and an even number of hex digits."""
    if not isinstance(value, str) or not value.startswith(("0x", "0X")):
        raise invalid_params(f"expected 0x data, got {_shown(value)}")
    if len(value) > 2 * MAX_DATA_BYTES:
        raise invalid_params("the data is too long")
    try:
        # bytes.fromhex alone would take spaces.
        return bytes.fromhex(value[2:]) if value.isalnum() else _no_hex(value)
    except ValueError:
        return _no_hex(value)


def _no_hex(value: str) -> bytes:
    raise invalid_params(f"expected an even number of hex digits, got {_shown(value)}")


def sized(value: object, size: int) -> bytes:
    """Read exactly this many bytes."""
    read = data(value)
    if len(read) != size:
        raise invalid_params(f"expected {size} bytes, got {_shown(value)}")
    return read


def address(value: object) -> Address:
    """Read a 20-byte address, in any case."""
    return Address(sized(value, 20))


def quantity(value: object) -> int:
    """Read a number below 2^256: hex with 0x, or a JSON integer."""
    number = -1
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and len(value) <= 66 and value[:2] in ("0x", "0X"):
        try:
            # int() alone would take underscores, and digits of other scripts.
            number = int(value, 16) if value.isascii() and value.isalnum() else -1
        except ValueError:
            number = -1
    if not 0 <= number < 1 << 256:
        raise invalid_params(f"expected a quantity, got {_shown(value)}")
    return number


def flag(value: object) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        raise invalid_params(f"expected true or false, got {_shown(value)}")
    return value


def members(value: object) -> Mapping[str, object]:
    """Read an object; members that are null count as absent."""
    if not isinstance(value, dict):
        raise invalid_params(f"expected an object, got {_shown(value)}")
    return {name: member for name, member in value.items() if member is not None}


def block(value: object) -> BlockReference:
    """Read a block's number or tag, or an object with its blockNumber or blockHash (EIP-1898)."""
    if isinstance(value, dict):
        named = members(value)
        if "blockHash" in named:
            return sized(named["blockHash"], 32)
        value = named.get("blockNumber")
    if isinstance(value, str) and value in TAGS:
        return value
    return quantity(value)


class Params:
    """The parameters of one call, by position."""

    def __init__(self, values: Sequence[object]) -> None:
        self._values = values

    def has(self, index: int) -> bool:
        """Return whether this parameter is given, and not null."""
        return index < len(self._values) and self._values[index] is not None

    def __getitem__(self, index: int) -> object:
        if not self.has(index):
            raise invalid_params(f"missing value for required argument {index}")
        return self._values[index]

    def block(self, index: int) -> BlockReference:
        """Read a block reference; the newest block if it isn't given."""
        return block(self[index]) if self.has(index) else "latest"

    def flag(self, index: int) -> bool:
        """Read a boolean; false if it isn't given."""
        return flag(self[index]) if self.has(index) else False


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


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
