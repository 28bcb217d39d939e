"""The listener of clients."""

import time
from contextlib import AbstractAsyncContextManager
from typing import Final

from minirelay.config.settings import Settings
from minirelay.relay.relay import Relay
from minirelay.web.app import Services, create_app
from minirelay.web.client_address import ClientAddresses
from minirelay.web.connections import Connections, files_for_connections
from minirelay.web.listener import Listener, listen
from minirelay.web.refusals import Refusals

STOPPING: Final = "this relay stops; connect again in a moment"


def open_client_listener(
    settings: Settings, services: Services, listener: Listener, relay: Relay
) -> AbstractAsyncContextManager[str]:
    """Listen to clients while the block runs; gives the URL."""
    refusals = Refusals(time.monotonic, signs=relay.meters.proxy_signs)
    connections = Connections(
        settings.limits,
        ClientAddresses(settings.trusted_proxies),
        refusals,
        files_for_connections(settings.limits.reserved_files),
    )
    return listen(
        create_app(settings, services, refusals),
        listener,
        connections,
        relay.memory,
        # What is left of the time is for clients that are slow to read that they are closed.
        on_stop=lambda: relay.stop(1001, STOPPING, drain_timeout_s=settings.stop_timeout / 2),
        stop_timeout_s=settings.stop_timeout,
    )
