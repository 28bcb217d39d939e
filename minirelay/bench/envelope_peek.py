"""A peek at an envelope: what it is and whom it answers, without decoding it.

The relay writes its fields in the order of their numbers, so the request id comes first and the message
second; both have tags of one byte.
"""

from typing import Final

from minirelay.errors import MalformedInput
from minirelay.protocol.envelope import Failure, decode_envelope, encode_response_ok
from minirelay.protocol.framing import varint_at
from minirelay.protocol.wire_pb2 import SubscriptionPushRequest

RESPONSE: Final = 0x12
PUSH: Final = 0x32
SYNC_STATUS: Final = 0x3A
PING: Final = 0x42

_REQUEST_ID: Final = 0x0A
_ERROR: Final = 0x0A
# What a plain success is, behind the request id.
_SUCCESS: Final = encode_response_ok(1)[4:]


def kind_of(envelope: bytes) -> int:
    """Say what an envelope of the relay is: the tag of its message. Raises MalformedInput."""
    if len(envelope) < 4 or envelope[0] != _REQUEST_ID or len(envelope) <= 2 + envelope[1]:
        raise MalformedInput("an envelope that does not begin with its request id")
    return envelope[2 + envelope[1]]


def is_refusal(response: bytes) -> bool:
    """Say whether a response is an error."""
    body = 2 + response[1] + 1
    return response[body] != 0 and response[varint_at(response, body)[1]] == _ERROR


def why_refused(response: bytes) -> str:
    """Give the code and message of an error."""
    failure = decode_envelope(response).message
    return f"{failure.code} {failure.message}" if isinstance(failure, Failure) else "not refused"


def agree(request: bytes) -> bytes:
    """Make the plain success that answers a request of the relay (a push, a ping)."""
    return request[: 2 + request[1]] + _SUCCESS


def patches_in(push: bytes) -> tuple[int, int]:
    """Count the patches of a push; give that and the last sequence number in it."""
    _, start = varint_at(push, 2 + push[1] + 1)
    sets = SubscriptionPushRequest.FromString(push[start:]).sets
    return sum([len(one.patches) for one in sets]), sets[-1].shop_seq_no
