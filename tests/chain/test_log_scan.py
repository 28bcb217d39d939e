"""Logs of a stretch, of endpoints that give few of them, lag, or lie."""

from collections.abc import Sequence
from typing import Any

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.findings import LogFilter
from minirelay.chain.log_ranges import FIRST_BLOCKS
from minirelay.chain.log_scan import IDS_AT_ONCE, LogScanner, Scanned, Stretch
from minirelay.chain.request_budget import RequestBudget
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError
from tests.chain.chain_model import ChainModel
from tests.chain.model_node import ModelNode
from tests.chain.polling import CHAIN_ID, CONTRACT, MADE, Clock, CountedNode, made, payment_of

FILTER = LogFilter(CONTRACT, (MADE,))
TOO_LARGE = RpcError(-32005, "query returned more than 10000 results")


class Scan:
    """A chain with an event in each block, nodes, and a scanner."""

    def __init__(self, *, nodes: int = 1, blocks: int = 300) -> None:
        self.model = ChainModel(CHAIN_ID, codes=(CONTRACT,))
        for payment in range(1, blocks + 1):
            self.model.mine([made(payment)])
        self.nodes = [CountedNode(self.model, f"node {n}") for n in range(nodes)]
        self.clock = Clock()
        self.chain = Chain(CHAIN_ID, self.nodes, clock=self.clock, jitter=lambda: 1.0)
        self.scanner = LogScanner(self.chain)
        self.ids: Sequence[bytes] = ()
        self.budget = RequestBudget(0)

    @property
    def node(self) -> CountedNode:
        return self.nodes[0]

    async def scan(self, first: int = 1, last: int | None = None, requests: int = 100) -> Scanned:
        self.budget = RequestBudget(requests)
        head = self.model.head.header
        stretch = Stretch(
            first, last or head.number, head, [FILTER], lambda log: True, lambda log_filter: self.ids
        )
        return await self.scanner.scan(stretch, self.budget, self.nodes[0].name)


def span(request: Request) -> int:
    """How many blocks are asked for; 0 if these are not logs."""
    if request.method != "eth_getLogs":
        return 0
    (criteria,) = request.params
    assert isinstance(criteria, dict)
    return int(criteria["toBlock"], 16) - int(criteria["fromBlock"], 16) + 1


def is_by_ids(request: Request) -> bool:
    (criteria,) = request.params
    assert isinstance(criteria, dict)
    return len(criteria["topics"]) > 1


def found(scanned: Scanned) -> list[int]:
    return [payment_of(log) for log in scanned.logs]


async def test_a_stretch_is_read_in_one_batch_that_shows_its_head() -> None:
    scan = Scan()
    scanned = await scan.scan(10, 200)
    assert found(scanned) == list(range(10, 201))
    assert (scanned.last, scanned.is_moved) == (200, False)
    assert [one.number for one in scanned.blocks] == [200]
    # And one for the chain's id.
    assert scan.node.requests == 2


@pytest.mark.parametrize("limit", [500, 10, 5, 1])
async def test_an_endpoint_that_gives_few_blocks_is_asked_for_as_many(limit: int) -> None:
    scan = Scan(blocks=600)
    scan.node.intercept = lambda request: TOO_LARGE if span(request) > limit else None
    assert found(await scan.scan()) == list(range(1, 601))
    refused = scan.node.requests
    assert found(await scan.scan()) == list(range(1, 601))
    # What was learnt is remembered.
    assert scan.node.requests - refused < refused
    assert scan.scanner.ranges.blocks(scan.node.name) <= limit


async def test_a_rate_limit_makes_no_range_smaller() -> None:
    scan = Scan(nodes=2)
    scan.node.intercept = lambda request: RpcError(-32005, "rate limit exceeded") if span(request) else None
    assert found(await scan.scan()) == list(range(1, 301))
    assert scan.scanner.ranges.blocks(scan.node.name) == FIRST_BLOCKS
    assert scan.chain.health()[0].rest_s > 0


async def test_a_node_behind_the_head_is_not_believed_that_there_is_nothing() -> None:
    scan = Scan(nodes=2)
    scan.node.lag = 5
    assert found(await scan.scan(290)) == list(range(290, 301))
    assert "behind" in scan.chain.health()[0].reason
    scan = Scan()
    scan.node.lag = 5
    with pytest.raises(ChainUnreachable):
        await scan.scan(290)


async def test_under_a_head_that_is_no_more_nothing_is_read() -> None:
    scan = Scan()
    scan.node.follows = scan.model.mine(on=scan.model.best.at(299))
    scanned = await scan.scan()
    assert (scanned.last, scanned.logs, scanned.is_moved) == (0, (), True)
    assert scan.chain.health()[0].rest_s == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"address": "0x" + "aa" * 20},
        {"topics": ["0x" + "aa" * 32]},
        {"blockNumber": "0x1"},
        {"blockNumber": "0x1000"},
        {"removed": True},
        {"logIndex": "nonsense"},
    ],
)
async def test_logs_that_were_not_asked_for_are_a_failure_of_the_endpoint(changed: dict[str, Any]) -> None:
    scan = Scan(nodes=2)
    scan.node.intercept = lambda request: spoiled(scan, request, changed)
    assert found(await scan.scan(290)) == list(range(290, 301))
    assert "eth_getLogs" in scan.chain.health()[0].reason


def spoiled(scan: Scan, request: Request, changed: dict[str, Any]) -> Answer | None:
    """Answer rightly, but for something in the last log."""
    if not span(request):
        return None
    answer = CountedNode(scan.model).answer(request)
    assert isinstance(answer, Result)
    assert isinstance(answer.value, list)
    return Result([*answer.value[:-1], {**answer.value[-1], **changed}])


