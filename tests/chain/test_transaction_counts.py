"""Transaction counts beside balances."""

from minirelay.chain.chain import Chain
from minirelay.chain.findings import FoundBalance
from minirelay.chain.request_budget import RequestBudget
from minirelay.chain.transaction_counts import with_counts
from minirelay.protocol.addresses import NATIVE_COIN
from tests.chain.chain_model import ChainModel, Transaction, address_of, digest
from tests.chain.polling import CHAIN_ID, CountedNode

SWEPT, OTHER, TOKEN = (address_of(name) for name in ("swept", "other", "token"))
BALANCES = [FoundBalance(NATIVE_COIN, SWEPT, 1), FoundBalance(TOKEN, SWEPT, 2), FoundBalance(TOKEN, OTHER, 3)]


async def counts(requests: int) -> tuple[list[int | None], CountedNode]:
    model = ChainModel(CHAIN_ID)
    block = model.mine([Transaction(digest("sweep"), sweeps=(SWEPT,))])
    model.mine([Transaction(digest("again"), sweeps=(SWEPT,))])
    node = CountedNode(model)
    chain, budget = Chain(CHAIN_ID, [node]), RequestBudget(requests)
    found = await with_counts(chain, BALANCES, lambda one: one.holder == SWEPT, block.header.id, budget)
    assert [one.amount for one in found] == [1, 2, 3]
    return [one.transaction_count for one in found], node


async def test_counts_are_of_the_block_and_of_those_that_need_one() -> None:
    found, node = await counts(9)
    assert found == [1, 1, None]
    assert node.asked.count("eth_getTransactionCount") == 1


async def test_without_requests_there_are_no_counts() -> None:
    found, node = await counts(0)
    assert found == [None] * 3
    assert node.requests == 0
