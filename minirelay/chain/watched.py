"""One watch of a poller, with what was found for it and is not decided yet."""

from collections.abc import Collection, Mapping, Sequence
from typing import Generic, TypeVar

from minirelay.chain.balance_chunks import Pair
from minirelay.chain.block import Block
from minirelay.chain.findings import (
    BalancesAt,
    Findings,
    FoundBalance,
    FoundLog,
    LogFilter,
    Marks,
    PollReader,
    Watch,
)
from minirelay.chain.kept_balances import KeptBalances
from minirelay.chain.seen_logs import SeenLogs

RowT = TypeVar("RowT")


class Watched(Generic[RowT]):
    """A watch, its logs and balances."""

    def __init__(self, chain_id: int, watch: Watch[RowT]) -> None:
        self.watch = watch
        self.seen = SeenLogs()
        self.kept = KeptBalances()
        self.filters: Sequence[LogFilter] = ()
        self._chain_id = chain_id
        self._forgotten_above: int | None = None
        self._asked: set[Pair] = set()
        self._due: list[Pair] = []
        self._balances: BalancesAt | None = None
        self._faults: Mapping[bytes, str] = {}

    def begin_poll(self, scanned: int) -> None:
        """Begin a poll. scanned: up to which number logs count as read; what is beyond is read again."""
        self.seen.begin_poll()
        self.seen.forget_above(scanned)
        self.kept.begin_poll()
        self.filters = tuple(self.watch.filters())
        self._forgotten_above, self._balances, self._faults = None, None, {}
        self._asked, self._due = set(), []

    def forget_above(self, number: int) -> None:
        """Take note of a reorganisation."""
        self._forgotten_above = number
        self.seen.forget_above(number)
        self.kept.forget_above(number)

    def keeps(self, log: FoundLog) -> bool:
        """Return whether a log is for this watch."""
        is_read = any(log.address == one.address and log.topics[0] in one.events for one in self.filters)
        return is_read and self.watch.wants(log)

    # -- balances

    def pairs(self, deep: int, now: int, known: Collection[Pair]) -> Sequence[Pair]:
        """List what to look at: first what is to be decided, then what the watch lists.

        known: what was read at this head already.
        """
        self._due = self.kept.due(deep)
        listed = (pair for pair in self.watch.balances(now) if pair not in known)
        pairs = dict.fromkeys((*self._due, *listed))
        self._asked = set(pairs)
        return list(pairs)

    def needs_count(self, balance: FoundBalance) -> bool:
        """Return whether the holder's transaction count matters."""
        pair = (balance.token, balance.holder)
        if pair not in self._asked:
            return False
        is_due = pair in self._due
        return is_due or (pair not in self.kept and self.watch.wants_balance(balance))

    def take_balances(
        self, block: Block, balances: Sequence[FoundBalance], faults: Mapping[bytes, str]
    ) -> None:
        """Take note of what was read; transaction counts are in it where they were needed.

        faults: what is wrong with tokens.
        """
        tokens = {token for token, _ in self._asked}
        self._faults = {token: words for token, words in faults.items() if token in tokens}
        own = tuple(one for one in balances if (one.token, one.holder) in self._asked)
        self._balances = BalancesAt(block, own) if own else None
        counted = {(one.token, one.holder): one for one in own if one.transaction_count is not None}
        self._due = [pair for pair in self._due if pair in counted]
        for pair, balance in counted.items():
            if pair not in self._due and self.watch.wants_balance(balance):
                self.kept.keep(block, balance)

    # -- the end of a poll

    async def take(self, marks: Marks, reader: PollReader) -> Sequence[RowT]:
        """Give the watch what was found. Raises what it does."""
        return await self.watch.take(self._findings(marks), reader)

    def settle(self, marks: Marks, oldest: int) -> None:
        """Forget what was taken, now that it is stored. oldest: the first number that is read again."""
        self.seen.give_up_to(marks.deep)
        self.seen.forget_below(oldest)
        self.kept.forget(self._due_if_read())

    def _findings(self, marks: Marks) -> Findings:
        return Findings(
            chain_id=self._chain_id,
            marks=marks,
            forgotten_above=self._forgotten_above,
            seen=self.seen.above(marks.deep),
            deep=self.seen.up_to(marks.deep),
            balances=self._balances,
            deep_balances=self.kept.of(self._due_if_read()),
            token_faults=self._faults,
        )

    def _due_if_read(self) -> Collection[Pair]:
        return self._due if self._balances is not None else ()
