"""WebSocket frames (RFC 6455), as little of them as a load generator needs.

The masking key is four zero bytes, which the RFC allows only for our own good: a masked payload is then
the payload itself, so frames can be made before the clock starts and cost nothing to send.

And a peek at the envelopes in them: what one is and which request it answers, without decoding it. The
relay writes its fields in the order of their numbers, so the request id comes first and the message second;
both have tags of one byte.
"""

from collections.abc import Iterator
from typing import Final

from minirelay.errors import MalformedInput
from minirelay.protocol.envelope import Failure, decode_envelope, encode_response_ok
from minirelay.protocol.framing import varint_at
from minirelay.protocol.wire_pb2 import SubscriptionPushRequest

_BINARY: Final = 0x82
_CLOSE: Final = 0x88
_CONTROL: Final = frozenset({0x89, 0x8A})
_MASKED: Final = 0x80
_ZERO_KEY: Final = bytes(4)


def client_frame(payload: bytes) -> bytes:
    """Make the frame in which a client sends these bytes."""
    size = len(payload)
    if size < 126:
        head = bytes((_BINARY, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((_BINARY, _MASKED | 126)) + size.to_bytes(2)
    else:
        head = bytes((_BINARY, _MASKED | 127)) + size.to_bytes(8)
    return head + _ZERO_KEY + payload


class FrameReader:
    """Takes the bytes that a server sends apart into the payloads of binary frames."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        """Start between two frames."""
        self._rest = b""

    def feed(self, received: bytes) -> Iterator[bytes]:
        """Yield the payloads that are complete now. Exhaust it before feeding more.

        WebSocket pings and pongs are passed over. Raises MalformedInput for anything that no relay sends, and
        when the relay closes, with its reason.
        """
        data = self._rest + received if self._rest else received
        at, end = 0, len(data)
        while end - at >= 2:
            start, size = at + 2, data[at + 1]
            if size >= 126:
                width = 2 if size == 126 else 8
                start += width
                size = int.from_bytes(data[at + 2 : start])
            if start + size > end:
                break
            kind, at = data[at], start + size
            if kind == _BINARY:
                yield data[start:at]
            elif kind not in _CONTROL:
                raise _not_expected(kind, data[start:at])
        self._rest = data[at:]


def _not_expected(kind: int, payload: bytes) -> MalformedInput:
    if kind == _CLOSE:
        code, reason = int.from_bytes(payload[:2]), payload[2:].decode(errors="replace")
        return MalformedInput(f"the relay closed the session: {code} {reason}")
    return MalformedInput(f"a WebSocket frame that begins with 0x{kind:02x}")


RESPONSE: Final = 0x12
PUSH: Final = 0x32
SYNC_STATUS: Final = 0x3A
PING: Final = 0x42

_REQUEST_ID: Final = 0x0A
_ERROR: Final = 0x0A
# What a plain success is, behind the request id.
_SUCCESS: Final = encode_response_ok(1)[4:]


def kind_of(envelope: bytes) -> int:
    """Return what an envelope of the relay is: the tag of its message. Raises MalformedInput."""
    if len(envelope) < 4 or envelope[0] != _REQUEST_ID or len(envelope) <= 2 + envelope[1]:
        raise MalformedInput("an envelope that does not begin with its request id")
    return envelope[2 + envelope[1]]


def is_refusal(response: bytes) -> bool:
    """Return whether a response is an error."""
    body = 2 + response[1] + 1
    return response[body] != 0 and response[varint_at(response, body)[1]] == _ERROR


def why_refused(response: bytes) -> str:
    """Return the code and message of an error."""
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
