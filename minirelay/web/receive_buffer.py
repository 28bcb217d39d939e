"""Where what clients send is received: one buffer for many, which gets smaller as a turn goes on.

Event loops receive up to 256 KiB from every connection that has something, all in one turn, before anyone can
say that it is too much: 1 GiB from 4,096 of them.
"""

import asyncio
from typing import Final

MOST_BYTES: Final = 64 * 1024
LEAST_BYTES: Final = 4 * 1024
"""From each connection, when the others have sent what a turn takes."""


class ReceiveBuffer:
    """A buffer that each connection uses for the moment of one reading."""

    def __init__(self, turn_bytes: int) -> None:
        """turn_bytes: of one turn of the event loop, before the buffer becomes small."""
        self._memory = memoryview(bytearray(MOST_BYTES))
        self._turn_bytes = self._left = turn_bytes
        self._is_scheduled = False

    def view(self) -> memoryview:
        """Return the part that may be filled now."""
        return self._memory[: max(LEAST_BYTES, min(MOST_BYTES, self._left))]

    def take(self, size_bytes: int) -> bytes:
        """Take out what was received."""
        self._left -= size_bytes
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._begin_turn)
        return bytes(self._memory[:size_bytes])

    def _begin_turn(self) -> None:
        self._is_scheduled = False
        self._left = self._turn_bytes


class Receiver(asyncio.BufferedProtocol):
    """Receives for a protocol that knows nothing of buffers."""

    def __init__(self, inner: asyncio.Protocol, buffer: ReceiveBuffer) -> None:
        """inner: gets what comes, in pieces of its own."""
        self._inner = inner
        self._buffer = buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass on that a client is there."""
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that it is gone."""
        self._inner.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Return the memory to receive into."""
        return self._buffer.view()

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what came."""
        self._inner.data_received(self._buffer.take(nbytes))

    def eof_received(self) -> bool | None:
        """Pass on that nothing more comes."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Pass on that the client does not read."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that it reads again."""
        self._inner.resume_writing()
