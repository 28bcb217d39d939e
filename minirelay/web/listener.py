"""Listening for HTTP, and stopping in good order."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from minirelay.errors import ConfigError

STOP_TIMEOUT_S: Final = 10.0
"""How long what is in flight may take to end (spec 09, "Stopping")."""


@asynccontextmanager
async def listen(
    app: web.Application, host: str, port: int, *, on_stop: Callable[[], None] = lambda: None
) -> AsyncIterator[str]:
    """Listen while the block runs; gives the URL. port: 0 for any.

    on_stop: called when nothing new is accepted any more, to end what would not end by itself (sessions).
    Raises ConfigError when the address can't be had.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_TIMEOUT_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(
                f"can't listen on {host} port {port}: {error.strerror}; see listen_host and listen_port"
            ) from error
        try:
            yield _url(runner)
        finally:
            await site.stop()
            on_stop()
    finally:
        await runner.cleanup()


def _url(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
