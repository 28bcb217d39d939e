"""Accepting connections: what is too much is closed before anything is made for it.

The event loops' own servers make a transport, a protocol and a task for each connection before anyone can
count it, and asyncio's logs each accept that fails for want of a file descriptor, 100 at a time.
"""

import asyncio
import errno
import logging
import socket
import struct
from collections.abc import Callable
from typing import Final

from minirelay.web.connections import Connections, Place

log = logging.getLogger(__name__)

BACKLOG: Final = 1024
"""Connections that the kernel completes and keeps until they are accepted (it may allow fewer)."""

ACCEPTED_PER_TURN: Final = 64
PAUSE_S: Final = 0.25
"""After an accept that failed for want of something, how long the next one waits; clients wait meanwhile."""

_RESET: Final = struct.pack("ii", 1, 0)
_WANTING: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

ProtocolFactory = Callable[[Place], asyncio.BaseProtocol]


class Acceptor:
    """Accepts the connections of one listening socket, on any event loop."""

    def __init__(self, listening: socket.socket, connections: Connections, make: ProtocolFactory) -> None:
        """make: called with its place for each connection that is let in."""
        self._listening = listening
        self._connections = connections
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        listening.listen(BACKLOG)
        self._resume()

    @property
    def is_pausing(self) -> bool:
        """Return whether nothing is accepted now, for want of files."""
        return self._pause is not None

    def close(self) -> None:
        """Accept nothing more; clients that wait to be accepted are refused."""
        if self._pause is None:
            self._loop.remove_reader(self._listening)
        else:
            self._pause.cancel()
        self._listening.close()

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            try:
                accepted, address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._take_failure(error)
                return
            self._let_in(accepted, str(address[0]))

    def _take_failure(self, error: OSError) -> None:
        if error.errno in _WANTING:
            self._connections.note_no_file()
        elif error.errno != errno.ECONNABORTED:  # gone while it waited
            log.warning("a connection could not be accepted", extra={"reason": str(error)})
        else:
            return
        # The socket stays readable: without a pause this would be called all the time.
        self._loop.remove_reader(self._listening)
        self._pause = self._loop.call_later(PAUSE_S, self._resume)

    def _let_in(self, accepted: socket.socket, address: str) -> None:
        place = self._connections.admit(address)
        if place is None:
            # A reset leaves nothing behind in the kernel either.
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            accepted.close()
            return
        task = self._loop.create_task(self._start(accepted, place))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start(self, accepted: socket.socket, place: Place) -> None:
        accepted.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(lambda: self._make(place), accepted)
        except Exception as error:  # the task's only observer; nobody else loses a connection by it
            place.leave()
            accepted.close()
            if not isinstance(error, OSError):
                log.exception("a connection could not be served because of a bug")
