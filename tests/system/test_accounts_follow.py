"""A whole relay follows who may act for its shops, while it runs and over a restart."""

import asyncio
from pathlib import Path

from aiohttp import ClientSession
from web3 import Web3

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.relay.messages import Enrolment
from tests.chain_fixtures import Contracts, rpc
from tests.dev.contracts.contract_calls import CLERK as OWNER
from tests.dev.contracts.contract_calls import PAYEE, PAYER, STRANGER, send
from tests.mirror.registry_shop import UPDATE, raw
from tests.raw_client import Talker
from tests.relay.house import TIMEOUT_S, new_key
from tests.system.serving import Serving, serving


async def test_clerks_come_and_go_as_the_chain_says(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, contracts: Contracts
) -> None:
    registry = contracts.shop_reg.functions
    async with serving(tmp_path, dev_chain, deployment) as running, ClientSession() as http:
        async with running.client():
            shop_id = running.shop_id
        send(registry.registerUser(shop_id, STRANGER, UPDATE), OWNER)
        await until_account(running, STRANGER, is_there=True)
        clerk = await session(running, STRANGER, http)
        send(registry.removeUser(shop_id, STRANGER), OWNER)
        assert await clerk.end() == 1008
        await clerk.close()
        send(registry.registerUser(shop_id, PAYER, UPDATE), OWNER)
        await until_account(running, PAYER, is_there=True)
    # While it is down.
    send(registry.removeUser(shop_id, PAYER), OWNER)
    send(registry.registerUser(shop_id, PAYEE, UPDATE), OWNER)
    async with serving(tmp_path, dev_chain, deployment) as running:
        await until_account(running, PAYER, is_there=False)
        await until_account(running, PAYEE, is_there=True)


async def until_account(running: Serving, user: str, *, is_there: bool) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while await has_account(running, user) is not is_there:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def has_account(running: Serving, user: str) -> bool:
    return await running.server.relay.account(running.shop_id, raw(user)) is not None


async def session(running: Serving, user: str, http: ClientSession) -> Talker:
    key = new_key()
    await running.server.relay.admit(Enrolment(running.shop_id, raw(user), key.public_key, False))
    talker = await Talker.connect(http, f"{running.url}/v4/sessions", key=key, shop_id=running.shop_id)
    await talker.authenticate()
    return talker


async def test_what_a_reorganisation_takes_back_was_never_written(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, contracts: Contracts, w3: Web3
) -> None:
    registry = contracts.shop_reg.functions
    async with (
        serving(tmp_path, dev_chain, deployment, chains__31337__confirmations=3) as running,
        ClientSession() as http,
    ):
        async with running.client():
            shop_id = running.shop_id
        snapshot = rpc(w3, "evm_snapshot")
        send(registry.registerUser(shop_id, STRANGER, UPDATE), OWNER)
        clerk = await session(running, STRANGER, http)
        rpc(w3, "evm_mine")
        await until_scanned(running, w3, http)
        assert rpc(w3, "evm_revert", snapshot) is True
        # On the other fork there is another user.
        send(registry.registerUser(shop_id, PAYER, UPDATE), OWNER)
        for _ in range(3):
            rpc(w3, "evm_mine")
        await until_account(running, PAYER, is_there=True)
        # Who enrolled with what vanished is found out.
        assert await clerk.end() == 1008
        await clerk.close()
        assert not await has_account(running, STRANGER)


async def until_scanned(running: Serving, w3: Web3, http: ClientSession) -> None:
    """Wait until all logs up to the head were read."""
    number = w3.eth.block_number
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            async with http.get(f"{running.url}/ready") as answer:
                chain = (await answer.json())["chains"]["31337"]
            if chain["head"] == chain["scanned"] == number:
                return
            await asyncio.sleep(0.05)
