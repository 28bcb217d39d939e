"""The ways in which one endpoint is asked: what each makes of the replies.

All raise EndpointFailure, whereupon a chain goes on to the next endpoint.
"""

from collections.abc import Collection, Sequence
from typing import TypeVar

from minirelay.chain.endpoint_state import EndpointState
from minirelay.chain.errors import AnswerTooLong, BudgetSpent, ContractFault, Reverted, UnusableAnswer
from minirelay.chain.question import (
    NOT_ASKED,
    NotAsked,
    Question,
    Refused,
    read,
    read_all,
    read_all_about,
    read_control,
    read_outcomes,
)
from minirelay.chain.request_budget import RequestBudget
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.refusals import Refusal

T = TypeVar("T")


async def ask(state: EndpointState, question: Question[T]) -> T:
    """Ask one question. Raises Reverted, NodeRefused."""
    return read(question, await state.ask(question.request))


async def ask_many(
    state: EndpointState, questions: Sequence[Question[T]], at: BlockId | None
) -> list[T | Reverted]:
    """Ask many, about a block if one is named. Gives results and reverts. Raises NodeRefused."""
    replies = await state.ask_many([question.request for question in questions], at)
    return read_all(questions, replies)


async def ask_about(
    state: EndpointState, questions: Sequence[Question[T]], control: Question[object]
) -> list[T | Reverted | ContractFault]:
    """Ask about contracts that strangers chose; see `Chain.ask_about`."""
    requests = [*(question.request for question in questions), control.request]
    try:
        *replies, last = await state.ask_many(requests)
    except UnusableAnswer as failure:
        read_control(control, await state.ask(control.request))
        return [ContractFault(str(failure)) for _ in questions]
    read_control(control, last)
    return read_all_about(questions, replies)


async def ask_unless_long(
    state: EndpointState, questions: Sequence[Question[T]], budget: RequestBudget | None
) -> list[T | AnswerTooLong]:
    """Ask for what strangers can make too long; see `Chain.request_unless_long`."""
    try:
        replies = await state.ask_many([question.request for question in questions], None, budget)
    except AnswerTooLong as too_long:
        return [too_long for _ in questions]
    if NOT_ASKED in replies:
        raise BudgetSpent("no request is left to ask for all of them")
    return [
        reply if isinstance(reply, AnswerTooLong) else read(question, reply)
        for question, reply in zip(questions, replies, strict=True)
    ]


async def ask_outcomes(
    state: EndpointState,
    questions: Sequence[Question[T]],
    budget: RequestBudget,
    at: BlockId | None,
    handled: Collection[Refusal],
) -> list[T | Reverted | Refused | NotAsked]:
    """Ask as many as the budget lasts for. handled: the refusals that are outcomes."""
    replies = await state.ask_many([question.request for question in questions], at, budget)
    return read_outcomes(questions, replies, handled)
