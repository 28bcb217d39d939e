"""What is asked about a request once more before it expires, and of an address that was emptied (spec 06)."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from minirelay.chain.block import Block, read_block
from minirelay.chain.errors import EndpointFailure, NodeRefused, Reverted
from minirelay.chain.findings import ChainReader, FoundLog
from minirelay.chain.question import Question
from minirelay.errors import MalformedInput
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.json_rpc import Request, read_data, read_quantity, write_data
from minirelay.protocol.signing import keccak256

MOST_AT_ONCE: Final = 40
"""Requests that are looked at together: two questions each fit into one exchange."""

MOST_TRANSFERS: Final = 1000
TRANSFER: Final = keccak256(b"Transfer(address,address,uint256)")


class Look(NamedTuple):
    """What lies at an address in coins, and how many transactions were made there."""

    coins: int
    transactions: int


async def look_at(holders: Sequence[bytes], reader: ChainReader, at: BlockId) -> list[Look]:
    """Look at addresses, MOST_AT_ONCE at most, in one exchange. No token is asked, so none can spoil it.

    Raises ChainError.
    """
    found = await reader.request_many(_questions(holders), at)
    return _looks(found)


async def look_at_newest(holders: Sequence[bytes], reader: ChainReader) -> tuple[Block, list[Look]]:
    """Look at addresses as they are in the newest block that an endpoint has, whichever that is.

    Raises ChainError.
    """
    newest: Question[Block | int] = Question(Request("eth_getBlockByNumber", ["latest", False]), read_block)
    block, *found = await reader.request_many([newest, *_questions(holders, "latest")])
    if not isinstance(block, Block):
        raise EndpointFailure("it has no newest block")
    return block, _looks(found)


def _questions(holders: Sequence[bytes], *at: str) -> list[Question[Block | int]]:
    methods = ("eth_getBalance", "eth_getTransactionCount")
    return [
        Question(Request(method, [write_data(holder), *at]), read_quantity)
        for holder in holders
        for method in methods
    ]


def _looks(found: Sequence[Block | int | Reverted]) -> list[Look]:
    answers = map(_number, found)
    return [Look(coins, count) for coins, count in zip(answers, answers, strict=True)]


def _number(answer: Block | int | Reverted) -> int:
    if isinstance(answer, Reverted):
        raise answer
    if isinstance(answer, Block):
        raise MalformedInput("not a number")
    return answer


async def find_events(
    contract: bytes, event: bytes, ids: Sequence[bytes], first: int, last: int, reader: ChainReader
) -> list[FoundLog]:
    """Find events with these ids in a range of blocks. Raises NodeRefused if it is too large, ChainError."""
    topics: list[object] = [write_data(event), [write_data(one) for one in ids]]
    return await _find_logs(contract, topics, first, last, reader)


async def arrived(
    token: bytes, holder: bytes, first: int, last: int, ttl: int, reader: ChainReader
) -> int | None:
    """Sum up what of a token had arrived at an address in time; None if the endpoint can't say.

    first, last: numbers of blocks. ttl: epoch seconds. Raises ChainError.
    """
    topics: list[object] = [write_data(TRANSFER), None, write_data(bytes(12) + holder)]
    try:
        logs = await _find_logs(token, topics, first, last, reader)
    except NodeRefused:
        return None
    came = [log for log in logs if len(log.topics) == 3 and len(log.data) == WORD_BYTES]
    if not came or len(came) > MOST_TRANSFERS:
        return 0 if not came else None
    times = await times_of({log.block for log in came}, reader)
    return sum([int.from_bytes(log.data) for log in came if times.get(log.block, ttl + 1) <= ttl])


async def times_of(blocks: Iterable[BlockId], reader: ChainReader) -> dict[BlockId, int]:
    """Return the timestamps of blocks, of those that are still there. Raises ChainError."""
    wanted = sorted(set(blocks), key=lambda one: one.number)
    questions = [
        Question(Request("eth_getBlockByHash", [write_data(one.hash), False]), _read_block_if_there)
        for one in wanted
    ]
    answers = await reader.request_many(questions) if questions else []
    return {
        block: found.timestamp
        for block, found in zip(wanted, answers, strict=True)
        if isinstance(found, Block)
    }


def _read_block_if_there(result: object) -> Block | None:
    return None if result is None else read_block(result)


async def _find_logs(
    address: bytes, topics: list[object], first: int, last: int, reader: ChainReader
) -> list[FoundLog]:
    asked = {
        "address": write_data(address),
        "topics": topics,
        "fromBlock": hex(first),
        "toBlock": hex(max(first, last)),
    }

    def read(result: object) -> list[FoundLog]:
        if not isinstance(result, list):
            raise MalformedInput("not a list of logs")
        return [_read_log(one, address) for one in result]

    (logs,) = await reader.request_many([Question(Request("eth_getLogs", [asked]), read)])
    if isinstance(logs, Reverted):
        raise logs
    return logs


def _read_log(value: object, address: bytes) -> FoundLog:
    if not isinstance(value, dict) or not isinstance(value.get("topics"), list):
        raise MalformedInput("not a log")
    log = FoundLog(
        read_data(value.get("address")),
        tuple([read_data(topic) for topic in value["topics"]]),
        read_data(value.get("data")),
        BlockId(read_quantity(value.get("blockNumber")), read_data(value.get("blockHash"))),
        read_data(value.get("transactionHash")),
        read_quantity(value.get("logIndex")),
    )
    if log.address != address or len(log.block.hash) != HASH_BYTES or len(log.transaction_hash) != HASH_BYTES:
        raise MalformedInput("a log of something else")
    return log