async def test_a_log_of_the_head_is_of_that_block() -> None:
    scan = Scan(nodes=2)
    scan.node.intercept = lambda request: spoiled(scan, request, {"blockHash": "0x" + "aa" * 32})
    assert found(await scan.scan(290)) == list(range(290, 301))
    assert "another block" in scan.chain.health()[0].reason


@pytest.mark.parametrize("answer", [None, {}, "logs", 7, [None]])
async def test_what_is_no_list_of_logs_is_a_failure_of_the_endpoint(answer: Any) -> None:
    scan = Scan(nodes=2)
    scan.node.intercept = lambda request: Result(answer) if span(request) else None
    assert found(await scan.scan(290)) == list(range(290, 301))
    assert scan.chain.health()[0].rest_s > 0


async def test_words_that_nobody_has_seen_are_no_answer() -> None:
    scan = Scan(nodes=2)
    scan.node.intercept = lambda request: RpcError(-32000, "computer says no") if span(request) else None
    assert found(await scan.scan(290)) == list(range(290, 301))
    assert scan.scanner.ranges.blocks(scan.node.name) == FIRST_BLOCKS


# -- one block that is too large


async def test_a_single_block_that_is_too_large_is_asked_for_by_ids() -> None:
    scan = Scan(blocks=5)
    scan.ids = [payment.to_bytes(32, "big") for payment in range(2, 2 + 2 * IDS_AT_ONCE + 1)]
    asked: list[Request] = []

    def intercept(request: Request) -> Answer | None:
        if span(request) and is_by_ids(request):
            asked.append(request)
            return None
        return TOO_LARGE if span(request) else None

    scan.node.intercept = intercept
    assert found(await scan.scan()) == [2, 3, 4, 5]
    assert len(asked) == 5 * 3
    assert all(len(ids_of(request)) <= IDS_AT_ONCE for request in asked)


def ids_of(request: Request) -> list[str]:
    (criteria,) = request.params
    assert isinstance(criteria, dict)
    return list(criteria["topics"][1])


async def test_where_nothing_is_wanted_a_block_that_is_too_large_is_read() -> None:
    scan = Scan(blocks=5)
    scan.node.intercept = lambda request: TOO_LARGE if span(request) else None
    scanned = await scan.scan()
    assert (scanned.last, scanned.logs) == (5, ())


async def test_an_endpoint_that_gives_not_even_those_fails() -> None:
    scan = Scan(nodes=2, blocks=5)
    scan.ids = [bytes(32)]
    scan.node.intercept = lambda request: TOO_LARGE if span(request) else None
    assert found(await scan.scan()) == [1, 2, 3, 4, 5]
    assert "even by ids" in scan.chain.health()[0].reason


# -- the budget


async def test_what_does_not_fit_is_left_and_all_that_was_read_counts() -> None:
    scan = Scan(blocks=600)
    scan.node.intercept = lambda request: TOO_LARGE if span(request) > 1 else None
    scanned = await scan.scan(requests=14)
    assert scan.node.requests == 14
    assert 0 < scanned.last < 600
    assert found(scanned) == list(range(1, scanned.last + 1))


async def test_an_endpoint_that_takes_one_question_at_a_time_gets_on_all_the_same() -> None:
    scan = Scan(blocks=300)
    scan.node.intercept = lambda request: TOO_LARGE if span(request) > 10 else None

    async def refuse(requests: Sequence[Request]) -> list[Answer | None]:
        scan.node.requests += 1
        return [RpcError(-32600, "batch requests are not supported", is_for_all=True)] * len(requests)

    scan.node.ask_many = refuse  # type: ignore[method-assign]
    last, polls = 0, 0
    while last < 300:
        scanned = await scan.scan(last + 1, requests=6)
        last, polls = scanned.last, polls + 1
        assert polls < 60
    # Once it is known: two questions for a range, three requests for the head and the end among them.
    before = scan.node.requests
    scanned = await scan.scan(requests=6)
    assert scanned.last >= 10
    assert scan.node.requests - before <= 6


async def test_what_one_endpoint_began_another_one_ends() -> None:
    scan = Scan(nodes=2, blocks=600)
    given = 0

    def intercept(request: Request) -> Answer | None:
        nonlocal given
        given += span(request)
        if span(request) > 8:
            return TOO_LARGE
        return RpcError(-32603, "internal error") if given > 3000 else None

    scan.node.intercept = intercept
    assert found(await scan.scan()) == list(range(1, 601))
    assert scan.nodes[1].requests > 0


async def test_a_node_that_gets_the_last_block_while_it_answers_is_not_believed() -> None:
    scan = Scan()
    scan.node.lag = 1

    def catch_up(request: Request) -> Answer | None:
        if request.method != "eth_getLogs":
            return None
        answer = ModelNode.answer(scan.node, request)
        scan.node.lag = 0
        return answer

    scan.node.intercept = catch_up
    with pytest.raises(ChainUnreachable):
        await scan.scan()


async def test_as_much_fits_into_a_batch_as_whichever_endpoint_gives() -> None:
    """The preferred one may fail, and another give few blocks: what was read is not to be read first then."""
    scan = Scan(nodes=2)
    before = scan.scanner.reach()
    scan.nodes[0].intercept = lambda request: RpcError(-32603, "internal error") if span(request) else None
    scan.nodes[1].intercept = lambda request: TOO_LARGE if span(request) > 5 else None
    await scan.scan()
    assert scan.scanner.reach() < before
