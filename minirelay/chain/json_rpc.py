"""JSON-RPC 2.0 requests and answers, and the encodings of values in them, hostile ones included."""

import re
from collections.abc import Sequence

import msgspec

from minirelay.chain.answer_bounds import most_containers
from minirelay.chain.errors import EndpointFailure, NodeRefused
from minirelay.errors import MalformedInput
from minirelay.protocol.json_reading import decode_json

_QUANTITY = re.compile(r"0x[0-9A-Fa-f]{1,64}")
_DATA = re.compile(r"0x(?:[0-9A-Fa-f]{2})*")
_MESSAGE_CHARACTERS = 300


def encode_request(request_id: int, method: str, params: Sequence[object]) -> bytes:
    """Write a request."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def read_answer(body: bytes, request_id: int) -> object:
    """Give the result in an answer.

    Raises NodeRefused for an error that the node answered, EndpointFailure for anything that is no answer
    to this request.
    """
    if body.count(b"[") + body.count(b"{") > most_containers(len(body)):
        raise EndpointFailure("what it answers has too many lists and objects for its length")
    try:
        answer = decode_json(body, object)
    except MalformedInput as error:
        raise EndpointFailure("what it answers is not JSON") from error
    if not isinstance(answer, dict):
        raise EndpointFailure("what it answers is not JSON-RPC")
    if answer.get("error") is not None:
        raise _refusal(answer["error"])
    # The request id is null, or anything, in errors of some nodes; in a result it has to be right.
    if "result" not in answer or answer.get("id") != request_id:
        raise EndpointFailure("what it answers is not the answer to this request")
    return answer["result"]


def _refusal(error: object) -> NodeRefused | EndpointFailure:
    if not isinstance(error, dict):
        return EndpointFailure("it answers an error that is none of JSON-RPC")
    code, message = error.get("code"), error.get("message")
    if not isinstance(code, int) or not isinstance(message, str):
        return EndpointFailure("it answers an error that is none of JSON-RPC")
    return NodeRefused(code, printable(message), error.get("data"))


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
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise MalformedInput("not hexadecimal data")
    return bytes.fromhex(value[2:])


def write_data(data: bytes) -> str:
    """Write bytes (an address, call data) for a request."""
    return f"0x{data.hex()}"
