"""A chain whose blocks, forks and payments follow from a seed, in a time of its own."""

from collections.abc import Sequence
from random import Random

from minirelay.protocol.addresses import NATIVE_COIN
from tests.chain.chain_model import (
    ChainModel,
    Event,
    MinedBlock,
    Transaction,
    address_of,
    coins_to,
    digest,
)

CHAIN_ID = 31337
CONTRACT = address_of("payments")
OTHER_CONTRACT = address_of("another contract")
TOKEN = address_of("token")
PAID, REVOKED, OTHER_EVENT = digest("Paid"), digest("Revoked"), digest("Other")
EVENTS = (PAID, REVOKED)
WANTED_IDS = tuple(digest("id", n) for n in range(24))
HOLDERS = tuple(address_of(("holder", n)) for n in range(10))
ENOUGH = 1000
"""What a holder is waited for to have, of coins or of the token."""


def token_of(holder: bytes) -> bytes:
    """Return what a holder is to be paid with."""
    return NATIVE_COIN if HOLDERS.index(holder) % 2 else TOKEN


class World:
    """The chain as it really is. now: epoch seconds; it goes on as blocks are mined.

    deepest: how many blocks the longest branch had that lost.
    """

    def __init__(
        self,
        random: Random,
        *,
        block_s: int,
        deepest_fork: int,
        busy: float = 0.3,
        model: ChainModel | None = None,
    ) -> None:
        """deepest_fork: how many blocks a reorganisation may replace. busy: how likely a block has events."""
        self.random = random
        self.model = model or ChainModel(CHAIN_ID, codes=(CONTRACT, OTHER_CONTRACT, TOKEN))
        self.now: float = self.model.head.header.timestamp
        self.block_s = block_s
        self.deepest = 0
        self.branches: list[MinedBlock] = []
        """Heads of what lost, the newest last: nodes may still take them for the chain."""
        self._deepest_fork = deepest_fork
        self._busy = busy
        self._mempool: list[Transaction] = []
        self._names = 0

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and blocks be mined as it does."""
        self.now += seconds
        while self.model.head.header.timestamp + self.block_s <= self.now:
            self.mine()

    def wait(self, transaction: Transaction) -> None:
        """Let a transaction wait for the next block."""
        self._mempool.append(transaction)

    def skip_time(self, seconds: float) -> None:
        """Let time pass, and one block be mined at the end of it."""
        self.now += seconds
        self.model.mine(seconds=int(self.now) - self.model.head.header.timestamp)

    def settle(self) -> None:
        """Let nothing more happen than empty blocks."""
        self._busy = 0.0
        self._mempool = []

    def mine(self) -> MinedBlock:
        """Mine the next block."""
        return self.model.mine(self._transactions(), seconds=self.block_s)

    def mine_on(self, head: MinedBlock) -> MinedBlock:
        """Mine a block on a branch that lost."""
        block = self.model.mine(self._transactions(), seconds=self.block_s, on=head)
        self.branches = [block if one is head else one for one in self.branches]
        forked = block
        while not self.model.best.holds(forked.header):
            forked = self.model.blocks[forked.header.parent]
        self.deepest = max(self.deepest, block.number - forked.number)
        return block

    def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by others, one or two more than they were.

        Their transactions are mined again in other blocks, at the same place, later, or never.
        """
        old_head = self.model.head
        depth = min(depth, self._deepest_fork, old_head.number - 1)
        if depth < 1:
            return
        old = self.model.best.between(old_head.number - depth + 1, old_head.number)
        tip = self.model.best.at(old_head.number - depth)
        waiting: list[Transaction] = []
        for replaced in [*old, *([None] * self.random.randint(1, 2))]:
            waiting += self._again(replaced)
            mined, waiting = self._some(waiting)
            tip = self.model.mine([*mined, *self._transactions()], seconds=self.block_s, on=tip)
        assert tip is not None
        self._mempool += waiting
        self.model.choose(tip)
        self.now = max(self.now, tip.header.timestamp)
        self.branches = [*self.branches[-2:], old_head]
        self.deepest = max(self.deepest, depth)

    def _again(self, replaced: MinedBlock | None) -> list[Transaction]:
        """Return what of a block's transactions is not lost."""
        transactions = () if replaced is None else replaced.transactions
        return [one for one in transactions if self.random.random() < 0.85]

    def _some(self, waiting: Sequence[Transaction]) -> tuple[list[Transaction], list[Transaction]]:
        mined: list[Transaction] = []
        later: list[Transaction] = []
        for one in waiting:
            (mined if self.random.random() < 0.6 else later).append(one)
        return mined, later

    def _transactions(self) -> list[Transaction]:
        mined, self._mempool = self._mempool, []
        while self.random.random() < self._busy:
            mined.append(self._transaction())
        return mined

    def _transaction(self) -> Transaction:
        self._names += 1
        kind = self.random.random()
        holder = self.random.choice(HOLDERS)
        if kind < 0.25:
            return self._payment(holder)
        if kind < 0.3:
            return Transaction(digest("tx", self._names), sweeps=(holder,))
        return Transaction(
            digest("tx", self._names), to=CONTRACT, events=tuple(self._events(self.random.randint(1, 3)))
        )

    def _payment(self, holder: bytes) -> Transaction:
        amount = self.random.choice([1, ENOUGH // 2, ENOUGH, ENOUGH, 2 * ENOUGH])
        if token_of(holder) == NATIVE_COIN:
            return coins_to(holder, amount, self._names)
        return Transaction(digest("tx", self._names), to=TOKEN, credits={(TOKEN, holder): amount})

    def _events(self, count: int) -> list[Event]:
        """Emit events that are wanted, and others that differ from them in one thing each."""
        events = []
        for _ in range(count):
            wanted = self.random.random() < 0.6
            topic = self.random.choice(WANTED_IDS) if wanted else digest("strange", self.random.random())
            address = CONTRACT if self.random.random() < 0.85 else OTHER_CONTRACT
            event = self.random.choice([PAID, PAID, PAID, REVOKED, OTHER_EVENT])
            events.append(Event(address, (event, topic), digest("data", self._names)))
        return events
