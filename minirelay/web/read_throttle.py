"""A session's share of the event loop (spec 01, "Limits on the outside"): what is beyond it is read later.

Stands between a WebSocket's transport and aiohttp, as the transport's protocol. It hands on so many frames or
bytes in a turn, so many frames in a second, and nothing while messages wait that the session has not taken.
What is left over waits here with the transport paused, and the rest of it with the client.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from aiohttp import web

from minirelay.relay.memory_budget import Account
from minirelay.shop.access import Role
from minirelay.web.frame_scanner import FrameScanner
from minirelay.web.frame_writer import FrameWriter
from minirelay.web.receive_buffer import ReceiveBuffer
from minirelay.web.turn_share import TurnShare, Waiting

MESSAGE_BYTES: Final = 256
"""What a message that waits in aiohttp costs beside its payload."""

PIECE_BYTES: Final = 64
MAX_PIECES: Final = 8192
"""aiohttp keeps the pieces in which a frame comes apart, each with its own header, up to about so many."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What is taken of a session. max_frame_bytes: a larger message ends it.

    frames_per_turn, bytes_per_turn: of the event loop. frames_per_s: fragments count. together: what all
    sessions have of a turn. buffer: where all of it is received.
    """

    max_frame_bytes: int
    frames_per_turn: int
    bytes_per_turn: int
    frames_per_s: int
    together: TurnShare = field(compare=False)
    buffer: ReceiveBuffer = field(compare=False)


class Reader(Protocol):
    """The session, as what reads for it sees it."""

    @property
    def account(self) -> Account:
        """Return what the session holds."""

    @property
    def may_receive(self) -> bool:
        """Return whether the client's next frame should be read now."""

    def heard(self) -> None:
        """Note a sign of life."""


