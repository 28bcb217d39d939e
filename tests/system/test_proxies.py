"""Behind Caddy and nginx, with the settings of `contrib/`: sessions, uploads, who the client is, limits.

Needs those programs; without one of them its tests are skipped.
"""

import random
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from minirelay.client import PrivateKey, RelayClient, patches
from minirelay.client.errors import UploadRefused
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.system.proxies import PROGRAMS, free_port, proxy, until_it_listens
from tests.system.serving import OWNER_KEY, Serving, relay_signers_of, serving
from tests.system.test_follow import listing

MIB: Final = 1 << 20
MOST_SESSIONS: Final = 3


@dataclass
class Behind:
    """A relay behind a proxy. url: that of the proxy."""

    relay: Serving
    url: str

    def client(self, card: PrivateKey) -> RelayClient:
        signers = relay_signers_of(self.relay.wallet)
        return RelayClient.connect(self.url, shop_id=self.relay.shop_id, key_card=card, relay_signers=signers)


@pytest.fixture(params=PROGRAMS)
async def behind(
    request: pytest.FixtureRequest, tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> AsyncIterator[Behind]:
    name = request.param
    if PROGRAMS[name] is None:
        pytest.skip(f"{name} is not installed")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    directory = tmp_path / "proxy"
    directory.mkdir()
    async with serving(
        tmp_path / secrets.token_hex(8),
        dev_chain,
        deployment,
        base_url=url,
        trusted_proxies=["127.0.0.1"],
        limits__sessions_per_address=MOST_SESSIONS,
    ) as relay:
        with proxy(name, port, relay.url.removeprefix("http://"), directory):
            await until_it_listens(port)
            yield Behind(relay, url)


def new_card() -> PrivateKey:
    return PrivateKey.from_bytes(secrets.token_bytes(32))


async def test_the_client_works_through_it(behind: Behind) -> None:
    card = new_card()
    async with behind.client(card) as client:
        await client.enrol(OWNER_KEY)
        await client.authenticate()
        async with await client.follow() as shop:
            await shop.caught_up()
            picture = random.Random(3).randbytes(3 * MIB)
            stored = await client.upload_blob(picture)
            assert stored.url.startswith(behind.url)
            root = await client.write(patches.add_listing(listing(1, "a picture")))
            await shop.wait_for(lambda shop: shop.root_hash == root)
            assert await client.fetch_blob(stored.ipfs_path) == picture


async def test_the_largest_file_goes_through_and_one_byte_more_does_not(behind: Behind) -> None:
    async with behind.client(new_card()) as client:
        await client.enrol(OWNER_KEY)
        await client.authenticate()
        largest = bytes(32 * MIB)
        await client.upload_blob(largest)
        with pytest.raises(UploadRefused) as refused:
            await client.upload_blob(largest + b"\0")
        assert refused.value.status == 413


async def test_the_relay_knows_its_clients_apart_and_believes_nothing_else(behind: Behind) -> None:
    async with AsyncExitStack() as open_sessions:

        async def connect(address: str, **headers: str) -> int:
            connector = aiohttp.TCPConnector(local_addr=(address, 0))
            http = await open_sessions.enter_async_context(aiohttp.ClientSession(connector=connector))
            try:
                opened = await http.ws_connect(f"{behind.url}/v4/sessions", headers=headers)
            except aiohttp.WSServerHandshakeError as refused:
                return refused.status
            open_sessions.push_async_callback(opened.close)
            return 101

        for _ in range(MOST_SESSIONS):
            assert await connect("127.0.0.2") == 101
        assert await connect("127.0.0.2") == 429
        assert await connect("127.0.0.2", **{"X-Forwarded-For": "192.0.2.7"}) == 429
        assert await connect("127.0.0.3") == 101
