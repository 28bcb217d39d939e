"""JSON-RPC 2.0 as nodes of a chain speak it: requests and answers, also in batches, also hostile ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from minirelay.errors import MalformedInput
from minirelay.protocol.answer_bounds import LONGEST_BYTES, most_bytes, most_containers
from minirelay.protocol.json_reading import decode_json
from minirelay.protocol.refusals import Refusal, refusal_of, retry_after_of
from minirelay.protocol.reverts import is_revert

_QUANTITY: Final = re.compile(r"0x[0-9A-Fa-f]{1,64}")
_DATA: Final = re.compile(r"0x[0-9A-Fa-f]*+")
_MESSAGE_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Request:
    """One question. data_bytes: the most that a called contract may return."""

    method: str
    params: Sequence[object] = ()
    data_bytes: int = 0

    def about(self, block: object) -> "Request":
        """Add the block that it is about, which is the last parameter of all methods that have one."""
        return Request(self.method, [*self.params, block], self.data_bytes)

    @property
    def most_bytes(self) -> int:
        """Return the length of its longest answer."""
        return most_bytes(self.method, self.data_bytes)


@dataclass(frozen=True, slots=True)
class Result:
    """What was asked for: any JSON."""

    value: object


@dataclass(frozen=True, slots=True)
class RpcError:
    """A node's error (JSON-RPC 2.0, section 5.1). message: fit for one line of a log. data: any JSON.

    retry_after_s: how long it asks to be left alone, if it does. is_for_all: said of a batch, not of one of
    its requests.
    """

    code: int
    message: str
    data: object = None
    retry_after_s: float | None = None
    is_for_all: bool = False

    @property
    def words(self) -> str:
        """Return it for one line of a log."""
        return f"{self.message} (code {self.code})"

    @property
    def is_revert(self) -> bool:
        """Return whether it tells of a call that a contract reverted."""
        return is_revert(self.code, self.message, self.data)

    def refusal(self, method: str) -> Refusal:
        """Return what it means as an answer to a method, unless it is a revert."""
        return refusal_of(method, self.code, self.message, self.data)


Answer = Result | RpcError


def encode_request(request_id: int, request: Request) -> bytes:
    """Encode a request."""
    return msgspec.json.encode(_members(request_id, request))


def encode_batch(first_id: int, requests: Sequence[Request]) -> bytes:
    """Encode requests to be answered together; their ids count up from first_id."""
    return msgspec.json.encode([_members(first_id + n, request) for n, request in enumerate(requests)])


def most_bytes_of_batch(requests: Sequence[Request]) -> int:
    """Return the length of the longest answer to a batch: the sum of all, up to what one may have."""
    return min(sum(request.most_bytes for request in requests), LONGEST_BYTES)


def _members(request_id: int, request: Request) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": request_id, "method": request.method, "params": request.params}


def decode_answer(body: bytes, request_id: int) -> Answer:
    """Decode the answer to a request. Raises MalformedInput for anything else."""
    content = _decode(body)
    if not isinstance(content, dict):
        raise MalformedInput("it is not JSON-RPC")
    answer = _read_answer(content)
    # The request id is null, or anything, in errors of some nodes; in a result it has to be right.
    if isinstance(answer, Result) and not _is_id(content.get("id"), request_id):
        raise MalformedInput("it is not the answer to this request")
    return answer


def decode_batch(body: bytes, first_id: int, count: int) -> list[Answer | None]:
    """Decode the answers to a batch into the order of its requests; None for what is left unanswered.

    An error instead of a list is for all, and one in the list that names none of the requests for those that
    have no answer of their own. Raises MalformedInput, also for what was not asked and for second answers.
    """
    content = _decode(body)
    if isinstance(content, dict) and content.get("error") is not None:
        return [replace(_read_error(content["error"]), is_for_all=True)] * count
    if not isinstance(content, list):
        raise MalformedInput("it is no list of answers")
    answers: list[Answer | None] = [None] * count
    error_for_all: RpcError | None = None
    for item in content:
        if not isinstance(item, dict):
            raise MalformedInput("it is not JSON-RPC")
        answer, position = _read_answer(item), _position(item.get("id"), first_id, count)
        if position is not None:
            if answers[position] is not None:
                raise MalformedInput("it answers a request twice")
            answers[position] = answer
        elif isinstance(answer, RpcError):
            error_for_all = error_for_all or replace(answer, is_for_all=True)
        else:
            raise MalformedInput("it is not the answer to this batch")
    return [answer or error_for_all for answer in answers]


def _decode(body: bytes) -> object:
    if body.count(b"[") + body.count(b"{") > most_containers(len(body)):
        raise MalformedInput("it has too many lists and objects for its length")
    try:
        return decode_json(body, object)
    except MalformedInput as error:
        raise MalformedInput("it is not JSON") from error


def _read_answer(content: dict[Any, Any]) -> Answer:
    if content.get("error") is not None:
        return _read_error(content["error"])
    if "result" not in content:
        raise MalformedInput("it has neither result nor error")
    return Result(content["result"])


def _read_error(error: object) -> RpcError:
    match error:
        case {"code": int(code), "message": str(message), **more}:
            data = more.get("data")
            return RpcError(
                code, printable(message), data, retry_after_of(message[:_MESSAGE_CHARACTERS], data)
            )
    raise MalformedInput("its error is none of JSON-RPC")


def _is_id(value: object, request_id: int) -> bool:
    # True and 1.0 equal 1, and are no ids of ours.
    return type(value) is int and value == request_id


def _position(value: object, first_id: int, count: int) -> int | None:
    if type(value) is int and first_id <= value < first_id + count:
        return value - first_id
    return None


def printable(text: str) -> str:
    """Make a stranger's text fit for one line of a log."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= _MESSAGE_CHARACTERS else shown[:_MESSAGE_CHARACTERS] + "…"


def read_quantity(value: object) -> int:
    """Read an integer of up to 256 bits, 0x and hexadecimal digits. Raises MalformedInput."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise MalformedInput("not a quantity")
    return int(value, 16)


def read_data(value: object) -> bytes:
    """Read bytes, 0x and two hexadecimal digits each. Raises MalformedInput."""
    if not isinstance(value, str) or len(value) % 2 or not _DATA.fullmatch(value):
        raise MalformedInput("not hexadecimal data")
    return bytes.fromhex(value[2:])


def write_data(data: bytes) -> str:
    """Write bytes (an address, call data) for a request."""
    return f"0x{data.hex()}"
