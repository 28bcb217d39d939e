"""Pages of a chain's blocks, the newest first, with what their transactions say and did."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from minirelay.chain.chain import MAX_QUESTIONS, Chain
from minirelay.chain.errors import AnswerTooLong
from minirelay.chain.question import Question
from minirelay.dev.admin.decoding import Decoding
from minirelay.dev.admin.transactions import (
    BlockHeader,
    Outcome,
    SentTransaction,
    read_header,
    read_outcome,
    read_sent,
)
from minirelay.errors import ChainError
from minirelay.protocol.json_rpc import Request, write_data
from minirelay.protocol.signing import checksum_address

MOST_BLOCKS: Final = 50
MOST_IN_BLOCK: Final = 25
"""Transactions; the others are counted."""

ENOUGH: Final = 50
"""Transactions: no more blocks on a page that has so many."""

MOST_EVENTS: Final = 20
"""Of a transaction; the others are counted."""

_PER_BATCH: Final = MAX_QUESTIONS // 2

Transaction = tuple[SentTransaction | None, Outcome | None]
"""None where a node does not know it any more, or has more to say of it than is read."""


class BlockPages:
    """Pages of blocks."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding

    async def page(self, chain: Chain, before: int | None, limit: int) -> dict[str, Any]:
        """Write the blocks before one, or the newest. limit: at most MOST_BLOCKS. Raises ChainError.

        before: what to ask for the next page with; None at the end.
        """
        head = await chain.quantity("eth_blockNumber")
        newest = head if before is None else min(before - 1, head)
        headers = await _headers(chain, range(newest, max(-1, newest - limit), -1))
        shown = [one for one in headers[: _fitting(headers)] if one is not None]
        hashes = [digest for one in shown for digest in one.transactions[:MOST_IN_BLOCK]]
        found = dict(zip(hashes, await _transactions(chain, hashes), strict=True))
        last = shown[-1].number if shown else 0
        return {
            "head": head,
            "blocks": [self._block(one, found) for one in shown],
            "before": last or None,
        }

    def _block(self, block: BlockHeader, found: dict[bytes, Transaction]) -> dict[str, Any]:
        return {
            "number": block.number,
            "hash": write_data(block.hash),
            "time": _moment(block.time),
            "transaction_count": len(block.transactions),
            "transactions": [
                self._transaction(one, *found[one]) for one in block.transactions[:MOST_IN_BLOCK]
            ],
        }

    def _transaction(
        self, digest: bytes, sent: SentTransaction | None, outcome: Outcome | None
    ) -> dict[str, Any]:
        return {"hash": write_data(digest), **self._sent(sent), **self._outcome(outcome)}

    def _sent(self, sent: SentTransaction | None) -> dict[str, Any]:
        if sent is None:
            return dict.fromkeys(("from", "to", "contract", "value", "call"))
        to = sent.to
        return {
            "from": checksum_address(sent.sender),
            "to": _address(to),
            "contract": self._decoding.name_of(to),
            "value": str(sent.value),
            "call": None if to is None else self._decoding.call(to, sent.data),
        }

    def _outcome(self, outcome: Outcome | None) -> dict[str, Any]:
        if outcome is None:
            return dict.fromkeys(("is_ok", "gas_used", "made", "event_count", "events"))
        return {
            "is_ok": outcome.is_ok,
            "gas_used": outcome.gas_used,
            "made": _address(outcome.made),
            "event_count": len(outcome.events),
            "events": [
                self._decoding.event(one.address, one.topics, one.data)
                for one in outcome.events[:MOST_EVENTS]
            ],
        }


def _fitting(headers: Sequence[BlockHeader | None]) -> int:
    """Return how many blocks come on a page: none behind ENOUGH transactions."""
    transactions = 0
    for position, one in enumerate(headers):
        if transactions >= ENOUGH:
            return position
        transactions += 0 if one is None else min(len(one.transactions), MOST_IN_BLOCK)
    return len(headers)


async def _headers(chain: Chain, numbers: range) -> list[BlockHeader | None]:
    questions = [
        Question(Request("eth_getBlockByNumber", [hex(number), False]), read_header) for number in numbers
    ]
    answers = await chain.request_many(questions)
    return [None if isinstance(one, ChainError) else one for one in answers]


async def _transactions(chain: Chain, hashes: Sequence[bytes]) -> list[Transaction]:
    found: list[Transaction] = []
    remaining = iter(hashes)
    while batch := list(islice(remaining, _PER_BATCH)):
        found += await _batch(chain, batch)
    return found


async def _batch(chain: Chain, hashes: Sequence[bytes]) -> list[Transaction]:
    sent: list[Question[SentTransaction | Outcome | None]] = [
        Question(Request("eth_getTransactionByHash", [write_data(one)]), read_sent) for one in hashes
    ]
    outcomes: list[Question[SentTransaction | Outcome | None]] = [
        Question(Request("eth_getTransactionReceipt", [write_data(one)]), read_outcome) for one in hashes
    ]
    answers = await chain.request_unless_long([*sent, *outcomes])
    if len(hashes) > 1 and all(isinstance(one, AnswerTooLong) for one in answers):
        # Perhaps only together.
        return [found for one in hashes for found in await _batch(chain, [one])]
    pairs = zip(answers[: len(hashes)], answers[len(hashes) :], strict=True)
    return [
        (
            one if isinstance(one, SentTransaction) else None,
            other if isinstance(other, Outcome) else None,
        )
        for one, other in pairs
    ]


def _moment(seconds: int) -> str | None:
    """Write a time; None for one behind the year 9999, which the clock of this chain may have."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def _address(address: bytes | None) -> str | None:
    return None if address is None else checksum_address(address)
