"""`minirelay register`: mints the relay's token once, and checks it from then on."""

import json
import os
import pty
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.accounts import ACCOUNTS, Account
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.signing import PrivateKey, checksum_address
from minirelay.store.high_water import HIGH_WATER_FILE, HighWater, write_high_water
from tests.chain_fixtures import Contracts
from tests.cli.commands import (
    TIMEOUT_S,
    WALLET,
    assert_one_line,
    command,
    minirelay,
    relay_settings,
    serving,
    variables,
)


@pytest.fixture
def settings(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> dict[str, str]:
    return relay_settings(tmp_path, dev_chain, deployment)


def test_it_mints_once_and_serve_uses_the_token(
    settings: dict[str, str], contracts: Contracts, w3: Web3
) -> None:
    first = minirelay("register", "--yes", "--json", **settings)
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
    assert content["result"] == "minted"
    # The second time it only checks, for which nobody has to agree.
    assert json.loads(minirelay("register", "--json", **settings).out) == content | {"result": "checked"}
    assert w3.eth.block_number == blocks

    with serving(settings) as relay:
        assert int(json.loads(relay.wait_for("serving"))["token"], 16) == token
        assert relay.end() == 0


def test_for_people_it_is_lines(settings: dict[str, str]) -> None:
    outcome = minirelay("register", "--yes", **settings)
    assert outcome.code == 0
    assert outcome.out.startswith("relay token  0x")
    assert "result       minted" in outcome.out
    assert checksum_address(bytes.fromhex(settings["CHAINS_31337_SHOP_REG"][2:])) in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert outcome.err == ""
    outcome = minirelay("register", **settings)
    assert (outcome.code, outcome.err) == (0, "")
    assert "result       only checked: the wallet owns it, nothing was sent" in outcome.out


def test_what_comes_next_names_the_settings_file_and_the_key_files(
    settings: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "my relay.toml"
    file.write_text('log_level = "error"\n')
    out = minirelay("register", "--yes", "--config", str(file), **settings).out
    assert f"\n  minirelay serve --config '{file}'\n" in out
    assert f"\n  minirelay shop create --config '{file}' \\\n    --wallet-key-file OWNER.key" in out
    assert "--config" not in minirelay("register", **settings).out


def test_without_a_terminal_nothing_is_sent_unless_it_is_agreed_to(
    settings: dict[str, str], w3: Web3
) -> None:
    blocks = w3.eth.block_number
    outcome = minirelay("register", stdin="y\n", **settings)
    words = ("mint the relay's token on chain 31337", settings["BASE_URL"], "at most 0.0", "ETH", "--yes")
    assert_one_line(outcome, 2, *words)
    assert outcome.out == ""
    assert w3.eth.block_number == blocks


def on_a_terminal(answer: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command on a terminal of 80 columns and answer its question; gives code and what it showed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(*arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=variables(environment) | {"COLUMNS": "80", "TERM": "xterm"},
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError), open(ours, "r+b", buffering=0) as terminal:
            while piece := terminal.read(1024):
                shown += piece
                if b"[y/N]" in shown and answer:
                    terminal.write(answer.encode())
                    answer = ""
        return process.wait(TIMEOUT_S), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_on_a_terminal_it_shows_what_it_will_send_and_asks(
    settings: dict[str, str], contracts: Contracts, w3: Web3
) -> None:
    blocks = w3.eth.block_number
    code, shown = on_a_terminal("n\n", "register", **settings)
    assert code == 1
    assert "nothing was sent" in shown
    assert w3.eth.block_number == blocks
    plan = shown[shown.index("This will mint the relay's token:") : shown.index("Send it?")]
    for words in ("31337", contracts.relay_reg.address.lower(), settings["BASE_URL"], "at most 0.0", "ETH"):
        assert words in plan
    assert all(len(line) <= 80 for line in plan.splitlines())

    code, shown = on_a_terminal("y\n", "register", **settings)
    assert code == 0
    assert "result       minted" in shown
    token = int(re.search(r"relay token  (0x[0-9a-f]{64})", shown)[1], 16)  # type: ignore[index]
    assert f"\n  {token}\r\n" in shown, "in decimal too, on a line of its own"
    assert contracts.relay_reg.functions.ownerOf(token).call() == WALLET.address


def test_a_base_url_that_changed_updates_the_tokens_uri(
    settings: dict[str, str], contracts: Contracts
) -> None:
    token = int(json.loads(minirelay("register", "--yes", "--json", **settings).out)["relay_token_id"], 16)
    moved = settings | {"BASE_URL": "https://new.example"}
    words = ("update the URI of the relay's token", "https://new.example", "--yes")
    assert_one_line(minirelay("register", **moved), 2, *words)
    assert contracts.relay_reg.functions.relayURIs(token).call() == settings["BASE_URL"]

    code, shown = on_a_terminal("n\n", "register", **moved)
    assert code == 0
    assert settings["BASE_URL"] in shown
    assert contracts.relay_reg.functions.relayURIs(token).call() == settings["BASE_URL"]

    assert json.loads(minirelay("register", "--yes", "--json", **moved).out)["result"] == "updated"
    assert contracts.relay_reg.functions.relayURIs(token).call() == "https://new.example"


def test_a_relay_that_runs_sends_itself(settings: dict[str, str], contracts: Contracts, w3: Web3) -> None:
    first = json.loads(minirelay("register", "--yes", "--json", **settings).out)
    uri = contracts.relay_reg.functions.relayURIs(int(first["relay_token_id"], 16))
    moved = settings | {"BASE_URL": "https://new.example"}
    with serving(settings) as relay:
        relay.wait_for("serving")
        blocks = w3.eth.block_number
        assert json.loads(minirelay("register", "--json", **settings).out) == first | {"result": "checked"}
        outcome = minirelay("register", **moved)
        assert outcome.code == 2
        assert "update the URI of the relay's token on chain 31337 (URI https://new.example)" in outcome.err
        assert (w3.eth.block_number, uri.call()) == (blocks, settings["BASE_URL"])

        outcome = minirelay("register", "--yes", "--json", **moved)
        assert json.loads(outcome.out) == first | {"result": "updated"}
        assert f"the relay that runs has base_url {settings['BASE_URL']} still: restart it" in outcome.err
        assert uri.call() == "https://new.example"
        other_chain = settings | {"REGISTRY_CHAIN": "1", "CHAINS_1_RPC_URLS": "https://rpc.example"}
        words = ("has registry_chain 31337, the settings here say 1", "restart it")
        assert_one_line(minirelay("register", **other_chain), 1, *words)
        assert relay.end() == 0


def test_another_token_is_minted_where_one_was_given_away_or_is_asked_for(
    settings: dict[str, str], contracts: Contracts, w3: Web3
) -> None:
    def register(*flags: str) -> int:
        outcome = minirelay("register", "--yes", "--json", *flags, **settings)
        assert outcome.code == 0, outcome
        return int(json.loads(outcome.out)["relay_token_id"], 16)

    first = register()
    give = contracts.relay_reg.functions.transferFrom(WALLET.address, ACCOUNTS[5].address, first)
    give.transact({"from": w3.to_checksum_address(WALLET.address)})
    outcome = minirelay("serve", **settings | {"LOG_LEVEL": "error"})
    assert_one_line(outcome, 2, f"it was given to {ACCOUNTS[5].address}", "minirelay register")
    second = register()
    assert second != first

    # The key is replaced: only on demand.
    Path(settings["WALLET_KEY_FILE"]).write_text(ACCOUNTS[6].private_key)
    assert_one_line(minirelay("register", "--yes", **settings), 2, "put the key of that wallet back")
    third = register("--new-token")
    assert third not in (first, second)
    assert contracts.relay_reg.functions.ownerOf(third).call() == ACCOUNTS[6].address


def test_a_wallet_without_funds(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> None:
    key = PrivateKey.from_bytes(b"\7" * 32)
    poor = Account(checksum_address(key.address), "07" * 32)
    outcome = minirelay("register", "--yes", **relay_settings(tmp_path, dev_chain, deployment, poor))
    assert_one_line(outcome, 1, "has 0 coins on chain 31337", f"send some to {poor.address}")


def test_a_chain_that_cannot_be_reached(settings: dict[str, str]) -> None:
    outcome = minirelay("register", "--yes", **settings | {"CHAINS_31337_RPC_URLS": "http://127.0.0.1:1/KEY"})
    assert_one_line(outcome, 1, "no endpoint of chain 31337 can be used")
    assert "KEY" not in outcome.err


@pytest.mark.parametrize("is_registered", [False, True])
@pytest.mark.parametrize("name", ["ShopReg", "RelayReg"])
def test_an_address_without_a_contract_is_to_blame_and_not_the_endpoint(
    settings: dict[str, str], name: str, is_registered: bool, w3: Web3
) -> None:
    if is_registered:
        assert minirelay("register", "--yes", **settings).code == 0
    blocks = w3.eth.block_number
    setting = {"ShopReg": "SHOP_REG", "RelayReg": "RELAY_REG"}[name]
    outcome = minirelay("register", "--yes", **settings | {f"CHAINS_31337_{setting}": "0x" + "12" * 20})
    words = f"there is no {name} at 0x{'12' * 20} on chain 31337; set chains.31337.{setting.lower()}"
    assert_one_line(outcome, 2, words)
    assert w3.eth.block_number == blocks


def test_a_token_that_cannot_be_checked_is_a_failure_with_its_reason(settings: dict[str, str]) -> None:
    assert minirelay("register", "--yes", **settings).code == 0
    change = {"CHAINS_31337_RPC_URLS": "http://127.0.0.1:1/KEY"}
    outcome = minirelay("register", "--yes", **settings | change)
    words = ("the relay's token 0x", "was not checked", "Connection refused", "nothing was sent")
    assert_one_line(outcome, 1, *words)
    assert outcome.out == ""
    assert "KEY" not in outcome.err


def test_without_configuration() -> None:
    assert_one_line(minirelay("register"), 2, "base_url, wallet_key_file, chains.1.rpc_urls")


def test_missing_data_is_refused_and_serving_can_accept_that(settings: dict[str, str]) -> None:
    data = Path(settings["DATA_DIR"])
    data.mkdir()
    write_high_water(data / HIGH_WATER_FILE, HighWater({4711: 42}))
    for name in ("register", "serve"):
        outcome = minirelay(name, **settings)
        assert_one_line(outcome, 1, "shop 4711 has no sets and went on to 42", "-wal", "--accept-loss")
        assert {file.name for file in data.iterdir()} == {HIGH_WATER_FILE, "minirelay.lock"}
    assert minirelay("register", "--accept-loss", **settings).code == 2
    # It goes on to what is missing next: a token.
    outcome = minirelay("serve", "--accept-loss", **settings | {"LOG_LEVEL": "error"})
    assert_one_line(outcome, 2, "no token yet")
    assert minirelay("register", "--yes", **settings).code == 0
