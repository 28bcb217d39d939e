"""Every case of the enrolment vectors against a relay that serves, with a real registry behind it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from minirelay.chain.endpoint import open_http
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.wallet import Wallet
from minirelay.client import EnrolmentRefused, RelayClient
from minirelay.config.loading import fixed_layer, load
from minirelay.dev.accounts import ACCOUNTS, Account
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.dev.faucet import top_up
from minirelay.dev.registry import WritableShopReg
from minirelay.dev.sending import connect, send_call
from minirelay.protocol.signing import PrivateKey, checksum_address
from minirelay.server import serve
from minirelay.web.listener import Listener

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent.parent / "vectors" / "enroll.json").read_text())
OWNER = Account(VECTORS["wallet"]["address"], VECTORS["wallet"]["private_key"])
RELAY_SECRET = b"\x21" * 32
RELAY_TOKEN, SHOP = int(VECTORS["relay_id"]), int(VECTORS["shop_id"])


@asynccontextmanager
async def serving(directory: Path, chain: DevChain, contracts: Deployment) -> AsyncIterator[str]:
    """Serve with the vectors' relay token; the URL is not the one that the relay calls itself."""
    settings = load(
        fixed_layer(
            "test",
            base_url=VECTORS["base_url"],
            data_dir=str(directory),
            registry_chain=31337,
            relay_token_id=str(RELAY_TOKEN),
            chains__31337__rpc_urls=[chain.rpc_url],
            chains__31337__shop_reg=contracts.shop_reg,
            chains__31337__relay_reg=contracts.relay_reg,
        )
    )
    async with serve(settings, Wallet(RELAY_SECRET), Listener.bind("127.0.0.1", 0)) as server:
        yield server.url


@pytest.fixture
async def registry(dev_chain: DevChain, deployment: Deployment) -> DevChain:
    """Mint the vectors' shop and relay token."""
    wallet = Wallet(RELAY_SECRET)
    async with open_http() as http:
        chain = await connect(http, dev_chain.rpc_url)
        for address in (OWNER.address, checksum_address(wallet.address)):
            await top_up(chain, address, 10**18)
        await WritableShopReg(chain, bytes.fromhex(deployment.shop_reg[2:])).mint(SHOP, OWNER)
        relays = RelayReg(chain, bytes.fromhex(deployment.relay_reg[2:]))
        account = Account(checksum_address(wallet.address), "0x" + RELAY_SECRET.hex())
        await send_call(chain, account, relays.minting(RELAY_TOKEN, wallet.address, VECTORS["base_url"]))
    return dev_chain


async def enrol(url: str, case: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    headers = {} if case["referer"] is None else {"Referer": case["referer"]}
    body = json.dumps({"message": case["message"], "signature": case["signature"]}).encode()
    query = {"guest": "1"} if case["guest"] else {}
    async with (
        ClientSession() as http,
        http.post(f"{url}/v4/enroll_key_card", data=body, headers=headers, params=query) as response,
    ):
        if response.status == 201:
            assert response.reason == "Created"
        return response.status, await response.json()


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
async def test_enrolment_case(
    case: dict[str, Any], registry: DevChain, deployment: Deployment, tmp_path: Path
) -> None:
    async with serving(tmp_path, registry, deployment) as url:
        status, answer = await enrol(url, case)
        assert status == case["status"]
        if status == 201:
            assert answer == {"handler": "enrollKeyCard", "success": True}
            assert (await enrol(url, case))[0] == 409
        else:
            assert answer["handler"] == "enrollKeyCard"
            assert answer["error"]


async def test_a_wallet_without_permission_is_refused(
    registry: DevChain, deployment: Deployment, tmp_path: Path
) -> None:
    stranger = PrivateKey.from_bytes(bytes.fromhex(ACCOUNTS[3].private_key[2:]))
    card = PrivateKey.from_bytes(b"\x09" * 32)
    async with (
        serving(tmp_path, registry, deployment) as url,
        RelayClient.connect(url, shop_id=SHOP, key_card=card) as client,
    ):
        with pytest.raises(EnrolmentRefused) as clerk:
            await client.enrol(stranger, base_url=VECTORS["base_url"])
        with pytest.raises(EnrolmentRefused) as guest:
            await client.enrol(stranger, base_url=VECTORS["base_url"], guest=True)
    assert (clerk.value.status, guest.value.status) == (403, 409)
