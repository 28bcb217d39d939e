"""Reading the head of a chain, and with it what says whether it is still the same chain (spec 07 "Heads")."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from minirelay.chain.backoff import LONGEST_BACKOFF_S
from minirelay.chain.block import Block, read_block, read_block_if_there
from minirelay.chain.chain import Answered, Chain
from minirelay.chain.confirmations import Tag
from minirelay.chain.errors import BudgetSpent, ChainUnreachable, EndpointFailure
from minirelay.chain.question import NotAsked, Question
from minirelay.chain.request_budget import RequestBudget
from minirelay.errors import MalformedInput
from minirelay.protocol.json_rpc import Request, read_quantity
from minirelay.protocol.refusals import Refusal

_HANDLED: Final = frozenset({Refusal.UNKNOWN, Refusal.BLOCK_UNKNOWN})
"""What nodes say of tags that they don't know."""

BEHIND_REST_S: Final = 15.0
"""How long an endpoint rests at least that does not have what others had."""

WENT_BACK: Final = "its head went back"

_CHAIN_ID: Final[Question[Block | int | None]] = Question(Request("eth_chainId"), read_quantity)


class HeadQuestion(msgspec.Struct, frozen=True):
    """What to ask for. newest: the head before. numbers: of further blocks.

    latest: the last second that a block may be of. may_go_back: whether a head before `newest` is one, too.
    """

    newest: Block | None
    tags: Sequence[Tag]
    numbers: Sequence[int]
    latest: int
    may_go_back: bool


class HeadAnswer(msgspec.Struct, frozen=True):
    """What one endpoint said, all in one batch.

    newest: what it has in the place of the head before; None if nothing. tagged: numbers, None for a tag that
    it doesn't have. numbered: what it has of the numbers that were asked for.
    """

    endpoint: str
    head: Block
    newest: Block | None
    tagged: Mapping[Tag, int | None]
    numbered: Mapping[int, Block]


class HeadWentBack(ChainUnreachable):
    """The only endpoint there is has a head from before."""


async def read_head(
    chain: Chain, question: HeadQuestion, budget: RequestBudget, *, without: Collection[str] = ()
) -> HeadAnswer:
    """Ask the endpoints in turn, but those that are named. Raises ChainUnreachable, BudgetSpent."""
    while True:
        questions = _questions(question)
        answered = await chain.ask_one(questions, budget, without=without, handled=_HANDLED)
        answer = _read(question, answered)
        if isinstance(answer, HeadAnswer):
            return answer
        if answer is WENT_BACK and len(chain.health()) == 1:
            # Many nodes behind one URL do that all the time.
            raise HeadWentBack(f"{answered.endpoint}: {answer}")
        chain.mark_failed(answered.endpoint, answer, BEHIND_REST_S)


async def read_ancestors(
    chain: Chain, head: Block, numbers: Sequence[int], budget: RequestBudget, latest: int, of: str
) -> Mapping[int, Block]:
    """Read the blocks of these numbers that a head stands on, of the endpoint that has it.

    As far as the budget goes. With them it says again which chain it is on, and that it still has the head:
    what would look like a reorganisation may be another chain, or another node behind the same URL. Raises
    EndpointFailure, BudgetSpent.
    """
    questions: list[Question[Block | int | None]] = [_CHAIN_ID, _wide(numbered(head.number, latest))]
    questions += [_wide(numbered(number, latest)) for number in numbers]
    chain_id, at_head, *found = (await chain.ask_one(questions, budget, of=of)).outcomes
    if isinstance(chain_id, int) and chain_id != chain.chain_id:
        reason = f"it is on chain {chain_id}, not {chain.chain_id}"
        chain.mark_failed(of, reason, LONGEST_BACKOFF_S)
        raise EndpointFailure(reason)
    if at_head != head:
        chain.mark_moved(of)
        raise BudgetSpent("the head moved before the blocks below it were read")
    return _blocks(found)


def numbered(number: int, latest: int) -> Question[Block | None]:
    """Ask for the block that now has a number; None if there is none."""
    return Question(_header(hex(number)), lambda value: read_block_of(value, number, latest))


def read_block_of(value: object, number: int, latest: int) -> Block | None:
    """Read a block that was asked for by its number. Raises MalformedInput for another one."""
    block = read_block_if_there(value, latest)
    if block is not None and block.number != number:
        raise MalformedInput(f"block {block.number} in place of {number}")
    return block


def _questions(question: HeadQuestion) -> list[Question[Block | None]]:
    newest = [] if question.newest is None else [question.newest.number]
    return [
        Question(_header("latest"), lambda value: read_block(value, question.latest)),
        *(numbered(number, question.latest) for number in newest),
        *(Question(_header(tag), read_block_if_there) for tag in question.tags),
        # Last: without batches only some of them are asked for.
        *(numbered(number, question.latest) for number in question.numbers),
    ]


def _read(question: HeadQuestion, answered: Answered[Block | None]) -> HeadAnswer | str:
    """Read what an endpoint said, or say what is wrong with it. Raises BudgetSpent."""
    head, *others = answered.outcomes
    needed = len(answered.outcomes) - len(question.numbers)
    if NotAsked() in answered.outcomes[:needed]:
        raise BudgetSpent("the requests of this poll were used up before its head was read")
    if not isinstance(head, Block):
        return f"it has no head: {head}"
    newest = None
    if question.newest is not None:
        at_newest, *others = others
        newest = at_newest if isinstance(at_newest, Block) else None
        # With a block there beyond its head, it is two nodes, or none that can be believed.
        is_believed = question.may_go_back and newest is None
        if head.number < question.newest.number and not is_believed:
            return WENT_BACK
        if newest is None and head.number >= question.newest.number:
            return f"it has a head of number {head.number}, but no block {question.newest.number}"
    count = len(question.tags)
    tags = zip(question.tags, others[:count], strict=True)
    tagged = {tag: found.number if isinstance(found, Block) else None for tag, found in tags}
    return HeadAnswer(answered.endpoint, head, newest, tagged, _blocks(others[count:]))


def _wide(question: Question[Block | None]) -> Question[Block | int | None]:
    return Question(question.request, question.read)


def _blocks(outcomes: Sequence[object]) -> dict[int, Block]:
    return {found.number: found for found in outcomes if isinstance(found, Block)}


def _header(name: str) -> Request:
    return Request("eth_getBlockByNumber", [name, False])
