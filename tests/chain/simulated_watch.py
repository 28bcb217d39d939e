"""Who is told what the poller finds in a simulation: it holds all of it against the chain as it really is."""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import NamedTuple

from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.findings import (
    BalancesAt,
    ChainReader,
    Findings,
    FoundBalance,
    FoundLog,
    LogFilter,
    Marks,
)
from minirelay.chain.question import Question
from minirelay.protocol.json_rpc import Request, write_data
from minirelay.store.batch import Batch
from minirelay.store.writes import MetaRow
from tests.chain.chain_model import Branch, MinedLog
from tests.chain.simulated_endpoints import Checkpoints
from tests.chain.simulated_world import (
    CONTRACT,
    ENOUGH,
    EVENTS,
    HOLDERS,
    WANTED_IDS,
    World,
    token_of,
)


class LogKey(NamedTuple):
    """Which log, of which fork."""

    number: int
    block_hash: bytes
    log_index: int


class Depth(NamedTuple):
    """How deep is deep, and how deep is final: distances from the head. is_tagged: as nodes say."""

    deep: int
    final: int
    is_tagged: bool


def is_wanted(log: MinedLog) -> bool:
    """Return whether the watch wants a log."""
    event = log.event
    return event.address == CONTRACT and event.topics[0] in EVENTS and event.topics[1] in WANTED_IDS


def wanted_logs(branch: Branch, first: int, last: int) -> dict[LogKey, MinedLog]:
    """Collect what there is to be found between two blocks."""
    return {
        LogKey(block.number, block.hash, log.index): log
        for block, log in branch.logs(first, last)
        if is_wanted(log)
    }


class Ledger:
    """What is remembered over all lives of a poller: what was recorded for good, and what for the time being.

    start: the first block that has to be read; None as long as nothing was stored.
    """

    def __init__(self, world: World, depth: Depth, margin: int) -> None:
        self.world = world
        self.depth = depth
        self.margin = margin
        self.start: int | None = None
        self.deep: set[LogKey] = set()
        self.seen: set[LogKey] = set()
        self.decided: set[bytes] = set()
        self.marks: Marks | None = None
        self.taken: Findings | None = None
        """What was taken last, and is to be saved."""
        self.takes = 0

    def save(self) -> None:
        """Take note that the marks were saved with which the last findings came."""
        assert self.taken is not None
        self.start = self.start_of(self.taken)
        self.marks = self.taken.marks
        self.seen = {LogKey(log.block.number, log.block.hash, log.index) for log in self.taken.seen}

    def check(self, findings: Findings) -> None:
        """Hold findings against the chain. Raises AssertionError."""
        self.takes += 1
        marks = findings.marks
        branch = self.world.model.branch_to(self.world.model.blocks[marks.head.hash])
        assert branch.head.header == marks.head
        self._check_marks(findings, branch)
        self._check_logs(findings, branch)
        if findings.balances is not None:
            self._check_balances(findings.balances, branch)
        for earlier in findings.deep_balances:
            self._check_balances(earlier, branch)
            assert earlier.block.number <= marks.head.number - self.depth.deep, "decided too early"

    def _check_marks(self, findings: Findings, branch: Branch) -> None:
        marks = findings.marks
        assert marks.deep <= marks.scanned <= marks.head.number
        # Where a head goes back, what was deep stays it.
        deep, final = (0, 0) if self.marks is None else (self.marks.deep, self.marks.final)
        newest = self.world.model.highest if self.depth.is_tagged else marks.head.number
        deep = max(deep, newest - self.depth.deep)
        assert marks.deep <= deep, f"deep too early: {marks}"
        assert marks.final <= marks.scanned
        final = max(final, self.world.model.highest - self.depth.final)
        assert marks.final <= final, f"final too early: {marks}"
        if marks.final > 0:
            block = branch.at(marks.final)
            assert block is not None
            assert marks.final_time == block.header.timestamp
        if marks.deep_block is not None:
            assert branch.holds(marks.deep_block)
            assert marks.deep_block.number <= marks.deep

    def _check_logs(self, findings: Findings, branch: Branch) -> None:
        marks = findings.marks
        start = self.start_of(findings)
        seen, deep = _keys(findings.seen, branch), _keys(findings.deep, branch)
        missed = set(wanted_logs(branch, max(start, marks.deep + 1), marks.scanned)) - seen
        assert not missed, f"missed: {_shown(missed)} of {marks}"
        assert all(key.number > marks.deep for key in seen)
        assert all(key.number <= marks.deep for key in deep), "a log is decided too early"
        missing = set(wanted_logs(branch, start, marks.deep)) - self.deep - deep
        assert not missing, f"never given as deep: {_shown(missing)} of {marks}"
        vanished = [key.number for key in self.seen if not _is_on(key, branch)]
        if vanished:
            assert findings.forgotten_above is not None, "a reorganisation is not told of"
            assert findings.forgotten_above < min(vanished)

    def _check_balances(self, found: BalancesAt, branch: Branch) -> None:
        assert branch.holds(found.block), "balances of another fork"
        block = self.world.model.blocks[found.block.hash]
        for balance in found.balances:
            assert balance.amount == block.amount(balance.token, balance.holder), "a wrong balance"
            if balance.transaction_count is not None:
                assert balance.transaction_count == block.counts.get(balance.holder, 0)

    def start_of(self, findings: Findings) -> int:
        """Return the first block that has to be read."""
        if self.start is not None:
            return self.start
        return max(1, findings.marks.head.number - self.margin + 1)


