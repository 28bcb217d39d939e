import json
import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from web3 import Web3

from minirelay.chain.endpoint import open_http
from minirelay.dev.accounts import ACCOUNTS, FAUCET
from minirelay.dev.chain.ledger import Ledger
from minirelay.dev.chain.node import Node
from minirelay.dev.chain.process import DevChain
from minirelay.dev.chain.server import create_app
from minirelay.dev.create2 import FACTORY_ADDRESS
from minirelay.dev.deployment import (
    REMEMBERED_NAME,
    Deployment,
    deploy_contracts,
    export_contracts,
)
from minirelay.dev.sending import connect
from minirelay.errors import ChainError
from minirelay.protocol.abi import load_abi
from minirelay.protocol.json_rpc import read_data, write_data
from tests.chain_fixtures import Contracts

ELSEWHERE = Deployment(*("0x" + f"{digit}" * 40 for digit in range(1, 6)))


async def deploy(chain: DevChain, remember_in: Path | None = None) -> Deployment:
    async with open_http() as http:
        return await deploy_contracts(await connect(http, chain.rpc_url), remember_in)


def test_contracts_know_each_other(contracts: Contracts) -> None:
    assert contracts.shop_reg.functions.relayReg().call() == contracts.relay_reg.address
    assert contracts.payments.functions.permit2().call() == contracts.permit2.address


def test_addresses_are_checksummed(deployment: Deployment) -> None:
    addresses = list(asdict(deployment).values())
    assert all(Web3.is_checksum_address(address) for address in addresses)
    assert len(set(addresses)) == 5


async def test_nothing_is_deployed_twice(w3: Web3, dev_chain: DevChain, deployment: Deployment) -> None:
    before = w3.eth.block_number
    assert await deploy(dev_chain) == deployment
    assert w3.eth.block_number == before


def test_the_ten_accounts_are_untouched(w3: Web3, deployment: Deployment) -> None:
    assert w3.eth.get_transaction_count(w3.to_checksum_address(FAUCET.address)) == 5
    for account in ACCOUNTS:
        assert w3.eth.get_transaction_count(w3.to_checksum_address(account.address)) == 0


async def test_addresses_are_remembered(dev_chain: DevChain, deployment: Deployment, tmp_path: Path) -> None:
    assert await deploy(dev_chain, tmp_path) == deployment
    assert json.loads((tmp_path / REMEMBERED_NAME).read_text()) == asdict(deployment)
    assert os.listdir(tmp_path) == [REMEMBERED_NAME]


async def test_remembered_contracts_are_used_though_others_would_be_deployed_now(
    dev_chain: DevChain, deployment: Deployment, tmp_path: Path
) -> None:
    # Any code will do: what counts is that there is some.
    older = Deployment(*([deployment.eddies] * 5))
    (tmp_path / REMEMBERED_NAME).write_text(json.dumps(asdict(older)))
    assert await deploy(dev_chain, tmp_path) == older


async def test_remembered_contracts_of_another_chain_are_not_used(
    dev_chain: DevChain, deployment: Deployment, tmp_path: Path
) -> None:
    (tmp_path / REMEMBERED_NAME).write_text(json.dumps(asdict(ELSEWHERE)))
    assert await deploy(dev_chain, tmp_path) == deployment
    assert json.loads((tmp_path / REMEMBERED_NAME).read_text()) == asdict(deployment)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"shop_reg": 5}'])
async def test_damaged_memory_is_said(dev_chain: DevChain, tmp_path: Path, content: str) -> None:
    (tmp_path / REMEMBERED_NAME).write_text(content)
    with pytest.raises(ChainError, match=r"contracts\.json is damaged"):
        await deploy(dev_chain, tmp_path)


async def test_chain_without_the_factory_gets_it(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on Hardhat: the one transaction that makes it is paid for, and the addresses are the same.
    monkeypatch.setattr("minirelay.dev.chain.blockchain.FACTORY_ADDRESS", b"\x01" * 20)
    with closing(Ledger(None)) as ledger:
        node = Node(ledger)
        async with TestServer(create_app(node, None)) as server, open_http() as http:
            chain = await connect(http, str(server.make_url("/")))
            factory = [write_data(FACTORY_ADDRESS), "latest"]
            assert await chain.request("eth_getCode", factory, read_data) == b""
            assert await deploy_contracts(chain) == deployment
            assert await chain.request("eth_getCode", factory, read_data) != b""


def test_export_is_what_other_tools_read(deployment: Deployment, tmp_path: Path) -> None:
    export_contracts(tmp_path / "new" / "directory", deployment)
    exported = tmp_path / "new" / "directory"
    assert json.loads((exported / "deploymentAddresses.json").read_text()) == {
        "ShopReg": deployment.shop_reg,
        "RelayReg": deployment.relay_reg,
        "Payments": deployment.payments,
        "Eddies": deployment.eddies,
    }
    names = {path.name for path in (exported / "abi").iterdir()}
    assert names == {"ShopReg.json", "RelayReg.json", "PaymentsByAddress.json", "Eddies.json"}
    for name in ("ShopReg", "RelayReg", "PaymentsByAddress", "Eddies"):
        assert json.loads((exported / "abi" / f"{name}.json").read_text()) == load_abi(name).entries
    export_contracts(exported, deployment)
