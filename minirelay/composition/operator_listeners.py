"""The listeners of the operator: a socket in the data directory, and `admin_listen` (spec 09)."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from aiohttp import web

from minirelay.config.limits import LimitSettings
from minirelay.config.secret_file import read_secret
from minirelay.config.settings import Settings
from minirelay.errors import ConfigError
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.web.admin.app import AdminApi, Extra, create_admin_app
from minirelay.web.admin.gate import Gate
from minirelay.web.admin.login import LoginApi, LoginLinks, LoginLinksApi
from minirelay.web.admin.sessions import AdminSessions
from minirelay.web.admin_socket import listen_to_operator
from minirelay.web.client_address import ClientAddresses, is_loopback
from minirelay.web.connections import Connections
from minirelay.web.listener import Listener, listen
from minirelay.web.refusals import Refusals

log = logging.getLogger(__name__)

LEAST_TOKEN: int = 32
"""Characters of the token in `admin_token_file`."""

STOP_TIMEOUT_S = 2.0


@asynccontextmanager
async def open_operator_listeners(
    settings: Settings,
    apis: Sequence[AdminApi],
    memory: MemoryBudget,
    end_streams: Callable[[], Awaitable[None]],
    extras: Sequence[Extra] = (),
) -> AsyncIterator[LoginLinks]:
    """Answer the operator while the block runs; gives what makes login links. Raises ConfigError.

    apis: what is answered. memory: of all that strangers make the relay hold. end_streams: ends answers that
    would not end by themselves. extras: what is answered, too, by the parts of the page that this relay has.
    """
    sessions = AdminSessions(time.monotonic, settings.limits.admin_sessions)
    every = [*apis, *(api for one in extras for api in one.apis)]
    async with AsyncExitStack() as parts:
        listener = _bind(settings)
        if listener is not None:
            parts.callback(listener.close)
        links = LoginLinks(sessions, None if listener is None else _url(listener))
        for_socket = create_admin_app(*every, LoginLinksApi(links))

        async def end(_app: web.Application) -> None:
            await end_streams()

        for_socket.on_shutdown.append(end)
        await parts.enter_async_context(listen_to_operator(for_socket, settings.data_dir))
        if listener is not None:
            gate = _gate(settings, sessions, listener)
            login = LoginApi(sessions, gate, [one.name for one in extras])
            app = create_admin_app(*every, login, gate=gate)
            connections = _connections(settings.limits)
            await parts.enter_async_context(
                listen(app, listener, connections, memory, stop_timeout_s=STOP_TIMEOUT_S, on_stop=end_streams)
            )
            log.info("the operator's listener is open", extra={"url": links.url})
        yield links


def _bind(settings: Settings) -> Listener | None:
    wanted = settings.admin_listen
    if not wanted:
        return None
    remedy = "see admin_listen"
    try:
        return Listener.bind(wanted.host, wanted.port, remedy)
    except ConfigError as error:
        if settings.origin("admin_listen") != "default":
            raise
        if settings.development:
            return Listener.bind(wanted.host, 0, remedy)
        # Nobody asked for it: an upgrade must not keep a shop from opening.
        log.warning("the operator's listener stays closed", extra={"reason": str(error)})
        return None


def _gate(settings: Settings, sessions: AdminSessions, listener: Listener) -> Gate:
    host, port = listener.socket.getsockname()[:2]
    if not is_loopback(host):
        log.warning(
            "the operator's listener can be reached from other machines, without encryption; "
            "127.0.0.1 and `ssh -L` are safer",
            extra={"admin_listen": settings.admin_listen},
        )
    file = settings.admin_token_file
    token = None if file is None else read_secret(file, "admin_token_file", least=LEAST_TOKEN)
    return Gate(settings.admin_listen.host, token, sessions, time.monotonic, port)


def _connections(limits: LimitSettings) -> Connections:
    """Count them apart from clients': who fills the one listener up does not close the other."""
    own = msgspec.structs.replace(limits, max_connections=limits.admin_connections, connections_per_address=0)
    return Connections(own, ClientAddresses(()), Refusals(time.monotonic), None)


def _url(listener: Listener) -> str:
    """Name the URL for a browser on this machine."""
    return listener.url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
