"""Listening for HTTP, and stopping in good order."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from minirelay.errors import ConfigError
from minirelay.web.stragglers import REQUEST_TIMEOUT_S, Stragglers

STOP_TIMEOUT_S: Final = 10.0
"""How long what is in flight may take to end (spec 09, "Stopping")."""


_STRANGERS_FAULTS: Final = (
    HttpProcessingError,
    web.RequestPayloadError,
    ConnectionError,
    UnicodeEncodeError,
)


class _NoStrangersFaults(logging.Filter):
    """Keeps what strangers send from filling the log: HTTP that is none, bodies broken off.

    Also headers that are no text, which aiohttp can't quote. (What handlers raise does not come this way.)
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, _STRANGERS_FAULTS)


_http_log = logging.getLogger(f"{__name__}.http")
_http_log.addFilter(_NoStrangersFaults())


class Listener:
    """An address that is bound: nobody else can take it, and its port is known before anything is served."""

    def __init__(self, bound: socket.socket) -> None:
        """Use `bind`."""
        self.socket = bound

    @classmethod
    def bind(cls, host: str, port: int) -> Self:
        """Take an address. port: 0 for any free one. Raises ConfigError."""
        try:
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            is_any = address[0] == "::" and socket.has_dualstack_ipv6()
            return cls(socket.create_server(address[:2], family=family, dualstack_ipv6=is_any))
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "that is no host name"
            raise ConfigError(
                f"can't listen on {host} port {port}: {reason}; see listen_host and listen_port"
            ) from error

    @property
    def url(self) -> str:
        """Give the URL of what listens here."""
        host, port = self.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def close(self) -> None:
        """Give the address back, if nothing was ever served there."""
        self.socket.close()


async def _nothing() -> None:
    pass


@asynccontextmanager
async def listen(
    app: web.Application,
    listener: Listener,
    *,
    on_stop: Callable[[], Awaitable[None]] = _nothing,
    request_timeout_s: float = REQUEST_TIMEOUT_S,
) -> AsyncIterator[str]:
    """Serve an application while the block runs; gives the URL.

    on_stop: called when nothing new is accepted any more, to end what would not end by itself (sessions).
    request_timeout_s: see `Stragglers`.
    """
    stragglers = Stragglers(request_timeout_s, time.monotonic)
    app.middlewares.insert(0, stragglers.middleware())
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_http_log,
        handle_signals=False,
        shutdown_timeout=STOP_TIMEOUT_S,
        # No client compresses what it sends, so nobody gets to send what expands.
        auto_decompress=False,
    )
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("a runner that was set up has a server")
    watch = asyncio.create_task(stragglers.watch(server))
    try:
        site = web.SockSite(runner, listener.socket)
        await site.start()
        try:
            yield listener.url
        finally:
            await site.stop()
            await on_stop()
    finally:
        watch.cancel()
        await runner.cleanup()
        listener.close()
