"""A chain as a poller's findings tell of it: blocks, events, balances and reorganisations, without an EVM.

Who may pay what is the contract's business, and is tested with it; here it says which events prove something.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeVar

from msgspec.structs import replace

from minirelay.chain.block import Block
from minirelay.chain.errors import AnswerTooLong, BudgetSpent, ChainUnreachable, NodeRefused, Reverted
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
from minirelay.payments.last_look import TRANSFER
from minirelay.payments.payment_target import PAYMENT_MADE, ProvenEvent
from minirelay.payments.stray_search import StraySearch
from minirelay.payments.watcher import PaymentWatch
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Request, RpcError, write_data
from minirelay.shop.payment_request import PaymentRequest, payment_id
from minirelay.store.writes import MetaRow
from tests.relay.fixed_facts import CHAIN

T = TypeVar("T")

CONTRACT = b"\xcc" * 20
BLOCK_S = 10


def address_of(request: PaymentRequest) -> bytes:
    """Where a request is paid on this chain."""
    return sha256(payment_id(request)).digest()[:20]


@dataclass
class ModelProof:
    """Which event proves a payment, and by whom."""

    event: FoundLog
    payer: bytes | None


@dataclass
class ModelTarget:
    """Says where requests are paid, and which transactions prove something. payer: whom it knows of."""

    payer: bytes | None = None
    proofs: set[bytes] = field(default_factory=set)
    is_open: bool = False
    is_busy: bool = False
    asked: int = 0

    log_filter = LogFilter(CONTRACT, (PAYMENT_MADE,))

    def request_id(self, log: FoundLog) -> bytes | None:
        return log.topics[1] if log.address == CONTRACT else None

    async def open(self, reader: ChainReader) -> None:
        self.is_open = True

    def address_of(self, request: PaymentRequest) -> bytes:
        return address_of(request)

    async def prove(
        self, request: PaymentRequest, events: Sequence[FoundLog], reader: ChainReader, at: BlockId
    ) -> ProvenEvent | None:
        self.asked += 1
        if self.is_busy:
            raise BudgetSpent("no request is left")
        found = next((one for one in events if one.transaction_hash in self.proofs), None)
        return None if found is None else ModelProof(found, self.payer)


@dataclass
class ModelBlock:
    """A block, and the state behind it."""

    header: Block
    logs: list[FoundLog]
    amounts: dict[tuple[bytes, bytes], int]
    swept: set[bytes]


@dataclass
class ModelChain:
    """A chain that is polled. start: its first block's time. confirmations: until a block is deep."""

    start: int
    confirmations: int = 1
    final_depth: int = 4
    blocks: list[ModelBlock] = field(default_factory=list)
    target: ModelTarget = field(default_factory=ModelTarget)
    refuses_logs: bool = False
    hides_logs: bool = False
    faults: dict[bytes, str] = field(default_factory=dict)
    another: "ModelChain | None" = None
    is_unreachable: bool = False
    asked: int = 0
    searched: int = 0
    _kept: dict[tuple[int, bytes], list[FoundBalance]] = field(default_factory=lambda: defaultdict(list))
    _deep: int = -1
    _fork: int = 0
    _number: int = 0
    _forgotten: int | None = None

    def __post_init__(self) -> None:
        self.mine()

    @property
    def head(self) -> Block:
        return self.blocks[-1].header

    @property
    def time(self) -> int:
        return self.head.timestamp

    # -- what happens on it

    def mine(self, *, at: int | None = None) -> None:
        """Add an empty block."""
        number = len(self.blocks)
        parent = self.blocks[-1] if self.blocks else None
        time = at if at is not None else self.start if parent is None else parent.header.timestamp + BLOCK_S
        block_hash = sha256(b"%d %d" % (number, self._fork)).digest()
        header = Block(number, block_hash, bytes(32) if parent is None else parent.header.hash, time)
        amounts = {} if parent is None else dict(parent.amounts)
        self.blocks.append(ModelBlock(header, [], amounts, set() if parent is None else set(parent.swept)))

    def pass_time(self, seconds: int) -> None:
        """Add enough blocks, that much later, that the first of them is final."""
        self.mine(at=self.time + seconds)
        for _ in range(self.final_depth):
            self.mine()

    def pay(self, request: PaymentRequest, way: str) -> None:
        """Pay a request by a call of the contract, or by a transfer to its address."""
        if way == "call":
            self.event(request)
        else:
            self.transfer(request, request.amount)

    def transfer(self, request: PaymentRequest, amount: int, *, token: bytes | None = None) -> None:
        """Transfer to the address of a request, in a new block."""
        self.mine()
        key = request.currency if token is None else token, address_of(request)
        block = self.blocks[-1]
        block.amounts[key] = block.amounts.get(key, 0) + amount
        topics = (TRANSFER, bytes(32), bytes(12) + key[1])
        data = amount.to_bytes(32)
        block.logs.append(
            FoundLog(key[0], topics, data, block.header.id, self._transaction(), len(block.logs))
        )

    def event(self, request: PaymentRequest, *, proves: bool = True, count: int = 1) -> None:
        """Let the contract say in a new block that a request was paid."""
        self.mine()
        for _ in range(count):
            self._say(request, proves=proves)

    def sweep(self, request: PaymentRequest, *, says: bool = True, leaves: bool = False) -> None:
        """Sweep the address of a request. says: it held the total in time, so it is paid now.

        leaves: the payee does not take it, and it lies there for ever.
        """
        self.mine()
        if not leaves:
            self.blocks[-1].amounts.pop((request.currency, address_of(request)), None)
        self.blocks[-1].swept.add(address_of(request))
        if says:
            self._say(request, proves=True)

    def reorganise(self, depth: int) -> list[ModelBlock]:
        """Drop the last blocks; return them."""
        dropped, self.blocks = self.blocks[-depth:], self.blocks[:-depth]
        self._fork += 1
        last = len(self.blocks) - 1
        self._forgotten = last if self._forgotten is None else min(last, self._forgotten)
        self._deep = min(self._deep, last)
        self._kept = defaultdict(list, {key: found for key, found in self._kept.items() if key[0] <= last})
        return dropped

    def again(self, dropped: ModelBlock, *, at: int | None = None) -> None:
        """Take what was in a dropped block into a new one."""
        self.mine(at=at)
        block = self.blocks[-1]
        block.amounts, block.swept = dict(dropped.amounts), set(dropped.swept)
        for one in dropped.logs:
            block.logs.append(
                FoundLog(
                    one.address, one.topics, one.data, block.header.id, one.transaction_hash, len(block.logs)
                )
            )

    def _say(self, request: PaymentRequest, *, proves: bool) -> None:
        transaction, block = self._transaction(), self.blocks[-1]
        topics = (PAYMENT_MADE, payment_id(request))
        block.logs.append(FoundLog(CONTRACT, topics, b"", block.header.id, transaction, len(block.logs)))
        if proves:
            self.target.proofs.add(transaction)

    def _transaction(self) -> bytes:
        self._number += 1
        return sha256(b"transaction %d" % self._number).digest()

    # -- how it is polled

    async def poll(self, watch: PaymentWatch, now: int | None = None) -> Sequence[MetaRow]:
        """Poll once, as a poller does that reads everything."""
        findings = self.findings(watch, self.time if now is None else now)
        rows = await watch.take(findings, self)
        self._deep = findings.marks.deep
        self._forgotten = None
        return rows

    async def search(self, search: StraySearch) -> None:
        """Poll once for what lies at addresses that do not ask for it."""
        listed = [(token, holder) for token, holder in search.balances(self.time) if token not in self.faults]
        amounts = self.blocks[-1].amounts
        found = tuple([FoundBalance(*pair, amounts.get(pair, 0)) for pair in listed])
        self.searched += len(found)
        balances = BalancesAt(self.head, found) if found else None
        findings = replace(self.nothing_found(), balances=balances, token_faults=self.faults)
        await search.take(findings, self)

    def forget_progress(self) -> None:
        """Give all again, as after a poll that did not count."""
        self._deep = -1

    def forget_balances(self) -> None:
        """Forget what was enough and is not deep, as a poller does that ends."""
        self._kept.clear()

    def nothing_found(self) -> Findings:
        """The findings of a poll that found nothing."""
        head = self.head
        marks = Marks(head=head, scanned=0, deep=0, deep_block=head, final=0, final_time=head.timestamp)
        return Findings(chain_id=CHAIN, marks=marks)

    def findings(self, watch: PaymentWatch, now: int) -> Findings:
        head = self.blocks[-1]
        deep = max(0, len(self.blocks) - self.confirmations)
        final = max(0, len(self.blocks) - self.final_depth)
        listed = [(token, holder) for token, holder in watch.balances(now) if token not in self.faults]
        found = [self._balance(watch, token, holder) for token, holder in listed]
        kept = [one for one in found if one.transaction_count is not None and watch.wants_balance(one)]
        if kept:
            self._kept[head.header.number, head.header.hash] = kept
        settled = [key for key in self._kept if key[0] <= deep]
        deep_balances = [
            BalancesAt(self.blocks[key[0]].header, tuple(self._kept.pop(key))) for key in settled
        ]
        blocks = [] if self.hides_logs else self.blocks
        wanted = [log for block in blocks for log in block.logs if watch.wants(log)]
        return Findings(
            chain_id=CHAIN,
            marks=Marks(
                head=head.header,
                scanned=head.header.number,
                deep=deep,
                deep_block=self.blocks[deep].header,
                final=final,
                final_time=self.blocks[final].header.timestamp,
            ),
            forgotten_above=self._forgotten,
            seen=tuple([log for log in wanted if log.block.number > deep]),
            # The overlap: they come again and again.
            deep=tuple([log for log in wanted if self._deep - 2 < log.block.number <= deep]),
            balances=BalancesAt(head.header, tuple(found)) if found else None,
            deep_balances=tuple(deep_balances),
            token_faults=self.faults,
        )

    def _balance(self, watch: PaymentWatch, token: bytes, holder: bytes) -> FoundBalance:
        """Return what lies there; with the transaction count where that matters."""
        head = self.blocks[-1]
        found = FoundBalance(token, holder, head.amounts.get((token, holder), 0))
        if not watch.wants_balance(found):
            return found
        return FoundBalance(token, holder, found.amount, int(holder in head.swept))

    async def request_many(
        self, questions: Sequence[Question[T]], at: BlockId | None = None
    ) -> list[T | Reverted]:
        """Answer as the chain is now."""
        if self.is_unreachable:
            raise ChainUnreachable("no endpoint can be used")
        self.asked += 1
        return [one.read(self._answer(one.request)) for one in questions]

    def of_another(self) -> "ModelChain | None":
        """Another endpoint: what it tells of may be another chain."""
        return self.another

    async def request_unless_long(self, questions: Sequence[Question[T]]) -> list[T | AnswerTooLong]:
        """Nobody asks for long answers here."""
        raise AssertionError(questions)

    def _matching(self, asked: Any) -> list[FoundLog]:
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        logs = [log for block in self.blocks[first : last + 1] for log in block.logs]
        return [
            log
            for log in logs
            if write_data(log.address) == asked["address"] and all(map(_fits, log.topics, asked["topics"]))
        ]

    def _answer(self, request: Request) -> Any:
        head, params = self.blocks[-1], request.params
        match request.method:
            case "eth_getBlockByHash":
                found = [one.header for one in self.blocks if write_data(one.header.hash) == params[0]]
                return _show(found[0]) if found else None
            case "eth_getBlockByNumber":
                number = head.header.number if params[0] == "latest" else int(str(params[0]), 16)
                return _show(self.blocks[number].header) if number < len(self.blocks) else None
            case "eth_call":
                called: Any = params[0]
                token, data = bytes.fromhex(called["to"][2:]), bytes.fromhex(called["data"][2:])
                return write_data(head.amounts.get((token, data[-20:]), 0).to_bytes(32))
            case "eth_getBalance":
                return hex(head.amounts.get((bytes(20), bytes.fromhex(str(params[0])[2:])), 0))
            case "eth_getTransactionCount":
                return hex(int(bytes.fromhex(str(params[0])[2:]) in head.swept))
            case "eth_getLogs":
                if self.refuses_logs:
                    raise NodeRefused(RpcError(-32005, "range too large"))
                return [_show_log(log) for log in self._matching(params[0])]
        raise AssertionError(request.method)


def _fits(topic: bytes, wanted: Any) -> bool:
    return wanted is None or write_data(topic) in (wanted if isinstance(wanted, list) else [wanted])


def _show_log(log: FoundLog) -> dict[str, Any]:
    return {
        "address": write_data(log.address),
        "topics": [write_data(topic) for topic in log.topics],
        "data": write_data(log.data),
        "blockNumber": hex(log.block.number),
        "blockHash": write_data(log.block.hash),
        "transactionHash": write_data(log.transaction_hash),
        "logIndex": hex(log.index),
    }


def _show(block: Block) -> dict[str, str]:
    return {
        "number": hex(block.number),
        "hash": write_data(block.hash),
        "parentHash": write_data(block.parent),
        "timestamp": hex(block.timestamp),
    }
