"""A poller over nodes in memory, and a watch that keeps what it is told."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from minirelay.chain.balance_chunks import Pair
from minirelay.chain.balances import BalanceReader
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths
from minirelay.chain.findings import ChainReader, Findings, FoundBalance, FoundLog, LogFilter
from minirelay.chain.poller import Poll, Poller, Start
from minirelay.chain.progress import Progress
from minirelay.chain.question import Question
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.json_rpc import Answer, Request
from tests.chain.chain_model import ChainModel, Event, MinedBlock, Transaction, address_of, digest
from tests.chain.model_node import ModelNode

CHAIN_ID = 5
CONTRACT = address_of("payments")
MADE = digest("PaymentMade")
ENOUGH = 1000


def made(payment: int) -> Transaction:
    """A transaction that pays: one event with an id."""
    event = Event(CONTRACT, (MADE, payment.to_bytes(32, "big")))
    return Transaction(digest("made", payment), to=CONTRACT, events=(event,))


def payment_of(log: FoundLog) -> int:
    """The id of an event."""
    return int.from_bytes(log.topics[1], "big")


class Clock:
    """A clock that only goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountedNode(ModelNode):
    """A node that counts requests, and behaves as it is told.

    requests: over the wire. intercept: gives the answer to a question, or None for the node's own.
    """

    requests = 0
    intercept: Callable[[Request], Answer | None] = staticmethod(lambda request: None)

    async def ask(self, request: Request) -> Answer:
        self.requests += 1
        return self.answer(request)

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | None]:
        self.requests += 1
        return [self.answer(request) for request in requests]

    def answer(self, request: Request) -> Answer:
        return self.intercept(request) or super().answer(request)


class KeepingWatch:
    """Wants the events of one contract. deep, seen: payments, as they were told. error: raised by `take`."""

    def __init__(self) -> None:
        self.wanted: Callable[[FoundLog], bool] = lambda log: True
        self.wanted_ids: Sequence[bytes] = ()
        self.pairs: list[Pair] = []
        self.enough = ENOUGH
        self.needed = True
        self.takes: list[Findings] = []
        self.deep: list[int] = []
        self.paid: list[bytes] = []
        self.rows: list[str] = []
        self.error: Exception | None = None
        self.questions: Sequence[Question[object]] = ()

    @property
    def last(self) -> Findings:
        return self.takes[-1]

    @property
    def seen(self) -> list[int]:
        return [payment_of(log) for log in self.last.seen]

    def filters(self) -> Sequence[LogFilter]:
        return [LogFilter(CONTRACT, (MADE,))]

    def ids(self, log_filter: LogFilter, /) -> Sequence[bytes]:
        return self.wanted_ids

    def wants(self, log: FoundLog, /) -> bool:
        return self.wanted(log)

    def balances(self, now: int, /) -> Sequence[Pair]:
        return self.pairs

    def wants_balance(self, balance: FoundBalance, /) -> bool:
        return balance.amount >= self.enough

    def is_needed(self) -> bool:
        return self.needed

    async def take(self, findings: Findings, reader: ChainReader, /) -> Sequence[str]:
        await reader.request_many(self.questions)
        if self.error is not None:
            raise self.error
        self.takes.append(findings)
        self.deep += [payment_of(log) for log in findings.deep]
        self.paid += [one.holder for at in findings.deep_balances for one in at.balances]
        return self.rows


class KeptProgress:
    """What is remembered across restarts. saves: how often something was stored."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.rows: list[str] = []
        self.saves = 0
        self.error: Exception | None = None

    async def load(self, chain_id: int) -> Progress | None:
        return self.progress

    async def save(
        self, chain_id: int, before: Progress | None, after: Progress, rows: Sequence[str]
    ) -> None:
        assert before == self.progress
        if self.error is not None:
            raise self.error
        self.progress = after
        self.rows += rows
        self.saves += 1


class Polling:
    """A chain, its nodes, and a poller with one watch."""

    def __init__(
        self,
        *nodes: CountedNode,
        model: ChainModel | None = None,
        depths: Depths | None = None,
        start: Start | None = None,
        requests: int = 10,
        multicall: bytes | None = None,
    ) -> None:
        self.model = model or (nodes[0].model if nodes else ChainModel(CHAIN_ID, codes=(CONTRACT,)))
        self.nodes = nodes or (CountedNode(self.model),)
        self.clock = Clock()
        self.watch = KeepingWatch()
        self.memory = KeptProgress()
        self.depths = depths or Depths(3)
        self.start = start or Start(0)
        self.requests = requests
        self.multicall = multicall
        self.restart()

    @property
    def node(self) -> CountedNode:
        return self.nodes[0]

    @property
    def marks(self) -> tuple[int, int, int]:
        """Head, scanned, deep, as they were told last."""
        marks = self.watch.last.marks
        return marks.head.number, marks.scanned, marks.deep

    def restart(self) -> None:
        """Forget all that is not stored."""
        self.chain = Chain(CHAIN_ID, self.nodes, clock=self.clock, jitter=lambda: 1.0)
        self.heads: list[int] = []
        self.poller = Poller(
            self.chain,
            [self.watch],
            self.memory,
            BalanceReader(self.chain, self.multicall, clock=self.clock),
            self.depths,
            lambda: datetime.fromtimestamp(self.model.head.header.timestamp, UTC),
            start=self.start,
            requests=self.requests,
            clock=self.clock,
            on_head=lambda head: self.heads.append(head.number),
        )

    async def poll(self, seconds: float = 4.0) -> Poll:
        """Poll once, so many seconds after the poll before."""
        self.clock.now += seconds
        for node in self.nodes:
            node.requests = 0
            node.asked.clear()
        return await self.poller.poll()

    async def poll_to_head(self) -> int:
        """Poll until all is read; gives how often."""
        polls = 1
        while (await self.poll()).is_behind:
            polls += 1
        return polls

    def mine(self, *payments: int, count: int = 1) -> MinedBlock:
        """Mine blocks; the payments are in the first."""
        block = self.model.mine([made(payment) for payment in payments])
        for _ in range(count - 1):
            block = self.model.mine()
        return block

    def reorganise(self, onto: MinedBlock, *blocks: Sequence[int]) -> None:
        """Let another branch win, with these payments in its blocks."""
        tip = onto
        for payments in blocks:
            tip = self.model.mine([made(payment) for payment in payments], on=tip)
        self.model.choose(tip)


def coins(holder: bytes) -> Pair:
    """What to look at: the coins of a holder."""
    return (NATIVE_COIN, holder)
