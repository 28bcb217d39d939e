"""`minirelay serve`: refuses without configuration, serves, stops in order."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.ids import show_token
from tests.chain_fixtures import Contracts
from tests.cli.commands import WALLET, assert_one_line, minirelay, relay_settings, serving, variables

TOKEN = 12345


@pytest.fixture
def settings(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, contracts: Contracts, w3: Web3
) -> dict[str, str]:
    """Return the settings of a relay whose wallet has a token."""
    mint = contracts.relay_reg.functions.mint(TOKEN, WALLET.address, "http://localhost:4444")
    mint.transact({"from": w3.to_checksum_address(WALLET.address)})
    return relay_settings(tmp_path, dev_chain, deployment) | {"RELAY_TOKEN_ID": str(TOKEN)}


def test_without_configuration_it_names_the_three_settings() -> None:
    outcome = minirelay("serve")
    assert_one_line(outcome, 2, "base_url, wallet_key_file, chains.1.rpc_urls", "MINIRELAY_BASE_URL")


def test_it_serves_and_stops_in_order(settings: dict[str, str]) -> None:
    with serving(settings) as relay:
        line = json.loads(relay.wait_for("serving"))
        assert line["token"] == show_token(TOKEN)
        with urllib.request.urlopen(f"{line['url']}/health") as response:
            assert response.read() == b"health OK"
        assert relay.end() == 0
    events = [json.loads(line)["event"] for line in relay.lines]
    assert events[-2:] == ["stopping", "stopped"]


def imported(log: str) -> set[str]:
    """Return the modules in what `python -X importtime` says."""
    lines = (line for line in log.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


def test_web3_is_imported_only_to_send_something(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes 12 MiB, which a relay at rest should not have."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    with serving(settings) as relay:
        relay.wait_for("serving")
        assert relay.end() == 0
    modules = imported("".join(relay.lines))
    assert "minirelay.chain.sending" in modules
    assert not {"web3", "eth_account"} & modules
    checked = minirelay("register", **settings)
    assert (checked.code, "web3" in imported(checked.err)) == (0, False)
    del settings["RELAY_TOKEN_ID"]
    minted = minirelay("register", "--yes", **settings)
    assert (minted.code, "web3" in imported(minted.err)) == (0, True)


COUNT_COLLECTIONS = """
import gc, sys
from minirelay.cli.main import run

during_import = []

def note(phase, _):
    server = sys.modules.get("minirelay.server")
    if phase == "start":
        during_import.append(server is not None and server.__spec__._initializing)

