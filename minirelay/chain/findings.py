"""What a poller finds on a chain, and who is told of it: reading this file is reading the data flow.

A poller asks; a `Watch` says what for, and takes what was found. A poll is: the head, the logs, the
balances; then each watch takes its findings; then what the watches returned goes into one transaction with
the marks. So the marks never get ahead of what was taken, and whatever is killed in between, the same
findings come again: everything that a watch does with them must be idempotent.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from minirelay.chain.block import Block
from minirelay.chain.errors import AnswerTooLong, Reverted
from minirelay.chain.question import Question
from minirelay.protocol.block_id import BlockId

T = TypeVar("T")
RowT_co = TypeVar("RowT_co", covariant=True)


class LogFilter(msgspec.Struct, frozen=True, gc=False):
    """Logs of one contract. address: 20 bytes. events: the first topics, 32 bytes each; any of them.

    id_topic: which topic (1 to 3) holds the id that `Watch.ids` lists; the same for all of the events.
    """

    address: bytes
    events: tuple[bytes, ...]
    id_topic: int = 1


class FoundLog(msgspec.Struct, frozen=True):
    """A log. address: 20 bytes. topics: 1 to 4, 32 bytes each. index: in the block."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block: BlockId
    transaction_hash: bytes
    index: int


class FoundBalance(msgspec.Struct, frozen=True, gc=False):
    """What an address has. token: 20 bytes, NATIVE_COIN for the chain's own. holder: 20 bytes.

    transaction_count: of the holder, at the same block; None where it was not asked for: see
    `Watch.wants_balance`.
    """

    token: bytes
    holder: bytes
    amount: int
    transaction_count: int | None = None


class BalancesAt(msgspec.Struct, frozen=True):
    """Balances at one block: of its state, which its hash names."""

    block: Block
    balances: tuple[FoundBalance, ...]


class Marks(msgspec.Struct, frozen=True):
    """How far a chain is read (spec 07 "Heads").

    head: the newest block. scanned: the newest block up to which all logs were read. deep: the newest
    scanned block that is deep; logs up to it were given as `Findings.deep`. deep_block: the newest such block
    whose header is known; not always of that number, None at the very first. final, final_time: number and
    timestamp (epoch seconds) of the newest scanned block that will not vanish; 0 both until one is known.
    """

    head: Block
    scanned: int
    deep: int
    deep_block: Block | None
    final: int
    final_time: int


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What one poll found for one watch; `Watch.take` gets it at each poll, also when nothing is new.

    marks: as they will be once this is taken. forgotten_above: there was a reorganisation, and what was seen
    above this number never was; what is still there follows in `seen` or `deep` of this poll or a later one.
    seen: all logs whose blocks are not deep yet, each time again. deep: those whose block is deep now; each
    is given at least once, and may come again: scans overlap, and a restart reads again. Both by block and
    index. balances: of those that were asked about in this poll. deep_balances: earlier ones that the watch
    wanted, whose block is deep now and still canonical; each is given once, and not at all if the relay was
    restarted meanwhile: then the address is found again at a newer block. What the pair has now, and its
    transaction count, is in `balances` of the same poll. token_faults: what is wrong with tokens whose
    balances were asked for, in words; the endpoint is not at fault.
    """

    chain_id: int
    marks: Marks
    forgotten_above: int | None = None
    seen: tuple[FoundLog, ...] = ()
    deep: tuple[FoundLog, ...] = ()
    balances: BalancesAt | None = None
    deep_balances: tuple[BalancesAt, ...] = ()
    token_faults: Mapping[bytes, str] = {}


class ChainReader(Protocol):
    """Asks a chain further questions: a `Chain`, or one whose requests are counted."""

    async def request_many(
        self, questions: Sequence[Question[T]], at: BlockId | None = None
    ) -> list[T | Reverted]:
        """Ask together, as `Chain.request_many` does.

        Raises NodeRefused, ChainUnreachable; BudgetSpent when the requests of this poll are used up.
        """

    async def request_unless_long(self, questions: Sequence[Question[T]]) -> list[T | AnswerTooLong]:
        """Ask for what strangers can make too long, as `Chain.request_unless_long` does, which has a budget.

        Raises like `request_many`.
        """


class PollReader(ChainReader, Protocol):
    """What a watch asks further questions of: where to ask is the poll's business, but for a second word."""

    def of_another(self) -> ChainReader | None:
        """Return what asks only endpoints that did not tell of this poll's findings; None: there are none.

        It raises ChainUnreachable as long as none of them answers. Its requests are of the same budget.
        """


class Watch(Protocol[RowT_co]):
    """Who is told what is found: one per chain and concern, the mirror of accounts, say, or the payments.

    All but `take` answer from memory, at once.
    """

    def filters(self) -> Sequence[LogFilter]:
        """Return which logs to read, without a list of ids. It may change: new ones are read from then on."""

    def ids(self, log_filter: LogFilter, /) -> Sequence[bytes]:
        """List the ids of what may still be wanted, 32 bytes each.

        They are asked for only where a single block has too many logs.
        """

    def wants(self, log: FoundLog, /) -> bool:
        """Return whether a log is about anything of the watch's: only those are kept, and given to `take`."""

    def balances(self, now: int, /) -> Sequence[tuple[bytes, bytes]]:
        """List what to look at now, the most important first: tokens (NATIVE_COIN for coins) and holders.

        now: by the relay's clock, epoch seconds. What does not fit into the poll is missing in its findings.
        """

    def wants_balance(self, balance: FoundBalance, /) -> bool:
        """Return whether so much matters, enough for a payment, say.

        Its transaction count is asked for then, and it is kept until its block is deep.
        """

    def is_needed(self) -> bool:
        """Return whether anything is open: whether to poll at the chain's own pace."""

    async def take(self, findings: Findings, reader: PollReader, /) -> Sequence[RowT_co]:
        """Take what was found, and return the rows that belong into the transaction of the marks.

        What goes another way (a shop's sequencer) is durable before this returns. reader: for further
        questions, within what is left of the poll's requests. When it raises (any MinirelayError), nothing
        counts as taken, and the next poll brings the same again: what does not fit into one poll has to be
        remembered by the watch, in its rows.
        """
