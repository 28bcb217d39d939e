"""What waits in one connection's request parser: heads have a bound, and all of it is counted.

aiohttp's parser bounds each header but not the head: 128 headers of 8 KiB, which take 5 MiB as text, and that
for as long as a session lives which began with them. And it takes requests by the hundred at once.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.http_parser import HttpParser
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

PIECE_BYTES: Final = 4096
"""The parser is fed in pieces of this size: it does not say where in one a head began."""

MAX_WAITING: Final = 4
"""Requests of one connection that are parsed before their turn comes."""

HEAD_COPIES: Final = 5
"""Of a head: its bytes, and text, which takes up to four bytes for each of them."""
HEADER_BYTES: Final = 400
"""What a header costs beside its bytes."""

Parsed = tuple[RawRequestMessage, StreamReader]


def head_cost(path: str, headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Estimate what the head of a request takes in memory, in bytes."""
    size = len(path) + sum(len(name) + len(value) for name, value in headers)
    return HEAD_COPIES * size + HEADER_BYTES * len(headers)


class BoundedParser:
    """Stands between a connection and aiohttp's parser."""

    def __init__(self, parser: HttpParser[RawRequestMessage], max_head_bytes: int) -> None:
        """max_head_bytes: of a request, about; trailers behind a body have as much."""
        self._parser: HttpParser[RawRequestMessage] | None = parser
        self._max_head_bytes = max_head_bytes
        self._left = b""
        self._head_bytes = self._head_cost = 0  # of the head that is not whole
        self._waiting: deque[int] = deque()  # what their heads cost
        self._taken = 0  # what the head of the last one costs
        self._body: StreamReader = EMPTY_PAYLOAD
        self._is_paused = False
        self.failure: HttpProcessingError | None = None
        """What feeding raised, for who puts it where it waits to be answered."""

    @property
    def held_bytes(self) -> int:
        """Estimate what is held: of requests that are not answered, and the head of the last one."""
        body = 0 if self._body is EMPTY_PAYLOAD else self._body._size
        return len(self._left) + self._head_cost + sum(self._waiting) + self._taken + body

    def forget(self) -> None:
        """Let go of everything: the connection, which the parser refers to, is gone."""
        self.end_body()
        self._parser, self._left, self._body = None, b"", EMPTY_PAYLOAD
        self._waiting.clear()
        self._head_bytes = self._head_cost = self._taken = 0

    def end_body(self) -> None:
        """Let nobody wait for the rest of a body, as is done behind its answer for up to ten seconds."""
        if not self._body.is_eof():
            self._body.feed_eof()

    def feed_data(self, data: bytes) -> tuple[list[Parsed], bool, bytes]:
        """Parse, as far as there is room; gives the requests, whether the last one upgrades, and the rest.

        What there is no room for waits for the next call. Raises HttpProcessingError.
        """
        if self._parser is None:
            return [], False, b""
        try:
            return self._feed(self._parser, data)
        except HttpProcessingError as error:
            self.failure = error
            raise

    def _feed(self, parser: HttpParser[RawRequestMessage], data: bytes) -> tuple[list[Parsed], bool, bytes]:
        self._left += data
        self._is_paused = False
        requests: list[Parsed] = []
        while True:
            piece, self._left = self._left[:PIECE_BYTES], self._left[PIECE_BYTES:]
            body, body_bytes = self._body, self._body.total_bytes
            more, is_upgraded, tail = parser.feed_data(piece)
            requests += more
            self._note(more)
            if not more and (body.is_eof() or body.total_bytes == body_bytes):
                self._note_head(piece)
            if is_upgraded:
                rest, self._left = self._left, b""
                return requests, True, tail + rest
            if not self._left or self._is_paused or len(self._waiting) >= MAX_WAITING:
                return requests, False, b""

    def feed_eof(self) -> None:
        """Take note that nothing more comes."""
        if self._parser is not None:
            self._parser.feed_eof()

    def pause_reading(self) -> None:
        """Parse no more for now: what there is of the body has not been read."""
        self._is_paused = True
        if self._parser is not None:
            self._parser.pause_reading()

    def message_consumed(self) -> None:
        """Take note that a request is being answered."""
        if self._parser is not None:
            self._parser.message_consumed()
        self._taken = self._waiting.popleft() if self._waiting else 0

    def set_upgraded(self, val: bool) -> None:
        """Pass on that requests come again."""
        if self._parser is not None:
            self._parser.set_upgraded(val)

    def _note(self, requests: Sequence[Parsed]) -> None:
        if requests:
            self._waiting.extend(head_cost(one.path, one.raw_headers) for one, _ in requests)
            self._body = requests[-1][1]
            self._head_bytes = self._head_cost = 0

    def _note_head(self, piece: bytes) -> None:
        self._head_bytes += len(piece)
        self._head_cost += HEAD_COPIES * len(piece) + HEADER_BYTES * piece.count(b"\n")
        if self._head_bytes > self._max_head_bytes:
            raise LineTooLong(b"", self._max_head_bytes)
