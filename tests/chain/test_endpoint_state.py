"""What is learnt about an endpoint: its chain, now and then again, and how it wants blocks named."""

from collections.abc import Sequence
from typing import Any

import pytest

from minirelay.chain.endpoint_state import CHAIN_CHECK_S, EndpointState
from minirelay.chain.errors import EndpointFailure, UnusableAnswer
from minirelay.chain.question import NOT_ASKED
from minirelay.chain.request_budget import RequestBudget
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError
from tests.chain.nodes import Clock
from tests.chain.scripted import CHAIN_ID, Scripted

BALANCE = Request("eth_getBalance", ["0x00"])
BLOCK = BlockId(9, b"\x99" * 32)
HEADER = {"number": "0x9", "hash": "0x" + "99" * 32}


def state_of(node: Scripted, clock: Clock | None = None) -> EndpointState:
    return EndpointState(node, "one", CHAIN_ID, clock or Clock())


async def test_its_chain_is_asked_for_again_every_ten_minutes() -> None:
    node, clock = Scripted(lambda _request: Result("0x1")), Clock()
    state = state_of(node, clock)
    for _ in range(3):
        await state.ask(BALANCE)
    assert node.asked.count("eth_chainId") == 1
    clock.now += CHAIN_CHECK_S - 1
    await state.ask_many([BALANCE])
    assert node.asked.count("eth_chainId") == 1
    clock.now += 1
    node.chain_id = 1
    with pytest.raises(EndpointFailure, match="it is on chain 1"):
        await state.ask_many([BALANCE])


async def test_the_check_is_made_within_the_budget() -> None:
    node = Scripted(lambda _request: Result("0x1"))
    budget = RequestBudget(1)
    assert await state_of(node).ask_many([BALANCE], None, budget) == [NOT_ASKED]
    assert node.asked == ["eth_chainId"]
    assert await state_of(node).ask_many([BALANCE], None, budget) == [NOT_ASKED]
    assert node.asked == ["eth_chainId"]


async def test_a_check_that_is_answered_with_garbage_is_no_fault_of_what_is_asked() -> None:
    def say_nothing(_request: Request) -> Answer:
        raise AssertionError

    class Garbage(Scripted):
        async def ask(self, request: Request) -> Answer:
            raise UnusableAnswer("HTTP status 500")

    with pytest.raises(EndpointFailure) as caught:
        await state_of(Garbage(say_nothing)).ask_many([BALANCE])
    assert not isinstance(caught.value, UnusableAnswer)


def by_number(header: Any = HEADER, most: int = 100) -> Scripted:
    """Make a node that takes numbers only, and so many questions at once."""

    def say(request: Request) -> Answer:
        if request.method == "eth_getBlockByNumber":
            return Result(header)
        if isinstance(request.params[-1], dict):
            return RpcError(-32602, "invalid argument 1: hex string expected")
        return Result("0x7")

    return Scripted(say, lambda requests: [say(one) if n < most else None for n, one in enumerate(requests)])


async def test_behind_what_takes_several_requests_the_header_is_asked_for_again() -> None:
    node = by_number(most=2)
    assert await state_of(node).ask_many([BALANCE] * 4, BLOCK) == [Result("0x7")] * 4
    assert node.asked[-1] == "eth_getBlockByNumber"


async def test_a_header_that_came_before_an_answer_is_asked_for_again() -> None:
    node = by_number()
    say = node.say

    def without_the_first(requests: Sequence[Request]) -> list[Answer | None]:
        is_by_hash = isinstance(requests[0].params[-1], dict)
        return [say(requests[0]) if is_by_hash else None, *map(say, requests[1:])]

    node.say_all = without_the_first
    assert await state_of(node).ask_many([BALANCE] * 2, BLOCK) == [Result("0x7")] * 2
    assert node.asked[-1] == "eth_getBlockByNumber"


async def test_without_a_header_behind_them_answers_by_number_are_none() -> None:
    node = by_number()
    state = state_of(node)
    assert await state.ask_many([BALANCE], BLOCK, RequestBudget(2)) == [NOT_ASKED]
    assert await state.ask_many([BALANCE], BLOCK, RequestBudget(2)) == [Result("0x7")]


async def test_about_nothing_nothing_is_asked() -> None:
    node = by_number()
    assert await state_of(node).ask_many([], BLOCK) == []
    assert node.asked == ["eth_chainId"]
