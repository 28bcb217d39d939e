"""What the client's tests share: a scripted relay, and a client that is connected to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from minirelay.client import Backoff, KnownRelays, RelayClient
from minirelay.client.client import Options
from minirelay.protocol.signing import PrivateKey
from tests.client.logs import CLERK, RELAY, SHOP_ID
from tests.client.scripted_relay import ScriptedRelay, Session

QUICK = Backoff(first_s=0.01, most_s=0.05)


@pytest.fixture
async def relay() -> AsyncIterator[ScriptedRelay]:
    """Yield a relay that does nothing by itself."""
    async with ScriptedRelay().running() as running:
        yield running


@asynccontextmanager
async def connected(
    relay: ScriptedRelay,
    key_card: PrivateKey | None = CLERK,
    options: Options | None = None,
    *,
    is_authenticated: bool = True,
) -> AsyncIterator[tuple[RelayClient, Session]]:
    """Connect, and authenticate if there is a key card and that is wanted. Gives both ends."""
    settled: Options = {"relay_signers": KnownRelays(RELAY.address), "backoff": QUICK, **(options or {})}
    async with RelayClient.connect(relay.url, shop_id=SHOP_ID, key_card=key_card, **settled) as client:
        session = await relay.accept()
        if key_card is not None and is_authenticated:
            authenticating = asyncio.create_task(client.authenticate())
            await session.authenticate()
            await authenticating
        yield client, session
