"""Composition: everything that a relay consists of, opened in order and closed in the opposite order.

It comes up in stages (`composition/`): what it stands on, the relay, what keeps an eye on it, and its
listener for clients. Each part is opened by a function of its own, which is given what it stands on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from minirelay.blobs.library import BlobLibrary
from minirelay.chain.wallet import Wallet
from minirelay.composition.foundations import Foundations, open_foundations, other_reasons
from minirelay.composition.listeners import open_client_listener
from minirelay.composition.operations import ExtraMaker, operate
from minirelay.composition.relay_parts import make_enroller
from minirelay.composition.running_relay import RunningRelay, run_relay
from minirelay.composition.watched_chains import readiness
from minirelay.config.settings import Settings
from minirelay.errors import ConfigError
from minirelay.relay.relay import Relay
from minirelay.store.write_check import WriteCheck
from minirelay.web.admin.login import LoginLinks
from minirelay.web.app import Services
from minirelay.web.listener import Listener


@dataclass(frozen=True, slots=True)
class Server:
    """A relay that serves.

    token_lost: done, with a ConfigError, if the wallet turns out not to own the relay's token.
    """

    url: str
    relay_token: int
    relay: Relay
    token_lost: asyncio.Task[None]
    blobs: BlobLibrary
    login_links: LoginLinks

    async def ask_writer(self) -> None:
        """Wait until the thread that writes to the database answers. Raises StoreError."""
        await self.relay.store.writer.connection.run(lambda _: None)

    def status(self) -> str:
        """Say how it is, in a line for people."""
        return f"serving at {self.url}, sessions: {self.relay.session_count}"


@asynccontextmanager
async def serve(
    settings: Settings,
    wallet: Wallet,
    listener: Listener,
    *,
    accepts_loss: bool = False,
    new_token: int | None = None,
    make_extra: ExtraMaker | None = None,
) -> AsyncIterator[Server]:
    """Run a relay while the block runs.

    listener: an address that is bound already. accepts_loss: see `Store.open`. new_token: under
    development, the id of the token to mint if there is none. make_extra: makes what only this relay's
    operator can ask. Raises ConfigError, StoreError, ChainError, in words for people.
    """
    base_url = settings.base_url
    if base_url is None:
        raise ConfigError("not configured: base_url")
    settings.check_payments()
    settings.anchoring.check()
    settings.check_webhook()
    async with AsyncExitStack() as stages:
        enter = stages.enter_async_context
        on = await enter(
            open_foundations(settings, base_url, wallet, accepts_loss=accepts_loss, new_token=new_token)
        )
        running = await enter(run_relay(on))
        operations = await enter(operate(on, running, make_extra))
        url = await enter(open_client_listener(settings, _services(on, running), listener, running.relay))
        yield Server(
            url, on.token.token_id, running.relay, operations.token_lost, on.blobs, operations.login_links
        )


def _services(on: Foundations, running: RunningRelay) -> Services:
    return Services(
        running.relay,
        make_enroller(
            on.settings, on.base_url, on.token, on.wallet, on.shop_registry, running.relay, on.disk
        ),
        WriteCheck(on.store.writer).check,
        on.token.token_id,
        on.blobs,
        on.upload_tokens,
        partial(readiness, on.settings, running.polling),
        partial(other_reasons, on),
    )
