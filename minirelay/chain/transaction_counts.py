"""The transaction counts of some holders, beside their balances (spec 07 "A poll", 4)."""

from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from minirelay.chain.chain import Chain
from minirelay.chain.findings import FoundBalance
from minirelay.chain.question import Question
from minirelay.chain.request_budget import RequestBudget
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Request, read_quantity, write_data


async def with_counts(
    chain: Chain,
    balances: Sequence[FoundBalance],
    needs_count: Callable[[FoundBalance], bool],
    at: BlockId,
    budget: RequestBudget,
) -> list[FoundBalance]:
    """Add the transaction counts that are needed, as far as the budget lasts. Raises ChainUnreachable."""
    holders = list(dict.fromkeys(one.holder for one in balances if needs_count(one)))
    counts = dict(zip(holders, await _counts(chain, holders, at, budget), strict=True))
    return [_counted(one, counts.get(one.holder)) for one in balances]


def _counted(balance: FoundBalance, count: object) -> FoundBalance:
    return replace(balance, transaction_count=count) if isinstance(count, int) else balance


async def _counts(
    chain: Chain, holders: Collection[bytes], at: BlockId, budget: RequestBudget
) -> Sequence[object]:
    if not holders or not budget.left:
        return [None] * len(holders)
    questions = [
        Question(Request("eth_getTransactionCount", [write_data(holder)]), read_quantity)
        for holder in holders
    ]
    return (await chain.ask_one(questions, budget, at=at)).outcomes
