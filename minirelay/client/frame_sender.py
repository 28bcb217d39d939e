"""The frames of a connection on their way out: in the order in which they were handed in, by one task."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final

from aiohttp import ClientWebSocketResponse

MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024
"""Further requests wait while this much has not left."""


class FrameSender:
    """Sends frames until it is stopped, or the connection breaks."""

    def __init__(self, socket: ClientWebSocketResponse, on_sent: Callable[[], None]) -> None:
        """on_sent: called whenever a frame has left."""
        self._socket = socket
        self._on_sent = on_sent
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._is_over = False
        self._output = asyncio.Event()
        self._all_sent = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    @property
    def is_full(self) -> bool:
        """Return whether what is not an answer should wait."""
        return self._unsent_bytes >= MAX_UNSENT_BYTES

    def send(self, frame: bytes) -> None:
        """Send a frame behind the others; nothing once it is over."""
        if not self._is_over:
            self._unsent.append(frame)
            self._unsent_bytes += len(frame)
            self._output.set()

    async def flush(self, timeout_s: float) -> None:
        """Wait until everything has left, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._unsent_bytes and not self._is_over:
                    self._all_sent.clear()
                    await self._all_sent.wait()

    def end(self) -> None:
        """Take no more frames."""
        self._is_over = True
        self._all_sent.set()

    async def stop(self) -> None:
        """End, and leave unsent what has not left."""
        self.end()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await self._output.wait()
            self._output.clear()
            while self._unsent:
                frame = self._unsent.popleft()
                try:
                    await self._socket.send_bytes(frame)
                except ConnectionError:
                    return  # the reader hears of it, too
                self._unsent_bytes -= len(frame)
                self._on_sent()
            self._all_sent.set()
