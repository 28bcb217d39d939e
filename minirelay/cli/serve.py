"""`minirelay serve`: runs the relay."""

import asyncio
import logging
import os
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.running import accept_loss_flag, allow_sessions, stop_on_signals
from minirelay.cli.setting_flags import CommandWithSettings, read_settings

if TYPE_CHECKING:
    from minirelay.chain.wallet import Wallet
    from minirelay.config.settings import Settings

log = logging.getLogger(__name__)


@click.command(cls=CommandWithSettings)
@accept_loss_flag
def serve(accepts_loss: bool, **given: Any) -> None:
    """Run the relay.

    It needs base_url, wallet_key_file and the registry chain's rpc_urls, in the settings file, the
    environment or flags.
    """
    from minirelay.garbage import collection_paused

    settings = read_settings(given)
    settings.require_serving()
    # What is imported stays: going through it again and again would be a tenth of the start.
    with collection_paused():
        import minirelay.server  # noqa: F401 (for `_run`)
        from minirelay.chain.wallet import load_wallet
        from minirelay.event_loop import serving_runner
        from minirelay.logs import configure

    configure(settings.log_level, settings.log_format, settings.log_bounds)
    allow_sessions(settings.limits.max_sessions, settings.limits.reserved_files)
    if settings.wallet_key_file is None:
        raise RuntimeError("what serving needs has been checked")
    wallet = load_wallet(settings.wallet_key_file)
    with serving_runner() as runner:
        runner.run(_run(settings, wallet, accepts_loss))


async def _run(settings: "Settings", wallet: "Wallet", accepts_loss: bool) -> None:
    from minirelay.garbage import seldom_collected
    from minirelay.operations.service_manager import ServiceManager
    from minirelay.protocol.ids import show_token
    from minirelay.server import serve as serving
    from minirelay.web.listener import Listener

    stop_on_signals()
    listener = Listener.bind(settings.listen_host, settings.listen_port)
    systemd = ServiceManager.of(os.environ, os.getpid())
    try:
        with suppress(asyncio.CancelledError):
            async with AsyncExitStack() as parts:
                relay = serving(settings, wallet, listener, accepts_loss=accepts_loss)
                server = await systemd.while_starting(parts.enter_async_context(relay))
                log.info(
                    "serving",
                    extra={
                        "url": server.url,
                        "base_url": settings.base_url,
                        "token": show_token(server.relay_token),
                    },
                )
                await parts.enter_async_context(systemd.serving(server.ask_writer, server.status))
                async with seldom_collected():
                    # Ends with a ConfigError if the wallet turns out not to own the token.
                    await server.token_lost
                    await asyncio.Event().wait()
    finally:
        listener.close()
    log.info("stopped")
