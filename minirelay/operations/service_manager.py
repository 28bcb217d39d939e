"""What systemd is told of a relay: that it serves, that it is alive, that it stops (sd_notify(3), spec 09).

That is a datagram to a socket which systemd names; under anything else nothing is told.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, Self, TypeVar

from minirelay.errors import StoreError
from minirelay.event_loop import end_tasks

START_STEP_S: Final = 20.0
MOST_START_STEPS: Final = 180
"""A start that takes an hour is none any more: a database that large was never migrated."""

_MICROSECONDS: Final = 1_000_000
_PINGS_IN_TIME: Final = 3

T = TypeVar("T")

log = logging.getLogger(__name__)


class ServiceManager:
    """Tells systemd, if it wants to know."""

    def __init__(self, address: str | None, watchdog_s: float = 0.0) -> None:
        """address: of the socket, with @ before an abstract name; None: nobody wants to know.

        watchdog_s: within which it wants to hear that all is well; 0: not at all.
        """
        self._address = address
        self.watchdog_s = watchdog_s
        self._is_failing = False

    @classmethod
    def of(cls, variables: Mapping[str, str], process: int) -> Self:
        """Read what systemd says in the environment. process: this one's id."""
        address = variables.get("NOTIFY_SOCKET") or None
        is_ours = variables.get("WATCHDOG_PID", str(process)) == str(process)
        microseconds = variables.get("WATCHDOG_USEC", "0")
        wanted = int(microseconds) if microseconds.isdecimal() and is_ours else 0
        return cls(address, wanted / _MICROSECONDS)

    def tell(self, *lines: str) -> None:
        """Send a message; a socket that takes none is told of once, and changes nothing."""
        if self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto("\n".join(lines).encode(), address)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                reason = os.strerror(error.errno or 0)
                log.warning("systemd could not be told how it is", extra={"reason": reason})
            self._is_failing = True

    async def while_starting(self, start: Awaitable[T], step_s: float = START_STEP_S) -> T:
        """Wait for the start, and say meanwhile that it goes on: a migration may take minutes."""
        telling = asyncio.create_task(self._extend_start(step_s))
        try:
            return await start
        finally:
            await end_tasks(telling)

    @asynccontextmanager
    async def serving(
        self, check: Callable[[], Awaitable[object]], status: Callable[[], str]
    ) -> AsyncIterator[None]:
        """Say that it serves while the block runs, and stops then.

        check: answers if the store's writer does, whatever it answers. status: in words, for people.
        """
        self.tell("READY=1", f"STATUS={status()}")
        task = None
        if self._address is not None and self.watchdog_s:
            task = asyncio.create_task(self._tell_alive(check, status))
        try:
            yield
        finally:
            if task is not None:
                await end_tasks(task)
            self.tell("STOPPING=1", "STATUS=stopping: what is in flight is finished")

    async def _extend_start(self, step_s: float) -> None:
        for _ in range(MOST_START_STEPS):
            self.tell(f"EXTEND_TIMEOUT_USEC={int(3 * step_s * _MICROSECONDS)}", "STATUS=starting")
            await asyncio.sleep(step_s)

    async def _tell_alive(self, check: Callable[[], Awaitable[object]], status: Callable[[], str]) -> None:
        """Say again and again that all is well, as long as it is: this runs on the loop."""
        every_s = self.watchdog_s / _PINGS_IN_TIME
        while True:
            answer = asyncio.ensure_future(check())
            # However long it takes, there is one question at a time.
            await asyncio.wait([answer])
            with suppress(StoreError):
                # What fails was answered too: to start again would not mend a full disk.
                answer.result()
            self.tell("WATCHDOG=1", f"STATUS={status()}")
            await asyncio.sleep(every_s)
