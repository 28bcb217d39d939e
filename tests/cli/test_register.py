"""`minirelay register`: mints the relay's token once, and checks it from then on."""

import json
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.accounts import Account
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.signing import PrivateKey, checksum_address
from tests.chain_fixtures import Contracts
from tests.cli.commands import WALLET, assert_one_line, minirelay, relay_settings, serving


@pytest.fixture
def settings(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> dict[str, str]:
    return relay_settings(tmp_path, dev_chain, deployment)


def test_it_mints_once_and_serve_uses_the_token(
    settings: dict[str, str], contracts: Contracts, w3: Web3
) -> None:
    first = minirelay("register", "--json", **settings)
    assert first.code == 0, first
    content = json.loads(first.out)
    token = int(content["relay_token_id"], 16)
    assert content["relay_token_id_decimal"] == str(token)
    assert content["is_checked"] is True
    assert f"addRelay(<shop id>, {token})" in content["next"]
    assert contracts.shop_reg.address in content["next"]
    assert contracts.relay_reg.functions.ownerOf(token).call() == WALLET.address
    assert contracts.relay_reg.functions.relayURIs(token).call() == settings["BASE_URL"]

    blocks = w3.eth.block_number
    assert json.loads(minirelay("register", "--json", **settings).out) == content
    assert w3.eth.block_number == blocks

    with serving(settings) as relay:
        assert json.loads(relay.wait_for("serving"))["token"] == hex(token)
        assert relay.end() == 0


def test_for_people_it_is_lines(settings: dict[str, str]) -> None:
    outcome = minirelay("register", **settings)
    assert outcome.code == 0
    assert outcome.out.startswith('relay_token_id: "0x')
    assert outcome.err == ""


def test_a_wallet_without_funds(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> None:
    key = PrivateKey.from_bytes(b"\7" * 32)
    poor = Account(checksum_address(key.address), "07" * 32)
    outcome = minirelay("register", **relay_settings(tmp_path, dev_chain, deployment, poor))
    assert_one_line(outcome, 1, "has 0.000000 coins on chain 31337", f"send some to {poor.address}")


def test_a_chain_that_cannot_be_reached(settings: dict[str, str]) -> None:
    outcome = minirelay("register", **settings | {"CHAINS_31337_RPC_URLS": "http://127.0.0.1:1/KEY"})
    assert_one_line(outcome, 1, "no endpoint of chain 31337 can be used")
    assert "KEY" not in outcome.err


def test_without_configuration() -> None:
    assert_one_line(minirelay("register"), 2, "base_url, wallet_key_file, chains.1.rpc_urls")
