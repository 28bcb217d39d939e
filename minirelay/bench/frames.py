"""WebSocket frames (RFC 6455), as little of them as a load generator needs.

The masking key is four zero bytes, which the RFC allows for nobody's good but ours: a masked payload is then
the payload itself, so frames can be made before the clock starts and cost nothing to send.
"""

from collections.abc import Iterator
from typing import Final

from minirelay.errors import MalformedInput

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
        """Give the payloads that are complete now. Exhaust it before feeding more.

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
