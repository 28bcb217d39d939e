"""A chain in memory, with forks: blocks, what happened in them, and what everybody has after them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from minirelay.chain.block import Block
from minirelay.protocol.addresses import ADDRESS_BYTES, NATIVE_COIN

GENESIS_TIME = 1_700_000_000
NOTHING: Mapping[tuple[bytes, bytes], int] = MappingProxyType({})


def digest(*parts: object) -> bytes:
    """Make 32 bytes that nothing else has."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).digest()


def address_of(name: object) -> bytes:
    """Make an address that nothing else has."""
    return digest("address", name)[-ADDRESS_BYTES:]


@dataclass(frozen=True, slots=True)
class Event:
    """A log that is in no block yet: as a contract emits it."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What may be mined: on several forks, too, with the same hash."""

    hash: bytes
    sender: bytes = bytes(ADDRESS_BYTES)
    to: bytes = bytes(ADDRESS_BYTES)
    input: bytes = b""
    value: int = 0
    events: tuple[Event, ...] = ()
    credits: Mapping[tuple[bytes, bytes], int] = field(default_factory=lambda: NOTHING)
    """What holders get by it, by token (NATIVE_COIN: coins) and holder."""
    sweeps: tuple[bytes, ...] = ()
    """Holders that lose all they have, and whose transaction count goes up: sweepers that are deployed."""


@dataclass(frozen=True, slots=True)
class MinedLog:
    """A log in its block."""

    event: Event
    transaction: bytes
    transaction_index: int
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class MinedBlock:
    """A block. amounts, counts: what is there after it; of holders, coins and tokens."""

    header: Block
    transactions: tuple[Transaction, ...]
    logs: tuple[MinedLog, ...]
    amounts: Mapping[tuple[bytes, bytes], int]
    counts: Mapping[bytes, int]

    @property
    def number(self) -> int:
        """Return its number."""
        return self.header.number

    @property
    def hash(self) -> bytes:
        """Return its hash."""
        return self.header.hash

    def amount(self, token: bytes, holder: bytes) -> int:
        """Return how much a holder has after it."""
        return self.amounts.get((token, holder), 0)


class Branch:
    """The blocks from the first to a head, by number: what one node takes for the chain."""

    def __init__(self, blocks: Sequence[MinedBlock]) -> None:
        """blocks: from number 0 on."""
        self._blocks = list(blocks)

    @property
    def head(self) -> MinedBlock:
        """Return its newest block."""
        return self._blocks[-1]

    def at(self, number: int) -> MinedBlock | None:
        """Return the block of a number; None beyond the head."""
        return self._blocks[number] if 0 <= number < len(self._blocks) else None

    def between(self, first: int, last: int) -> Sequence[MinedBlock]:
        """List the blocks from one number to another, as far as there are any."""
        return self._blocks[max(first, 0) : max(last + 1, 0)]

    def holds(self, block: Block) -> bool:
        """Return whether a block is part of it."""
        return self.has(block.number, block.hash)

    def has(self, number: int, block_hash: bytes) -> bool:
        """Return whether the block of a number is this one."""
        found = self.at(number)
        return found is not None and found.hash == block_hash

    def logs(self, first: int = 0, last: int | None = None) -> Iterator[tuple[MinedBlock, MinedLog]]:
        """Yield the logs of these blocks, in order."""
        for block in self.between(first, self.head.number if last is None else last):
            for log in block.logs:
                yield block, log

    def move_to(self, head: MinedBlock, known: Mapping[bytes, MinedBlock]) -> None:
        """Take another head, of whatever fork. known: all blocks by hash."""
        new = [head]
        while not self._is_parent(new[-1]) and new[-1].number > 0:
            new.append(known[new[-1].header.parent])
        del self._blocks[new[-1].number :]
        self._blocks += reversed(new)

    def _is_parent(self, block: MinedBlock) -> bool:
        parent = self.at(block.number - 1)
        return parent is not None and parent.hash == block.header.parent


class ChainModel:
    """All blocks that were ever mined, on whatever fork.

    best: the branch that wins, for now. highest: the highest number there ever was.
    """

    def __init__(self, chain_id: int, *, codes: Sequence[bytes] = (), start_time: int = GENESIS_TIME) -> None:
        """codes: addresses at which there are contracts."""
        self.chain_id = chain_id
        self.codes = frozenset(codes)
        self._mined = 0
        genesis = self._block(None, start_time, ())
        self.blocks = {genesis.hash: genesis}
        self.places: dict[bytes, list[MinedBlock]] = {}
        self.best = Branch([genesis])
        self.highest = 0

    @property
    def head(self) -> MinedBlock:
        """Return the newest block of the best branch."""
        return self.best.head

    def mine(
        self, transactions: Sequence[Transaction] = (), *, seconds: int = 12, on: MinedBlock | None = None
    ) -> MinedBlock:
        """Mine a block on the best branch, or on another block: then it is on a fork of its own.

        Its timestamp lies so many seconds behind its parent's.
        """
        parent = on or self.head
        block = self._block(parent, parent.header.timestamp + seconds, transactions)
        self.blocks[block.hash] = block
        self.highest = max(self.highest, block.number)
        for transaction in transactions:
            self.places.setdefault(transaction.hash, []).append(block)
        if on is None:
            self.best.move_to(block, self.blocks)
        return block

    def choose(self, head: MinedBlock) -> None:
        """Let another branch win."""
        self.best.move_to(head, self.blocks)

    def branch_to(self, head: MinedBlock) -> Branch:
        """Return all blocks up to one."""
        branch = Branch(self.best.between(0, head.number))
        branch.move_to(head, self.blocks)
        return branch

    def _block(
        self, parent: MinedBlock | None, timestamp: int, transactions: Sequence[Transaction]
    ) -> MinedBlock:
        self._mined += 1
        number = 0 if parent is None else parent.number + 1
        parent_hash = bytes(32) if parent is None else parent.hash
        header = Block(number, digest(self.chain_id, parent_hash.hex(), self._mined), parent_hash, timestamp)
        amounts, counts = (NOTHING, {}) if parent is None else (parent.amounts, parent.counts)
        if transactions:
            amounts, counts = _after(amounts, counts, transactions)
        return MinedBlock(header, tuple(transactions), tuple(_number_logs(transactions)), amounts, counts)


def _number_logs(transactions: Sequence[Transaction]) -> Iterator[MinedLog]:
    index = 0
    for position, transaction in enumerate(transactions):
        for event in transaction.events:
            yield MinedLog(event, transaction.hash, position, index)
            index += 1


def _after(
    amounts: Mapping[tuple[bytes, bytes], int], counts: Mapping[bytes, int], mined: Sequence[Transaction]
) -> tuple[Mapping[tuple[bytes, bytes], int], Mapping[bytes, int]]:
    """Return what everybody has after transactions."""
    new_amounts, new_counts = dict(amounts), dict(counts)
    for transaction in mined:
        for owned, change in transaction.credits.items():
            new_amounts[owned] = new_amounts.get(owned, 0) + change
        for holder in transaction.sweeps:
            new_amounts = {owned: left for owned, left in new_amounts.items() if owned[1] != holder}
            new_counts[holder] = new_counts.get(holder, 0) + 1
    return new_amounts, new_counts


def coins_to(holder: bytes, amount: int, name: object) -> Transaction:
    """Make a plain transfer of coins."""
    return Transaction(digest("tx", name), to=holder, value=amount, credits={(NATIVE_COIN, holder): amount})
