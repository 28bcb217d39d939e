"""Listening for HTTP, and stopping in good order."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, Self

from aiohttp import web

from minirelay.errors import ConfigError
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.web.acceptor import Acceptor
from minirelay.web.connections import Connections
from minirelay.web.http_connection import Traffic

AIOHTTP_STOP_TIMEOUT_S: Final = 0.1


class Listener:
    """An address that is bound: it is ours, and its port is known before anything is served."""

    def __init__(self, bound: socket.socket) -> None:
        """Use `bind`."""
        self.socket = bound

    @classmethod
    def bind(cls, host: str, port: int, remedy: str = "see listen_host and listen_port") -> Self:
        """Take an address. port: 0 for any free one. Raises ConfigError, which ends with the remedy."""
        try:
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            is_any = address[0] == "::" and socket.has_dualstack_ipv6()
            return cls(socket.create_server(address[:2], family=family, dualstack_ipv6=is_any))
        except (OSError, UnicodeError) as error:
            reason = _reason(error)
            raise ConfigError(f"can't listen on {host} port {port}: {reason}; {remedy}") from error

    @property
    def url(self) -> str:
        """Return the URL of what listens here."""
        host, port = self.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def close(self) -> None:
        """Give the address back, if nothing was ever served there."""
        self.socket.close()


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "that is no host name"
    is_lookup = isinstance(error, socket.gaierror) or error.errno is None
    # Binding says the address once more, in the error's own words.
    return str(error.strerror) if is_lookup else os.strerror(error.errno or 0)


async def _nothing() -> None:
    pass


@asynccontextmanager
async def listen(
    app: web.Application,
    listener: Listener,
    connections: Connections,
    memory: MemoryBudget,
    *,
    stop_timeout_s: float,
    on_stop: Callable[[], Awaitable[None]] = _nothing,
) -> AsyncIterator[str]:
    """Serve an application while the block runs; gives the URL.

    memory: what all clients together may make the relay hold.
    on_stop: called when nothing new is accepted any more, to end what would not end by itself (sessions).
    stop_timeout_s: how long on_stop and everything that is in flight may take; then it is cut off.
    """
    traffic = Traffic(connections, memory, time.monotonic)
    app.middlewares.insert(0, traffic.middleware())
    # What is in flight is waited for here: aiohttp would wait twice, and for what clients keep open.
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=AIOHTTP_STOP_TIMEOUT_S)
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("a runner that was set up has a server")
    watch = asyncio.create_task(traffic.watch())
    acceptor = Acceptor(listener.socket, connections, partial(traffic.connection, server))
    try:
        yield listener.url
    finally:
        acceptor.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(stop_timeout_s):
                traffic.stop()
                await on_stop()
                await traffic.wait_until_gone()
        await traffic.cut_off()
        watch.cancel()
        await runner.cleanup()
