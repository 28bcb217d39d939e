"""Where WebSocket frames begin and end in what a client sends (RFC 6455, 5.2), without looking into them.

The WebSocket reader says nothing before a message is whole: empty fragments by the million, and all that is
kept of a message that never ends, can only be counted in front of it.
"""

from dataclasses import dataclass
from typing import Final

_LAST: Final = 0x80
_CONTROL: Final = 0x08
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_MASK_BYTES: Final = 4
_LARGEST_HEADER: Final = 14
_LENGTH_BYTES: Final = {126: 2, 127: 8}
_IN_HEADER: Final = -1


@dataclass(frozen=True, slots=True)
class Scanned:
    """A part of the stream. end: where it ends. frames: that begin in it.

    messages: that are whole at its end (a ping or close frame is one too). size_bytes: their payloads.
    """

    end: int
    frames: int
    messages: int
    size_bytes: int


class FrameScanner:
    """Follows one client's stream, in pieces of any size."""

    __slots__ = ("_first", "_fragments_bytes", "_frame_bytes", "_header", "_left")

    def __init__(self) -> None:
        self._header = b""
        self._first = 0
        self._left = _IN_HEADER  # of the frame's payload
        self._frame_bytes = 0
        self._fragments_bytes = 0

    @property
    def unfinished_bytes(self) -> int:
        """Return how much payload was seen of the frame and the message that are not whole yet."""
        return self._fragments_bytes + self._frame_bytes

    def scan(self, data: bytes, start: int, max_frames: int, max_bytes: int) -> Scanned:
        """Go on from `start`, until so many frames have begun or so many bytes are scanned, or to the end."""
        at, stop = start, min(len(data), start + max_bytes)
        frames = messages = size_bytes = 0
        while at < stop:
            if self._left == _IN_HEADER:
                if not self._header:
                    if frames == max_frames:
                        break
                    frames += 1
                at = self._scan_header(data, at, stop)
                if self._left == _IN_HEADER:
                    break
            if self._left > stop - at:
                self._left -= stop - at
                self._frame_bytes += stop - at
                at = stop
                break
            at += self._left
            self._frame_bytes += self._left
            self._left = _IN_HEADER
            if self._first & (_LAST | _CONTROL):
                messages += 1
                size_bytes += self._end_message()
            else:
                self._fragments_bytes += self._frame_bytes
                self._frame_bytes = 0
        return Scanned(at, frames, messages, size_bytes)

    def _scan_header(self, data: bytes, at: int, stop: int) -> int:
        if self._header or stop - at < _LARGEST_HEADER:
            return self._scan_split_header(data, at, stop)
        second = data[at + 1]
        length = second & _LENGTH
        self._first = data[at]
        end = at + (2 + _MASK_BYTES if second & _MASKED else 2)
        if length < 126:
            self._left = length
            return end
        extended = _LENGTH_BYTES[length]
        self._left = int.from_bytes(data[at + 2 : at + 2 + extended])
        return end + extended

    def _scan_split_header(self, data: bytes, at: int, stop: int) -> int:
        """Take a header that perhaps comes in pieces."""
        header = self._header
        while len(header) < (size := _header_size(header)):
            if at == stop:
                self._header = header
                return at
            end = min(stop, at + size - len(header))
            header += data[at:end]
            at = end
        length = header[1] & _LENGTH
        extended = _LENGTH_BYTES.get(length)
        self._first = header[0]
        self._left = int.from_bytes(header[2 : 2 + extended]) if extended else length
        self._header = b""
        return at

    def _end_message(self) -> int:
        size = self._frame_bytes
        self._frame_bytes = 0
        if not self._first & _CONTROL:
            # A control frame may come between the fragments of a message.
            size += self._fragments_bytes
            self._fragments_bytes = 0
        return size


def _header_size(header: bytes) -> int:
    if len(header) < 2:
        return 2
    second = header[1]
    return 2 + _LENGTH_BYTES.get(second & _LENGTH, 0) + (_MASK_BYTES if second & _MASKED else 0)
