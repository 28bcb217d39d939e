"""How much of an endpoint's answers is parsed at once: no heads beyond the one that was asked for.

An interim response (RFC 9110, section 15.2) has 25 bytes, and the event loop hands on megabytes at a time: as
objects, they took 1.3 s of a turn and 140 MiB. No node of a chain sends any.
"""

import asyncio
from functools import partial
from typing import Final

from aiohttp import TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from minirelay.chain.plain_http import open_socket

PIECE_BYTES: Final = 4096
MOST_HEADS: Final = 8
"""Of a connection, that were parsed and not taken yet. Requests are sent one after the other."""


class BoundedResponseHandler(ResponseHandler):
    """aiohttp's connection of a client, which closes when more heads come than it asked for."""

    def data_received(self, data: bytes) -> None:
        """Parse what came, in pieces. Without data: go on with what was left."""
        for start in range(0, max(1, len(data)), PIECE_BYTES):
            super().data_received(data[start : start + PIECE_BYTES])
            if len(self) > MOST_HEADS:
                self.set_exception(HttpProcessingError(message="more responses than requests"))
                if self.transport is not None:
                    self.transport.abort()
            if self.exception() is not None:
                return


class BoundedConnector(TCPConnector):
    """Makes such connections."""

    def __init__(self) -> None:
        super().__init__(socket_factory=open_socket)
        handler: type[ResponseHandler] = BoundedResponseHandler
        self._factory = partial(handler, loop=asyncio.get_running_loop())
