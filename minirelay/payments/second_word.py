"""What another endpoint says of a payment that the first one has told of (spec 07 "Endpoints fail")."""

from collections.abc import Sequence
from enum import Enum, auto

from minirelay.chain.block import Block, read_block
from minirelay.chain.errors import NodeRefused, Reverted
from minirelay.chain.findings import ChainReader, FoundLog
from minirelay.chain.question import Question
from minirelay.payments.evidence import PaidIn
from minirelay.payments.last_look import arrived, find_events
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Request, read_data, read_quantity, write_data
from minirelay.protocol.multicall import balance_call


class Word(Enum):
    """What an endpoint says. BEHIND: it does not know that block yet, or can't say."""

    YES = auto()
    NO = auto()
    BEHIND = auto()


async def ask_again(
    one: WatchedPayment,
    paid_in: PaidIn,
    required: int,
    target: PaymentTarget,
    deep: BlockId,
    reader: ChainReader,
) -> Word:
    """Ask whether a request is paid: whether that event is there, or so much lies or lay at its address.

    required: in units of its currency. deep: the newest deep block. Raises ChainError.
    """
    number = Question(
        Request("eth_getBlockByNumber", [hex(paid_in.block.number), False]), _read_block_if_there
    )
    (block,) = await reader.request_many([number])
    if not isinstance(block, Block):
        return Word.BEHIND
    if block.id != paid_in.block:
        return Word.NO
    try:
        if paid_in.transaction_hash:
            number_of_event = paid_in.block.number
            events = await _events(one, target, number_of_event, number_of_event, reader)
            events = [log for log in events if log.transaction_hash == paid_in.transaction_hash]
            return await _judge(one, events, target, deep, reader)
        return await _ask_of_balance(one, required, target, deep, reader)
    except NodeRefused:
        return Word.BEHIND


async def _ask_of_balance(
    one: WatchedPayment, required: int, target: PaymentTarget, deep: BlockId, reader: ChainReader
) -> Word:
    lying, count = await _numbers([_balance(one), _transaction_count(one)], reader)
    if not count:
        return Word.YES if lying >= required else Word.NO
    # Somebody has swept it meanwhile: what was there has gone on, and an event may say so.
    request, first = one.issued.request, one.issued.issued_at_block
    last = max(first, deep.number)
    word = await _judge(one, await _events(one, target, first, last, reader), target, deep, reader)
    if word is Word.YES or not one.is_token:
        return word
    came = await arrived(request.currency, one.address, first, last, request.ttl, reader)
    if came is None:
        return Word.BEHIND
    return Word.YES if came >= required else Word.NO


async def _judge(
    one: WatchedPayment, events: Sequence[FoundLog], target: PaymentTarget, deep: BlockId, reader: ChainReader
) -> Word:
    if not events or one.is_token:
        return Word.YES if events else Word.NO
    proof = await target.prove(one.issued.request, events, reader, deep)
    return Word.NO if proof is None else Word.YES


async def _events(
    one: WatchedPayment, target: PaymentTarget, first: int, last: int, reader: ChainReader
) -> list[FoundLog]:
    wanted = target.log_filter
    logs = await find_events(wanted.address, wanted.events[0], [one.id], first, last, reader)
    return [log for log in logs if target.request_id(log) == one.id]


def _balance(one: WatchedPayment) -> Question[int]:
    token = one.issued.request.currency
    if token == NATIVE_COIN:
        return Question(Request("eth_getBalance", [write_data(one.address), "latest"]), read_quantity)
    to, data = balance_call(token, one.address, token)
    call = {"to": write_data(to), "data": write_data(data)}
    return Question(
        Request("eth_call", [call, "latest"], WORD_BYTES), lambda result: int.from_bytes(read_data(result))
    )


def _transaction_count(one: WatchedPayment) -> Question[int]:
    return Question(Request("eth_getTransactionCount", [write_data(one.address), "latest"]), read_quantity)


async def _numbers(questions: Sequence[Question[int]], reader: ChainReader) -> list[int]:
    numbers: list[int] = []
    for answer in await reader.request_many(questions):
        if isinstance(answer, Reverted):
            raise answer
        numbers.append(answer)
    return numbers


def _read_block_if_there(result: object) -> Block | None:
    return None if result is None else read_block(result)
