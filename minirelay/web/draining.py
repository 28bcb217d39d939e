"""Answering a client that is still sending: it gets the answer, and not a reset of its connection.

A connection that is closed while bytes of the client's are unread, or arrive, is reset; and many clients read
no answer before all was sent. So what comes is read and dropped for a while. How many clients that is done
for at a time is bounded, and what each may send.
"""

import asyncio
from typing import Final

from aiohttp import web

from minirelay.web.http_connection import HttpConnection

TIMEOUT_S: Final = 30.0


class Drain:
    """Reads what some clients go on sending behind an answer."""

    def __init__(self, places: int, most_bytes: int, timeout_s: float = TIMEOUT_S) -> None:
        """places: clients at a time. most_bytes: of each."""
        self._places = places
        self._most_bytes = most_bytes
        self._timeout_s = timeout_s

    async def answer(self, request: web.Request, response: web.Response) -> web.Response:
        """Send an answer, read what still comes, and have the connection closed then."""
        response.force_close()
        if request.content.at_eof() or not self._places:
            return response
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            return response  # The client has gone: nobody is owed anything.
        if isinstance(request.protocol, HttpConnection):
            request.protocol.answered()
        self._places -= 1
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._read(request)
        except (TimeoutError, ConnectionError, web.RequestPayloadError):
            pass  # The answer was sent, and nothing else is owed.
        finally:
            self._places += 1
        return response

    async def _read(self, request: web.Request) -> None:
        left = self._most_bytes
        while left > 0 and (data := await request.content.readany()):
            left -= len(data)
