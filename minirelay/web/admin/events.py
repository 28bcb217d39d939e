"""`GET /v1/events`: how the relay is, again and again, as server-sent events."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from aiohttp import web

from minirelay.operations.live_status import LiveStatus

EVENTS: Final = "/v1/events"
LASTS_S: Final = 600.0
"""Then a browser asks again by itself, and has to be let in again."""

WRITE_S: Final = 10.0
"""How long a page may take to read what it was sent."""


class EventsApi:
    """Streams of `event: now`, with the document of `/v1/now` as data."""

    def __init__(self, live: LiveStatus, lasts_s: float = LASTS_S) -> None:
        """lasts_s: of one stream."""
        self._live = live
        self._lasts_s = lasts_s

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(EVENTS, self._stream, allow_head=False)]

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        ends_at = time.monotonic() + self._lasts_s
        async with self._live.followed() as documents:
            response = web.StreamResponse(
                headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
            )
            response.force_close()
            await response.prepare(request)
            # Who leaves, or does not read, is gone.
            with suppress(TimeoutError, ConnectionError):
                while True:
                    async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
                        text = await documents.get()
                    if text is None:
                        break
                    async with asyncio.timeout(WRITE_S):
                        await response.write(f"event: now\ndata: {text}\n\n".encode())
        return response
