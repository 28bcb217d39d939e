"""One head, read of endpoints that contradict themselves."""

from typing import Any

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.errors import BudgetSpent, ChainUnreachable, EndpointFailure
from minirelay.chain.head_reading import (
    HeadQuestion,
    HeadWentBack,
    read_ancestors,
    read_block_of,
    read_head,
)
from minirelay.chain.request_budget import RequestBudget
from minirelay.errors import MalformedInput
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError
from tests.chain.chain_model import ChainModel
from tests.chain.chain_values import block, header_json
from tests.chain.model_node import NodeTraits
from tests.chain.polling import CHAIN_ID, CountedNode

LATEST = 2**40


def nodes(count: int = 2, blocks: int = 10, **traits: Any) -> list[CountedNode]:
    model = ChainModel(CHAIN_ID)
    for _ in range(blocks):
        model.mine()
    return [CountedNode(model, f"node {n}", NodeTraits(**traits)) for n in range(count)]


def chain_of(endpoints: list[CountedNode]) -> Chain:
    return Chain(CHAIN_ID, endpoints, jitter=lambda: 1.0)


def budget() -> RequestBudget:
    return RequestBudget(10)


def answering(name: str, answer: Any) -> Any:
    """Answer a question for a block with something else."""

    def intercept(request: Request) -> Answer | None:
        is_it = request.method == "eth_getBlockByNumber" and request.params[0] == name
        if not is_it:
            return None
        return answer if isinstance(answer, RpcError) else Result(answer)

    return intercept


async def test_head_known_blocks_and_tags_come_in_one_batch() -> None:
    (node,) = nodes(1, safe_distance=3, finalized_distance=5)
    newest = node.model.best.between(8, 8)[0].header
    question = HeadQuestion(newest, ("safe", "finalized"), (2, 4, 99), LATEST, may_go_back=False)
    answer = await read_head(chain_of([node]), question, budget())
    assert (answer.endpoint, answer.head) == ("node 0", node.model.head.header)
    assert answer.newest == newest
    assert answer.tagged == {"safe": 7, "finalized": 5}
    assert sorted(answer.numbered) == [2, 4]
    # And one for the chain's id.
    assert node.requests == 2


async def test_a_tag_that_is_not_known_is_none() -> None:
    endpoints = nodes(1, has_tags=False)
    question = HeadQuestion(None, ("finalized",), (), LATEST, may_go_back=False)
    answer = await read_head(chain_of(endpoints), question, budget())
    assert answer.tagged == {"finalized": None}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        7,
        [],
        {},
        {**header_json(block(10)), "hash": "0x12"},
        {**header_json(block(10)), "number": hex(2**41)},
        RpcError(-32601, "no such method"),
        RpcError(-32000, "unknown block"),
    ],
)
async def test_an_endpoint_without_a_head_fails_and_the_next_is_asked(answer: Any) -> None:
    first, second = endpoints = nodes()
    first.intercept = answering("latest", answer)
    chain = chain_of(endpoints)
    found = await read_head(chain, HeadQuestion(None, (), (), LATEST, may_go_back=False), budget())
    assert found.endpoint == second.name
    assert chain.health()[0].rest_s > 0


async def test_an_endpoint_with_a_head_but_not_what_is_before_it_fails() -> None:
    first, second = endpoints = nodes()
    first.intercept = answering("0x5", None)
    newest = first.model.best.between(5, 5)[0].header
    question = HeadQuestion(newest, (), (), LATEST, may_go_back=False)
    assert (await read_head(chain_of(endpoints), question, budget())).endpoint == second.name


async def test_an_endpoint_that_gives_another_number_fails() -> None:
    first, second = endpoints = nodes()
    first.intercept = answering("0x5", header_json(block(6)))
    question = HeadQuestion(None, (), (5,), LATEST, may_go_back=False)
    assert (await read_head(chain_of(endpoints), question, budget())).endpoint == second.name


async def test_an_endpoint_whose_head_goes_back_fails() -> None:
    first, second = endpoints = nodes()
    newest = first.model.head.header
    first.lag = 1
    question = HeadQuestion(newest, (), (), LATEST, may_go_back=False)
    chain = chain_of(endpoints)
    assert (await read_head(chain, question, budget())).endpoint == second.name
    assert chain.health()[0].reason == "its head went back"