class ReadThrottle(asyncio.BufferedProtocol):
    """What one client has sent and the session has not taken yet."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        transport: asyncio.Transport,
        limits: ReadLimits,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """inner: what the transport served so far. Use `install`."""
        self.writer = FrameWriter(transport)
        """The way to the client."""
        self._inner = inner
        self._transport = transport
        self._limits = limits
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._scanner = FrameScanner()
        self._reader: Reader | None = None
        self._received = b""
        self._at = 0  # where what was not handed on begins
        self._messages = 0  # handed on, not taken
        self._messages_bytes = 0
        self._pieces = 0  # of the message that is not whole yet
        self._frames = float(limits.frames_per_s)  # that may be handed on now: a token bucket
        self._frames_since = clock()
        self._turn: asyncio.Handle | Waiting | None = None
        self._is_paused = False
        self._is_over = False
        self._is_dropping = False
        self._held_bytes = 0

    @classmethod
    def install(cls, request: web.Request, limits: ReadLimits) -> Self:
        """Step in front of a request that becomes a WebSocket. Raises ConnectionError: the client is gone."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        protocol = request.protocol
        throttle = cls(protocol, transport, limits)
        # aiohttp would take what came along with the handshake before anybody could count it.
        throttle._received, protocol._message_tail = protocol._message_tail, b""
        transport.set_protocol(throttle)
        return throttle

    # -- the session

    def start(self, reader: Reader) -> None:
        """Begin to hand on."""
        self._reader = reader
        self._next_turn()

    def taken(self, size_bytes: int) -> None:
        """Take note that the session has taken a message, and may take the next one."""
        self._messages -= 1
        self._messages_bytes -= size_bytes
        if not self._messages:
            self.go_on()
            self._account()

    @property
    def has_more(self) -> bool:
        """Return whether messages wait that the session can take without waiting."""
        return self._messages > 0

    def go_on(self) -> None:
        """Take note that the session may receive again."""
        if self._turn is None and self._left:
            self._turn = self._loop.call_soon(self._next_turn)

    def sent(self) -> None:
        """Take note that the transport's own buffer has changed."""
        self._account()

    def end(self, *, drop: bool) -> None:
        """Hand on without regard to what was taken: the closing is looked for. drop: hand on nothing more."""
        self._is_over = True
        self._messages = self._messages_bytes = 0
        if drop:
            self._drop()
        else:
            self.go_on()
        self._account()

    def forget(self) -> None:
        """Hold nothing any more; the WebSocket is gone."""
        self.end(drop=True)
        if self._reader is not None:
            self._reader.account.hold(-self._held_bytes)
        self._reader, self._held_bytes = None, 0

    # -- the transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Return the memory to receive into."""
        return self._limits.buffer.view()

    def buffer_updated(self, nbytes: int) -> None:
        """Take what the client sent."""
        if self._is_dropping:
            self._transport.pause_reading()
            return
        data = self._limits.buffer.take(nbytes)
        self._received = self._received[self._at :] + data if self._left else data
        self._at = 0
        if self._turn is None:
            self._hand_on()
        self._settle()

    def eof_received(self) -> bool | None:
        """Pass on that the client sends no more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Pass on that the client does not read."""
        self.writer.pause()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the client reads again."""
        self.writer.resume()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the client is gone."""
        self._drop()
        self.writer.lost()
        self._inner.connection_lost(exc)

    # -- inside

    @property
    def _left(self) -> int:
        return len(self._received) - self._at

    def _next_turn(self) -> None:
        self._turn = None
        self._hand_on()
        self._settle()

    def _hand_on(self) -> None:
        reader = self._reader
        if not self._left or reader is None or not (self._is_over or self._may_hand_on(reader)):
            return
        limits = self._limits
        in_turn = limits.together.frames_left
        if not in_turn:
            if self._turn is None:
                is_clerk = reader.account.role is Role.CLERK
                self._turn = limits.together.wait(self._next_turn, is_clerk=is_clerk)
            return
        most = min(limits.frames_per_turn, self._free_frames(), in_turn)
        scanned = self._scanner.scan(self._received, self._at, most, limits.bytes_per_turn)
        if scanned.end == self._at:
            batch = min(limits.frames_per_turn, limits.frames_per_s)
            self._turn = self._loop.call_later(batch / limits.frames_per_s, self._next_turn)
            return
        limits.together.take(scanned.frames, scanned.end - self._at)
        piece = self._received[self._at : scanned.end]
        self._at = scanned.end
        self._frames -= scanned.frames
        if not self._is_over:
            self._messages += scanned.messages
            self._messages_bytes += scanned.size_bytes
        self._pieces = self._pieces + 1 if self._scanner.unfinished_bytes else 0
        if not self._messages:
            # Nobody will say that something was taken; and the rest of this turn is for others.
            self._turn = self._loop.call_soon(self._next_turn)
        reader.heard()
        self._inner.data_received(piece)

    def _may_hand_on(self, reader: Reader) -> bool:
        return not self._messages and reader.may_receive

    def _free_frames(self) -> int:
        if self._frames < self._limits.frames_per_turn:
            now = self._clock()
            more = (now - self._frames_since) * self._limits.frames_per_s
            self._frames = min(self._limits.frames_per_s, self._frames + more)
            self._frames_since = now
        return int(self._frames)

    def _settle(self) -> None:
        if self._left:
            # Again and again: aiohttp resumes what it has paused itself.
            self._transport.pause_reading()
            self._is_paused = True
        else:
            self._received, self._at = b"", 0
            if self._is_paused and not self._transport.is_closing():
                self._is_paused = False
                self._transport.resume_reading()
        self._account()

    def _account(self) -> None:
        if self._reader is None:
            return
        held_bytes = (
            len(self._received)
            + self._scanner.unfinished_bytes
            + PIECE_BYTES * min(self._pieces, MAX_PIECES)
            + self._messages_bytes
            + MESSAGE_BYTES * self._messages
            + self._transport.get_write_buffer_size()
        )
        if held_bytes != self._held_bytes:
            self._reader.account.hold(held_bytes - self._held_bytes)
            self._held_bytes = held_bytes

    def _drop(self) -> None:
        self._is_dropping = True
        self._received, self._at = b"", 0
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
