"""Further questions, within the requests that are left."""

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.counted_reader import CountedReader
from minirelay.chain.errors import BudgetSpent, ChainUnreachable, NodeRefused
from minirelay.chain.logs import check_list
from minirelay.chain.question import Question
from minirelay.chain.request_budget import RequestBudget
from minirelay.protocol.json_rpc import Request, RpcError, read_quantity
from tests.chain.chain_model import ChainModel
from tests.chain.polling import CHAIN_ID, CountedNode

HEAD = Question(Request("eth_blockNumber"), read_quantity)


def reader(requests: int) -> tuple[CountedReader, CountedNode]:
    node = CountedNode(ChainModel(CHAIN_ID))
    return CountedReader(Chain(CHAIN_ID, [node]), RequestBudget(requests)), node


async def test_questions_are_asked_together_and_counted() -> None:
    counted, node = reader(2)
    assert await counted.request_many([HEAD] * 3) == [0, 0, 0]
    # The other one asks on which chain the endpoint is.
    assert (node.requests, counted.budget.left) == (2, 0)
    with pytest.raises(BudgetSpent):
        await counted.request_many([HEAD])
    assert await counted.request_many([]) == []
    assert node.requests == 2


async def test_too_many_logs_are_a_refusal() -> None:
    counted, node = reader(9)
    node.intercept = lambda request: (
        RpcError(-32000, "block range is too large") if request.method == "eth_getLogs" else None
    )
    with pytest.raises(NodeRefused, match="too large"):
        await counted.request_many([Question(Request("eth_getLogs", [{}]), check_list)])


async def test_what_strangers_can_make_long_is_counted_too() -> None:
    counted, node = reader(2)
    assert await counted.request_unless_long([HEAD]) == [0]
    assert (node.requests, counted.budget.left) == (2, 0)
    assert await counted.request_unless_long([]) == []
    with pytest.raises(BudgetSpent):
        await counted.request_unless_long([HEAD])


async def test_another_word_is_asked_of_all_endpoints_but_the_one_that_told() -> None:
    nodes = [CountedNode(ChainModel(CHAIN_ID), name) for name in ("first", "second")]
    chain, budget = Chain(CHAIN_ID, nodes), RequestBudget(9)
    another = CountedReader(chain, budget, "first").of_another()
    assert another is not None
    assert await another.request_many([HEAD]) == [0]
    assert await another.request_unless_long([HEAD]) == [0]
    assert (nodes[0].requests, nodes[1].requests, budget.left) == (0, 3, 6)
    nodes[1].intercept = lambda request: RpcError(-32603, "internal error")
    with pytest.raises(ChainUnreachable):
        await another.request_many([HEAD])
    assert nodes[0].requests == 0


def test_an_endpoint_that_is_alone_has_no_other() -> None:
    node = CountedNode(ChainModel(CHAIN_ID))
    assert CountedReader(Chain(CHAIN_ID, [node]), RequestBudget(9), node.name).of_another() is None
    assert CountedReader(Chain(CHAIN_ID, [node]), RequestBudget(9)).of_another() is None