async def test_the_only_endpoint_does_not_rest_because_its_head_goes_back() -> None:
    (node,) = endpoints = nodes(1)
    newest = node.model.head.header
    node.lag = 1
    chain = chain_of(endpoints)
    with pytest.raises(HeadWentBack):
        await read_head(chain, HeadQuestion(newest, (), (), LATEST, may_go_back=False), budget())
    assert chain.health()[0].rest_s == 0


async def test_a_head_may_go_back_where_that_is_said() -> None:
    (node,) = endpoints = nodes(1)
    newest = node.model.head.header
    node.lag = 3
    answer = await read_head(
        chain_of(endpoints), HeadQuestion(newest, (), (), LATEST, may_go_back=True), budget()
    )
    assert (answer.head.number, answer.newest) == (7, None)


async def test_a_head_did_not_go_back_where_there_is_a_block_beyond_it() -> None:
    first, second = endpoints = nodes()
    newest = first.model.head.header
    before = first.model.best.at(7)
    assert before is not None
    first.intercept = answering("latest", header_json(before.header))
    chain = chain_of(endpoints)
    question = HeadQuestion(newest, (), (), LATEST, may_go_back=True)
    assert (await read_head(chain, question, budget())).endpoint == second.name
    assert chain.health()[0].reason == "its head went back"


async def test_where_no_endpoint_has_a_head_the_chain_is_unreachable() -> None:
    endpoints = nodes()
    for node in endpoints:
        node.intercept = answering("latest", None)
    with pytest.raises(ChainUnreachable):
        await read_head(chain_of(endpoints), HeadQuestion(None, (), (), LATEST, may_go_back=False), budget())


async def test_without_requests_there_is_no_head() -> None:
    with pytest.raises(BudgetSpent):
        await read_head(
            chain_of(nodes()), HeadQuestion(None, (), (), LATEST, may_go_back=False), RequestBudget(1)
        )


async def test_a_head_of_a_far_future_is_none() -> None:
    first, second = endpoints = nodes()
    latest = first.model.head.header.timestamp
    first.intercept = answering("latest", header_json(block(11_000)) | {"timestamp": hex(latest + 1)})
    question = HeadQuestion(None, (), (), latest, may_go_back=False)
    assert (await read_head(chain_of(endpoints), question, budget())).endpoint == second.name


async def test_blocks_below_a_head_are_read_of_the_endpoint_that_is_named() -> None:
    first, second = endpoints = nodes()
    chain, head = chain_of(endpoints), first.model.head.header
    found = await read_ancestors(chain, head, [3, 99], budget(), LATEST, second.name)
    assert found == {3: first.model.best.between(3, 3)[0].header}
    assert first.requests == 0
    second.intercept = answering("0x3", "nonsense")
    with pytest.raises(EndpointFailure):
        await read_ancestors(chain, head, [3], budget(), LATEST, second.name)


async def test_blocks_are_not_read_below_a_head_that_is_no_more() -> None:
    (node,) = nodes(1)
    before = node.model.head.header
    node.model.choose(node.model.mine(on=node.model.mine(on=node.model.best.at(5))))
    with pytest.raises(BudgetSpent):
        await read_ancestors(chain_of([node]), before, [3], budget(), LATEST, node.name)


async def test_an_endpoint_that_is_on_another_chain_by_now_rests() -> None:
    (node,) = nodes(1)
    chain = chain_of([node])
    await chain.request("eth_blockNumber", [], str)
    node.intercept = lambda request: Result("0x5555") if request.method == "eth_chainId" else None
    with pytest.raises(EndpointFailure, match="on chain 21845"):
        await read_ancestors(chain, node.model.head.header, [3], budget(), LATEST, node.name)
    assert chain.health()[0].rest_s > 60


def test_a_block_is_of_the_number_that_was_asked_for() -> None:
    assert read_block_of(header_json(block(5)), 5, LATEST) == block(5)
    assert read_block_of(None, 5, LATEST) is None
    with pytest.raises(MalformedInput):
        read_block_of(header_json(block(6)), 5, LATEST)
