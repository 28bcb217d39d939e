"""What each way of asking an endpoint makes of its replies; tests of `Chain` have more of them."""

import pytest

from minirelay.chain import asking
from minirelay.chain.endpoint_state import EndpointState
from minirelay.chain.errors import (
    AnswerTooLong,
    BudgetSpent,
    ContractFault,
    EndpointFailure,
    NodeRefused,
    Reverted,
)
from minirelay.chain.question import NOT_ASKED, Question, Refused
from minirelay.chain.request_budget import RequestBudget
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError, read_quantity
from minirelay.protocol.refusals import Refusal
from tests.chain.nodes import Clock
from tests.chain.scripted import CHAIN_ID, Scripted

TOO_LONG = AnswerTooLong("the answer is longer than 16777216 bytes")
REVERT = RpcError(3, "execution reverted")
RANGE = RpcError(-32005, "query returned more than 10000 results")


def questions(*names: str, method: str = "eth_call") -> list[Question[int]]:
    return [Question(Request(method, [name]), read_quantity) for name in names]


def state_of(**answers: Answer | Exception) -> EndpointState:
    """Make an endpoint that answers by the first parameter."""

    def say(request: Request) -> Answer:
        answer = answers[str(request.params[0])]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return EndpointState(Scripted(say), "one", CHAIN_ID, Clock())


async def test_one_question() -> None:
    state = state_of(right=Result("0x7"), reverts=REVERT, refused=RANGE)
    assert await asking.ask(state, questions("right")[0]) == 7
    with pytest.raises(Reverted):
        await asking.ask(state, questions("reverts")[0])
    with pytest.raises(NodeRefused):
        await asking.ask(state, questions("refused", method="eth_getLogs")[0])


async def test_many() -> None:
    right, reverted = await asking.ask_many(
        state_of(right=Result("0x7"), reverts=REVERT), questions("right", "reverts"), None
    )
    assert right == 7
    assert isinstance(reverted, Reverted)


async def test_outcomes() -> None:
    state = state_of(right=Result("0x7"), refused=RANGE)
    asked = questions("right", "refused", method="eth_getLogs")
    handled = {Refusal.RANGE_TOO_LARGE}
    refused = Refused(Refusal.RANGE_TOO_LARGE, RANGE.words)
    assert await asking.ask_outcomes(state, asked, RequestBudget(9), None, handled) == [7, refused]
    assert await asking.ask_outcomes(state, asked, RequestBudget(0), None, handled) == [NOT_ASKED, NOT_ASKED]
    with pytest.raises(EndpointFailure):
        await asking.ask_outcomes(state, asked, RequestBudget(9), None, ())


async def test_one_that_is_too_long_is_told_from_the_others() -> None:
    state = state_of(right=Result("0x7"), long=TOO_LONG)
    asked = questions("right", "long", "right", method="eth_getTransactionReceipt")
    assert await asking.ask_unless_long(state, asked, None) == [7, TOO_LONG, 7]


async def test_where_all_are_too_long_each_may_be() -> None:
    asked = questions(*["long"] * 5, method="eth_getTransactionReceipt")
    assert await asking.ask_unless_long(state_of(long=TOO_LONG), asked, None) == [TOO_LONG] * 5


async def test_a_budget_that_is_not_enough_for_all_is_spent() -> None:
    asked = questions("right", method="eth_getTransactionReceipt")
    with pytest.raises(BudgetSpent):
        await asking.ask_unless_long(state_of(right=Result("0x7")), asked, RequestBudget(1))


async def test_contracts_and_what_is_asked_beside_them() -> None:
    state = state_of(right=Result("0x7"), odd=Result("seven"), fails=RpcError(-32000, "out of gas"))
    control: Question[object] = Question(Request("eth_call", ["right"]), read_quantity)
    right, odd, fails = await asking.ask_about(state, questions("right", "odd", "fails"), control)
    assert right == 7
    assert isinstance(odd, ContractFault)
    assert isinstance(fails, ContractFault)