def _shown(keys: set[LogKey]) -> list[str]:
    return [f"{key.number} {key.block_hash.hex()[:6]} {key.log_index}" for key in sorted(keys)][:4]


def _keys(found: Sequence[FoundLog], branch: Branch) -> set[LogKey]:
    """Return which logs these are. Raises AssertionError unless they are of the chain, wanted, in order."""
    keys = [LogKey(log.block.number, log.block.hash, log.index) for log in found]
    assert keys == sorted(keys, key=lambda key: (key.number, key.log_index)), "not in order"
    assert len(set(keys)) == len(keys), "given twice at once"
    for key, log in zip(keys, found, strict=True):
        assert _is_on(key, branch), "a log of another fork"
        mined = wanted_logs(branch, key.number, key.number)[key]
        assert (log.address, log.topics) == (mined.event.address, mined.event.topics)
        assert (log.data, log.transaction_hash) == (mined.event.data, mined.transaction)
    return set(keys)


def _is_on(key: LogKey, branch: Branch) -> bool:
    return branch.has(key.number, key.block_hash)


class RecordRow:
    """A row that a watch returns. on_stored: called when its transaction is stored."""

    epoch = None
    weight = 64

    def __init__(self, key: str, value: bytes, on_stored: Callable[[], None] | None = None) -> None:
        self._row = MetaRow(key, value)
        self.on_stored = on_stored or (lambda: None)

    def add_to(self, batch: Batch) -> None:
        """Put its row in."""
        self._row.add_to(batch)


class RecordingWatch:
    """Records deep logs and balances in rows beside the marks, or elsewhere before them; whatever comes twice
    is recorded once.
    """

    def __init__(
        self, ledger: Ledger, random: Random, checkpoints: Checkpoints, *, in_rows: bool, fails: float = 0.03
    ) -> None:
        """in_rows: whether it returns rows; otherwise what it takes is durable inside of `take`.

        fails: how likely `take` raises.
        """
        self.ledger = ledger
        self.fails = fails
        self.is_wanting_balances = in_rows
        self._in_rows = in_rows
        self._looked_at: dict[bytes, int] = {}
        self._random = random
        self._checkpoints = checkpoints

    def filters(self) -> Sequence[LogFilter]:
        """Ask for the events of the contract."""
        return [LogFilter(CONTRACT, EVENTS)]

    def ids(self, log_filter: LogFilter, /) -> Sequence[bytes]:
        """List the wanted ids."""
        return WANTED_IDS

    def wants(self, log: FoundLog, /) -> bool:
        """Want what has a wanted id."""
        return log.topics[1] in WANTED_IDS

    def balances(self, now: int, /) -> Sequence[tuple[bytes, bytes]]:
        """Look at all that is not decided, at those first that were not looked at for longest."""
        if not self._in_rows:
            return []
        waiting = [one for one in HOLDERS if one not in self.ledger.decided]
        waiting.sort(key=lambda one: self._looked_at.get(one, 0))
        return [(token_of(one), one) for one in waiting]

    def wants_balance(self, balance: FoundBalance, /) -> bool:
        """Want what is enough."""
        return balance.amount >= ENOUGH

    def is_needed(self) -> bool:
        """Something is always open."""
        return True

    async def take(self, findings: Findings, reader: ChainReader, /) -> Sequence[RecordRow]:
        """Check what was found, ask about some of it, and record it."""
        self.ledger.check(findings)
        if findings.balances is not None:
            for balance in findings.balances.balances:
                self._looked_at[balance.holder] = self.ledger.takes
        await self._checkpoints.reach()
        await self._ask(findings, reader)
        if self._random.random() < self.fails:
            raise ChainUnreachable("the watch could not take it")
        rows = [*self._log_rows(findings), *self._balance_rows(findings)]
        if self._in_rows:
            self.ledger.taken = findings
            return rows
        for row in rows:
            row.on_stored()
        self.ledger.taken = findings
        await self._checkpoints.reach()
        return []

    async def _ask(self, findings: Findings, reader: ChainReader) -> None:
        """Ask for receipts, as whoever has to prove a payment does."""
        some = [log for log in findings.seen if self._random.random() < 0.05][:5]
        questions = [
            Question(Request("eth_getTransactionReceipt", [write_data(log.transaction_hash)]), _is_there)
            for log in some
        ]
        await reader.request_many(questions)

    def _log_rows(self, findings: Findings) -> Iterable[RecordRow]:
        for log in findings.deep:
            key = LogKey(log.block.number, log.block.hash, log.index)
            if key not in self.ledger.deep:
                name = f"deep {key.number} {key.block_hash.hex()} {key.log_index}"
                yield RecordRow(name, b"", lambda key=key: self.ledger.deep.add(key))  # type: ignore[misc]

    def _balance_rows(self, findings: Findings) -> Iterable[RecordRow]:
        for earlier in findings.deep_balances:
            for balance in earlier.balances:
                holder = balance.holder
                if balance.amount >= ENOUGH and balance.transaction_count == 0:
                    yield RecordRow(
                        f"paid {holder.hex()}",
                        b"",
                        lambda holder=holder: self.ledger.decided.add(holder),  # type: ignore[misc]
                    )


def _is_there(value: object) -> bool:
    return value is not None
