"""Connections that hold a place and ask for nothing: aiohttp waits for a request's head for ever."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestHandler

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S: Final = 30.0
"""How long a connection may take until its request's head is there, the first or the next one.

The same for reading an answer that a handler returned whole; what it sends itself takes the time it takes.
"""


class Stragglers:
    """Tells connections that are being served from those that only stand there, and closes these in time."""

    def __init__(self, timeout_s: float, clock: Callable[[], float]) -> None:
        """clock: monotonic, in seconds."""
        self._timeout_s = timeout_s
        self._clock = clock
        self._served: set[RequestHandler] = set()
        self._waiting_since: dict[RequestHandler, float] = {}

    def middleware(self) -> Middleware:
        """Make the application's outermost middleware, which notes that a connection is being served."""

        @web.middleware
        async def attend(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = request.protocol
            self._served.add(connection)
            self._waiting_since.pop(connection, None)
            try:
                return await handler(request)
            finally:
                self._served.discard(connection)

        return attend

    async def watch(self, server: web.Server) -> None:
        """Go through the connections again and again, until cancelled."""
        while True:
            try:
                self.close_late(server)
            except Exception:  # the task's only observer; it is tried again
                log.exception("connections that wait for too long could not be closed because of a bug")
            await asyncio.sleep(self._timeout_s / 4)

    def close_late(self, server: web.Server) -> None:
        """Close the connections that have waited for too long since one of these calls first saw it."""
        now = self._clock()
        self._waiting_since = {
            connection: self._waiting_since.get(connection, now)
            for connection in server.connections
            if connection not in self._served
        }
        for connection, since in self._waiting_since.items():
            if now - since >= self._timeout_s:
                transport = connection.transport
                connection.force_close()
                if transport is not None:
                    # Closing waits until what was sent is read, and who does not read would keep the place.
                    transport.abort()
