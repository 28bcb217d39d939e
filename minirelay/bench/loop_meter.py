"""How long the event loop of this process is held by one turn."""

import asyncio
import time
from types import TracebackType
from typing import Final, Self

_TICK_S: Final = 0.001


class LoopMeter:
    """Ticks while its block runs. longest_s: how late the latest tick was, in seconds."""

    def __init__(self) -> None:
        """Start with nothing measured."""
        self.longest_s = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to tick."""
        self._ticking = asyncio.get_running_loop().create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End with a tick."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])

    async def _tick(self) -> None:
        while True:
            due = time.perf_counter() + _TICK_S
            try:
                await asyncio.sleep(_TICK_S)
            finally:
                self.longest_s = max(self.longest_s, time.perf_counter() - due)
