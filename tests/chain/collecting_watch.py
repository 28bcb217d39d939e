"""A watch that keeps what it is told, in memory."""

from collections.abc import Callable, Sequence

from minirelay.chain.findings import ChainReader, Findings, FoundBalance, FoundLog, LogFilter
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.store.batch import Writable
from tests.chain.simulated_watch import LogKey


class CollectingWatch:
    """Wants some events of one contract, and the coins of some holders.

    deep: what was decided. twice: how often something came again. rich: holders that were found with enough,
    deep.
    """

    def __init__(
        self,
        address: bytes,
        events: tuple[bytes, ...],
        holders: Sequence[bytes] = (),
        wants: Callable[[FoundLog], bool] = lambda log: True,
    ) -> None:
        self.address = address
        self.events = events
        self.holders = holders
        self.deep: dict[LogKey, FoundLog] = {}
        self.seen: tuple[FoundLog, ...] = ()
        self.rich: set[bytes] = set()
        self.twice = 0
        self.takes: list[Findings] = []
        self._wants = wants

    def filters(self) -> Sequence[LogFilter]:
        """Ask for the events."""
        return [LogFilter(self.address, self.events)]

    def ids(self, log_filter: LogFilter, /) -> Sequence[bytes]:
        """List no ids."""
        return []

    def wants(self, log: FoundLog, /) -> bool:
        """Ask whoever made this."""
        return self._wants(log)

    def balances(self, now: int, /) -> Sequence[tuple[bytes, bytes]]:
        """Look at the coins of all holders."""
        return [(NATIVE_COIN, holder) for holder in self.holders if holder not in self.rich]

    def wants_balance(self, balance: FoundBalance, /) -> bool:
        """Want any coins."""
        return balance.amount > 0

    def is_needed(self) -> bool:
        """Something is always open."""
        return True

    async def take(self, findings: Findings, reader: ChainReader, /) -> Sequence[Writable]:
        """Keep it."""
        self.takes.append(findings)
        self.seen = findings.seen
        for log in findings.deep:
            key = LogKey(log.block.number, log.block.hash, log.index)
            self.twice += key in self.deep
            self.deep[key] = log
        for at_block in findings.deep_balances:
            self.rich |= {balance.holder for balance in at_block.balances if balance.amount > 0}
        return []
