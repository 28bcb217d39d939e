"""`minirelay shop create`: a shop in the registry, with this relay in it, and a first key card."""

import json
import subprocess
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.client import PrivateKey
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.signing import checksum_address
from tests.chain_fixtures import Contracts, rpc
from tests.cli.commands import (
    Outcome,
    assert_one_line,
    command,
    minirelay,
    relay_settings,
    variables,
)
from tests.cli.test_register import on_a_terminal

OWNER = ACCOUNTS[2]


@pytest.fixture
def settings(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> dict[str, str]:
    """Give the settings of a relay that is registered, and a file with an owner's key."""
    found = relay_settings(tmp_path, dev_chain, deployment)
    assert minirelay("register", "--yes", **found).code == 0
    write_key(tmp_path / "owner.key", OWNER.private_key)
    return found


def write_key(path: Path, key: str) -> Path:
    path.touch(0o600)
    path.write_text(key)
    return path


def create(settings: dict[str, str], *flags: str, key: str = "owner.key") -> Outcome:
    file = Path(settings["WALLET_KEY_FILE"]).parent / key
    return minirelay("shop", "create", "--wallet-key-file", str(file), *flags, **settings)


def relay_token(settings: dict[str, str]) -> int:
    return int(json.loads(minirelay("register", "--json", **settings).out)["relay_token_id"], 16)


def test_it_mints_a_shop_that_lists_the_relay_and_does_nothing_the_second_time(
    settings: dict[str, str], contracts: Contracts, w3: Web3
) -> None:
    outcome = create(settings, "--yes", "--json", "--token-uri", "ipfs://name")
    assert outcome.code == 0, outcome
    content = json.loads(outcome.out)
    shop_id = int(content["shop_id"])
    assert contracts.shop_reg.functions.ownerOf(shop_id).call() == OWNER.address == content["owner"]
    assert contracts.shop_reg.functions.tokenURI(shop_id).call() == "ipfs://name"
    assert contracts.shop_reg.functions.getAllRelays(shop_id).call() == [relay_token(settings)]
    assert content["relay_token_id"] == f"0x{relay_token(settings):064x}"
    assert content["relay_url"] == settings["BASE_URL"]
    assert content["contracts"]["ShopReg"] == contracts.shop_reg.address
    assert content["sent"] == ["mint the shop", "set its token's URI", "list this relay in it"]

    blocks = w3.eth.block_number
    # For which nobody has to agree.
    again = json.loads(create(settings, "--json").out)
    assert again == content | {"sent": []}
    assert w3.eth.block_number == blocks

    other = json.loads(create(settings, "--yes", "--json", "--another").out)
    assert other["shop_id"] != content["shop_id"]
    changed = create(settings, "--yes", "--json", "--shop", content["shop_id"], "--token-uri", "ipfs://new")
    assert json.loads(changed.out)["sent"] == ["set its token's URI"]


def test_without_a_terminal_nothing_is_sent_unless_it_is_agreed_to(
    settings: dict[str, str], w3: Web3
) -> None:
    blocks = w3.eth.block_number
    assert_one_line(
        create(settings), 2, "this would mint the shop, list this relay", "at most 0.0", "ETH", "--yes"
    )
    assert w3.eth.block_number == blocks


def test_on_a_terminal_it_shows_each_step_with_its_cost(settings: dict[str, str], w3: Web3) -> None:
    blocks = w3.eth.block_number
    file = str(Path(settings["WALLET_KEY_FILE"]).parent / "owner.key")
    code, shown = on_a_terminal("n\n", "shop", "create", "--wallet-key-file", file, **settings)
    assert code == 1
    assert "nothing was sent" in shown
    assert w3.eth.block_number == blocks
    plan = shown[shown.index("For shop") : shown.index("Send it?")]
    for words in ("mint the shop", "list this relay in it", "together", "at most 0.0", "the wallet has"):
        assert words in plan
    code, shown = on_a_terminal("y\n", "shop", "create", "--wallet-key-file", file, **settings)
    assert code == 0
    assert "done         mint the shop, list this relay in it" in shown
    result = shown[shown.rindex("shop\r\n  ") :]
    assert max(map(len, [*plan.splitlines(), *result.splitlines()])) <= 80


def test_it_goes_on_where_it_was_broken_off(settings: dict[str, str], contracts: Contracts, w3: Web3) -> None:
    rpc(w3, "evm_setAutomine", False)
    try:
        file = Path(settings["WALLET_KEY_FILE"]).parent / "owner.key"
        flags = ("shop", "create", "--wallet-key-file", str(file), "--yes", "--json")
        with subprocess.Popen(command(*flags), env=variables(settings), stdout=subprocess.DEVNULL) as process:
            while w3.eth.get_transaction_count(w3.to_checksum_address(OWNER.address), "pending") == (
                w3.eth.get_transaction_count(w3.to_checksum_address(OWNER.address))
            ):
                assert process.poll() is None
            process.kill()
        assert_one_line(create(settings, "--yes"), 1, "not mined yet", "run this again")
    finally:
        rpc(w3, "evm_mine")
        rpc(w3, "evm_setAutomine", True)
    before = contracts.shop_reg.functions.balanceOf(OWNER.address).call()
    assert before == 1
    content = json.loads(create(settings, "--yes", "--json").out)
    assert content["sent"] == ["list this relay in it"]
    assert contracts.shop_reg.functions.balanceOf(OWNER.address).call() == 1
    assert contracts.shop_reg.functions.ownerOf(int(content["shop_id"])).call() == OWNER.address


def test_without_the_key_it_prints_calls_that_any_wallet_can_send(
    settings: dict[str, str], contracts: Contracts, w3: Web3
) -> None:
    outcome = minirelay("shop", "create", "--owner", OWNER.address, "--json", **settings)
    assert outcome.code == 0, outcome
    content = json.loads(outcome.out)
    assert [call["what"] for call in content["calls"]] == ["mint the shop", "list this relay in it"]
    owner = w3.to_checksum_address(OWNER.address)
    for call in content["calls"]:
        sent = {"from": owner, "to": call["to"], "data": call["data"], "value": int(call["value"])}
        assert w3.eth.wait_for_transaction_receipt(w3.eth.send_transaction(sent))["status"] == 1  # type: ignore[arg-type]
    shop_id = content["shop_id"]
    assert contracts.shop_reg.functions.ownerOf(int(shop_id)).call() == OWNER.address
    assert contracts.shop_reg.functions.getAllRelays(int(shop_id)).call() == [relay_token(settings)]
    done = minirelay("shop", "create", "--owner", OWNER.address, "--shop", shop_id, **settings)
    assert "Nothing is missing" in done.out
    # Neither is another one minted for it unawares.
    words = ("owns shops already", shop_id, "--shop ID", "--another")
    assert_one_line(minirelay("shop", "create", "--owner", OWNER.address, **settings), 2, *words)
    assert_one_line(create(settings, "--yes"), 2, *words)


def test_mistakes_are_one_line_and_send_nothing(
    settings: dict[str, str], tmp_path: Path, contracts: Contracts, w3: Web3, deployment: Deployment
) -> None:
    blocks = w3.eth.block_number
    swapped = settings | {"CHAINS_31337_SHOP_REG": deployment.relay_reg}
    assert_one_line(create(swapped, "--yes"), 2, "chains.31337.shop_reg", "is no ShopReg")
    assert_one_line(create(settings, "--yes", key="wallet.key"), 2, "the relay's own wallet")
    assert_one_line(create(settings, "--yes", key="none.key"), 2, "--wallet-key-file", "No such file")
    assert_one_line(minirelay("shop", "create", **settings), 2, "--wallet-key-file FILE", "--owner ADDRESS")
    assert_one_line(minirelay("shop", "create", "--owner", "me", **settings), 2, "--owner me", "0x and 40")
    assert_one_line(minirelay("shop", "create", "--owner", OWNER.address), 2, "base_url")
    empty = settings | {"DATA_DIR": str(tmp_path / "empty")}
    assert_one_line(create(empty, "--yes"), 2, "no token yet", "minirelay register")
    unknown = settings | {"RELAY_TOKEN_ID": "77"}
    assert_one_line(create(unknown, "--yes"), 2, "there is no relay token 0x", "4d", "minirelay register")
    poor = PrivateKey.from_bytes(b"\7" * 32)
    write_key(tmp_path / "poor.key", "07" * 32)
    words = ("the owner's wallet has 0 coins", f"send some to {checksum_address(poor.address)}")
    assert_one_line(create(settings, "--yes", key="poor.key"), 1, *words)
    assert w3.eth.block_number == blocks
    other = w3.to_checksum_address(ACCOUNTS[3].address)
    contracts.shop_reg.functions.mint(99, other).transact({"from": other})
    assert_one_line(create(settings, "--yes", "--shop", "99"), 2, f"belongs to {ACCOUNTS[3].address}")
