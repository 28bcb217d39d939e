"""WebSocket frames on their way to one client (RFC 6455, 5.2): those that leave together are one write."""

import asyncio
from collections.abc import Sequence
from typing import Final

_BINARY: Final = 0x82
_HEADS: Final = tuple(bytes((_BINARY, size)) for size in range(126))

JOINED_BYTES: Final = 16 * 1024
"""More is not copied to be one piece: it is a single large frame."""


class FrameWriter:
    """Writes to a transport, and waits while that has much to send. Its protocol says when."""

    __slots__ = ("_is_lost", "_is_paused", "_resumed", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        """transport: its write buffer's limits are how much is on its way without anyone waiting."""
        self._transport = transport
        self._is_paused = self._is_lost = False
        self._resumed: asyncio.Future[None] | None = None

    async def send(self, payloads: Sequence[bytes]) -> None:
        """Send binary frames, at least one; done when the transport may be given more.

        Raises ConnectionResetError: the client is gone, or the connection is being closed.
        """
        transport = self._transport
        if transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        parts: list[bytes] = []
        for payload in payloads:
            size = len(payload)
            parts += (_HEADS[size] if size < 126 else _long_head(size), payload)
        if len(parts) == 2 and len(parts[1]) > JOINED_BYTES:
            transport.writelines(parts)
        else:
            transport.write(b"".join(parts))
        if self._is_paused:
            await self._wait()

    def pause(self) -> None:
        """Take note that the transport has much to send."""
        self._is_paused = True

    def resume(self) -> None:
        """Take note that it has little again."""
        self._is_paused = False
        self._let_go()

    def lost(self) -> None:
        """Take note that the client is gone."""
        self._is_lost = True
        self._let_go()

    async def _wait(self) -> None:
        self._resumed = asyncio.get_running_loop().create_future()
        try:
            await self._resumed
        finally:
            self._resumed = None
        if self._is_lost:
            raise ConnectionResetError("the client has gone")

    def _let_go(self) -> None:
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)


def _long_head(size: int) -> bytes:
    if size < 1 << 16:
        return bytes((_BINARY, 126)) + size.to_bytes(2)
    return bytes((_BINARY, 127)) + size.to_bytes(8)
