"""A whole relay in this process: server, chain reader and store, over the development chain of the tests."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from minirelay.chain.endpoint import open_http
from minirelay.chain.wallet import Wallet
from minirelay.client import KnownRelays, PrivateKey, RelayClient
from minirelay.config.loading import fixed_layer, load
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.dev.faucet import top_up
from minirelay.dev.registry import WritableShopReg
from minirelay.dev.sending import connect
from minirelay.protocol.signing import checksum_address
from minirelay.server import Server, serve
from minirelay.web.listener import Listener

OWNER = ACCOUNTS[2]
OWNER_KEY = PrivateKey.from_bytes(bytes.fromhex(OWNER.private_key[2:]))


def relay_signers_of(wallet: Wallet) -> KnownRelays:
    """Trust what this wallet signs."""
    return KnownRelays(wallet.address)


@dataclass
class Serving:
    """A relay that serves, and a shop that was minted for it."""

    server: Server
    wallet: Wallet
    shop_id: int

    @property
    def url(self) -> str:
        return self.server.url

    @asynccontextmanager
    async def client(
        self, key: PrivateKey | None = None, *, guest: bool = False
    ) -> AsyncIterator[RelayClient]:
        """Connect as a clerk or guest with a new key card, or with one that is enrolled already.

        key: of the card; of a guest, it is enrolled with it.
        """
        card = key or PrivateKey.from_bytes(secrets.token_bytes(32))
        relays = relay_signers_of(self.wallet)
        async with RelayClient.connect(
            self.url, shop_id=self.shop_id, key_card=card, relay_signers=relays
        ) as client:
            if key is None or guest:
                await client.enrol(OWNER_KEY, guest=guest)
            await client.authenticate()
            yield client


@asynccontextmanager
async def serving(
    directory: Path, chain: DevChain, contracts: Deployment, **settings: object
) -> AsyncIterator[Serving]:
    """Serve on any free port while the block runs; called again on the same directory, it goes on."""
    wallet = Wallet(b"\x31" * 32)
    listener = Listener.bind("127.0.0.1", 0)
    usual: dict[str, object] = {
        "base_url": listener.url,
        "data_dir": str(directory),
        "registry_chain": 31337,
        "admin_listen": "",
        "development": True,
        "limits__connection_rate": 0,
        "limits__enrolment_rate": 0,
        "limits__sessions_per_address": 0,
        "limits__connections_per_address": 0,
        "limits__silent_connections_per_address": 0,
        "chains__31337__rpc_urls": [chain.rpc_url],
        "chains__31337__shop_reg": contracts.shop_reg,
        "chains__31337__relay_reg": contracts.relay_reg,
        "chains__31337__payments": contracts.payments,
        "chains__31337__permit2": contracts.permit2,
    }
    loaded = load(fixed_layer("test", **{**usual, **settings}))
    shop_id = int.from_bytes(directory.name.encode()[-16:])
    async with open_http() as http:
        connected = await connect(http, chain.rpc_url)
        await top_up(connected, checksum_address(wallet.address), 10**18)
        registry = WritableShopReg(connected, bytes.fromhex(contracts.shop_reg[2:]))
        if await registry.owner_of(shop_id) is None:
            await registry.mint(shop_id, OWNER)
    async with serve(loaded, wallet, listener) as server:
        yield Serving(server, wallet, shop_id)
