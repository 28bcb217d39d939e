"""What all sessions together are given of one turn of the event loop (spec 01, "Limits on the outside").

Each session has its own share of a turn; many of them at once would still make it long for everybody else.
"""

import asyncio


class TurnShare:
    """Frames and bytes that may still be handed on in this turn."""

    def __init__(self, frames: int, size_bytes: int) -> None:
        """frames, size_bytes: of one turn, by all sessions together."""
        self._most_frames = frames
        self._most_bytes = size_bytes
        self._frames_left = frames
        self._bytes_left = size_bytes
        self._is_counting = False

    @property
    def frames_left(self) -> int:
        """Give how many frames may be handed on; 0 as well when no more bytes may be."""
        return self._frames_left if self._bytes_left > 0 else 0

    def take(self, frames: int, size_bytes: int) -> None:
        """Take note of what was handed on."""
        self._frames_left -= frames
        self._bytes_left -= size_bytes
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._is_counting = False
        self._frames_left = self._most_frames
        self._bytes_left = self._most_bytes
