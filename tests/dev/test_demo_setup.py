"""The demo shop comes into being step by step, and a kill between two steps only delays it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from minirelay.chain.endpoint import open_http
from minirelay.client import PrivateKey, RelayClient
from minirelay.client.patches import add_order, set_price
from minirelay.dev.chain.process import DevChain
from minirelay.dev.demo_setup import REMEMBERED_NAME, DemoShop, plan_demo_shop, set_up_demo_shop
from minirelay.dev.deployment import Deployment
from minirelay.dev.registry import WritableShopReg
from minirelay.dev.sending import connect
from minirelay.protocol.patch_set import NewPatch
from tests.system.serving import Serving, serving

LENGTH = 6
"""Key card, content, stock; the customer's card, orders, and what the relay adds to them."""


@pytest.fixture
async def relay(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> AsyncIterator[Serving]:
    async with serving(tmp_path / "relay", dev_chain, deployment) as running:
        yield running


@pytest.fixture
async def registry(dev_chain: DevChain, deployment: Deployment) -> AsyncIterator[WritableShopReg]:
    async with open_http() as http:
        yield WritableShopReg(await connect(http, dev_chain.rpc_url), bytes.fromhex(deployment.shop_reg[2:]))


def test_the_plan_is_kept_and_kept_secret(tmp_path: Path) -> None:
    plan = plan_demo_shop(tmp_path)
    assert plan_demo_shop(tmp_path) == plan
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    other = tmp_path / "other"
    other.mkdir()
    assert plan_demo_shop(other) == plan


def test_a_kept_directory_keeps_its_shop(tmp_path: Path) -> None:
    kept = '{"shop_id": "5", "key_card": "' + "01" * 32 + '"}'
    (tmp_path / REMEMBERED_NAME).write_text(kept)
    plan = plan_demo_shop(tmp_path)
    assert (plan.shop_id, plan.key_card) == (5, "01" * 32)


async def set_up(plan: DemoShop, registry: WritableShopReg, relay: Serving) -> int:
    await set_up_demo_shop(plan, registry, relay.server, relay.url, None)
    return await relay.server.relay.log_length(plan.shop_id)


async def test_it_is_minted_enrolled_and_written_once(
    tmp_path: Path, registry: WritableShopReg, relay: Serving
) -> None:
    plan = plan_demo_shop(tmp_path)
    assert await set_up(plan, registry, relay) == LENGTH
    assert await registry.relay_tokens(plan.shop_id) == (relay.server.relay_token,)
    assert await set_up(plan, registry, relay) == LENGTH
    assert await registry.relay_tokens(plan.shop_id) == (relay.server.relay_token,)


async def test_it_goes_on_behind_any_step(tmp_path: Path, registry: WritableShopReg, relay: Serving) -> None:
    plan = plan_demo_shop(tmp_path)
    await registry.mint(plan.shop_id, plan.owner)
    assert await set_up(plan, registry, relay) == LENGTH


async def before_the_orders(
    plan: DemoShop, registry: WritableShopReg, relay: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set all up with another order in place of those of the shop."""
    with monkeypatch.context() as patched:
        patched.setattr("minirelay.dev.demo_setup.demo_orders", lambda *_: add_order(5))
        await set_up(plan, registry, relay)


async def write_as_clerk(plan: DemoShop, relay: Serving, *patches: NewPatch) -> None:
    key_card = PrivateKey.from_bytes(bytes.fromhex(plan.key_card))
    async with RelayClient.connect(relay.url, shop_id=plan.shop_id, key_card=key_card) as client:
        await client.authenticate()
        await client.write(patches)


async def test_orders_are_found_by_their_ids_however_long_the_log_is(
    tmp_path: Path, registry: WritableShopReg, relay: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_demo_shop(tmp_path)
    await before_the_orders(plan, registry, relay, monkeypatch)
    for price in (1, 2, 3):
        await write_as_clerk(plan, relay, *set_price(1, price))
    assert await set_up(plan, registry, relay) == LENGTH + 4
    assert await set_up(plan, registry, relay) == LENGTH + 4


async def test_a_shop_that_is_sold_out_gets_no_orders_and_starts(
    tmp_path: Path,
    registry: WritableShopReg,
    relay: Serving,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plan = plan_demo_shop(tmp_path)
    await before_the_orders(plan, registry, relay, monkeypatch)
    await write_as_clerk(plan, relay, NewPatch("replace", ("Inventory", 9), 0))
    length = await relay.server.relay.log_length(plan.shop_id)
    assert await set_up(plan, registry, relay) == length
    assert "the demo shop gets no orders" in caplog.text