gc.callbacks.append(note)
code = run(["serve"])
print(code, "minirelay.server" in sys.modules, sum(during_import), gc.isenabled())
"""


def test_garbage_is_not_collected_while_the_server_is_imported() -> None:
    settings = {"BASE_URL": "https://relay.example", "WALLET_KEY_FILE": "/nowhere"}
    chain = {"CHAINS_1_RPC_URLS": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", COUNT_COLLECTIONS],
        env=variables(settings | chain),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["2", "True", "0", "True"], done


def test_it_can_be_interrupted_and_logs_nothing_secret(settings: dict[str, str]) -> None:
    with serving(settings, "--log-level", "debug") as relay:
        relay.wait_for("serving")
        assert relay.end(signal.SIGINT) == 0
    assert WALLET.private_key[2:] not in "".join(relay.lines)


def test_a_token_that_the_wallet_does_not_own(settings: dict[str, str], tmp_path: Path) -> None:
    outcome = minirelay("serve", "--relay-token-id", "0x63", **settings | {"LOG_LEVEL": "error"})
    assert_one_line(outcome, 2, "relay_token_id", f"does not own the relay token {show_token(0x63)}")


@pytest.mark.parametrize("is_configured", [True, False])
def test_a_wallet_key_that_was_replaced(settings: dict[str, str], is_configured: bool) -> None:
    if not is_configured:
        del settings["RELAY_TOKEN_ID"]
        assert minirelay("register", "--yes", **settings).code == 0
    with serving(settings) as relay:
        relay.wait_for("serving")
        assert relay.end() == 0
    Path(settings["WALLET_KEY_FILE"]).write_text("07" * 32)
    for command in ("serve", "register"):
        outcome = minirelay(command, **settings | {"LOG_LEVEL": "error"})
        words = (f"{WALLET.address} does", "put the key of that wallet back")
        assert_one_line(outcome, 2, *words)


@pytest.mark.parametrize("command", [["serve"], ["register", "--yes"]])
@pytest.mark.parametrize("is_configured", [True, False])
def test_contracts_that_are_swapped(
    settings: dict[str, str], deployment: Deployment, command: list[str], is_configured: bool
) -> None:
    if not is_configured:
        del settings["RELAY_TOKEN_ID"]
        if command == ["serve"]:
            assert minirelay("register", "--yes", **settings).code == 0
    relay_reg, shop_reg = deployment.relay_reg, deployment.shop_reg
    for wrong, name, address in (
        ({"CHAINS_31337_RELAY_REG": shop_reg}, "relay_reg", shop_reg),
        ({"CHAINS_31337_SHOP_REG": relay_reg}, "shop_reg", relay_reg),
    ):
        outcome = minirelay(*command, **settings | wrong | {"LOG_LEVEL": "error"})
        assert_one_line(outcome, 2, f"chains.31337.{name}: the contract at {address} on chain 31337 is no ")


def test_a_registry_address_that_was_forgotten(settings: dict[str, str]) -> None:
    del settings["CHAINS_31337_RELAY_REG"], settings["RELAY_TOKEN_ID"]
    outcome = minirelay("register", "--yes", **settings)
    assert_one_line(outcome, 2, "there is no RelayReg at 0x4E0D", "set chains.31337.relay_reg")


def test_a_token_with_another_uri_is_warned_of(settings: dict[str, str]) -> None:
    with serving(settings | {"BASE_URL": "https://elsewhere.example"}) as relay:
        line = json.loads(
            relay.wait_for("the relay's token has another URI than base_url: run `minirelay register`")
        )
        assert relay.end() == 0
    assert (line["uri"], line["base_url"]) == ("http://localhost:4444", "https://elsewhere.example")


def test_without_a_token_it_says_how_to_get_one(settings: dict[str, str]) -> None:
    del settings["RELAY_TOKEN_ID"]
    outcome = minirelay("serve", **settings | {"LOG_LEVEL": "error"})
    assert_one_line(outcome, 2, "no token yet", "minirelay register")


def test_it_starts_without_an_endpoint_and_says_so(settings: dict[str, str]) -> None:
    with serving(settings | {"CHAINS_31337_RPC_URLS": "http://127.0.0.1:1/KEY"}) as relay:
        line = relay.wait_for("serving")
        assert relay.end() == 0
    assert json.loads(line)["token"] == show_token(TOKEN)
    assert any("could not be checked" in line for line in relay.lines)
    assert not any("KEY" in line for line in relay.lines)


def test_an_address_that_is_taken(settings: dict[str, str], dev_chain: DevChain) -> None:
    outcome = minirelay("serve", "--listen-port", str(dev_chain.port), **settings)
    assert_one_line(outcome, 2, f"can't listen on 127.0.0.1 port {dev_chain.port}")


def test_a_key_file_that_others_can_read(settings: dict[str, str]) -> None:
    Path(settings["WALLET_KEY_FILE"]).chmod(0o644)
    assert_one_line(minirelay("serve", **settings), 2, "chmod 600")


def test_a_data_directory_that_cannot_be_had(settings: dict[str, str]) -> None:
    outcome = minirelay("serve", **settings | {"DATA_DIR": "/dev/null/x"})
    assert_one_line(outcome, 1, "/dev/null/x", "choose another data directory")


def test_a_data_directory_that_another_relay_serves(settings: dict[str, str]) -> None:
    with serving(settings) as relay:
        relay.wait_for("serving")
        assert_one_line(minirelay("serve", **settings), 1, "another")
        assert relay.end() == 0
