"""`minirelay init`: from nothing to a settings file and a wallet."""

import stat
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.chain.amounts import show_cost
from minirelay.cli.main import run
from minirelay.config.chains import ChainSettings
from minirelay.config.loading import file_layer, load
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.chain_fixtures import rpc
from tests.cli.commands import Outcome, assert_one_line, minirelay

FLAGS = (
    "--base-url",
    "https://relay.example.org",
    "--chain",
    "10",
    "--rpc-url",
    "http://127.0.0.1:1/key",
)


def init(folder: Path, *more: str) -> int:
    return run(["init", "--directory", str(folder), *FLAGS, *more])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_relay_can_be_configured_by_what_it_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    assert init(folder, "--data-dir", str(tmp_path / "data")) == 0
    settings = load(file_layer(folder / "minirelay.toml"))
    settings.require_serving()
    assert (settings.registry_chain, settings.data_dir) == (10, tmp_path / "data")
    assert settings.wallet_key_file == folder / "wallet.key"
    assert (mode(folder / "minirelay.toml"), mode(folder / "wallet.key")) == (0o600, 0o600)
    out = capsys.readouterr().out
    assert f"minirelay register --config {folder / 'minirelay.toml'}" in out
    assert (folder / "wallet.key").read_text().strip() not in out
    assert "/key" not in out.replace("wallet.key", "")


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wallet.key").write_text("11" * 32)
    (tmp_path / "wallet.key").chmod(0o600)
    assert init(tmp_path) == 0
    assert (tmp_path / "wallet.key").read_text() == "11" * 32
    assert "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A" in capsys.readouterr().out
    before = (tmp_path / "minirelay.toml").read_text()
    assert init(tmp_path) == 2
    assert (tmp_path / "minirelay.toml").read_text() == before


def test_what_no_flag_says_is_asked_for(tmp_path: Path) -> None:
    answers = "https://relay.example.org\n\nhttp://127.0.0.1:1\n"
    done = minirelay("init", "--directory", str(tmp_path), stdin=answers)
    assert done.code == 0, done
    settings = load(file_layer(tmp_path / "minirelay.toml"))
    assert (settings.base_url, settings.registry_chain) == ("https://relay.example.org", 1)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--base-url", "relay"), "base_url"),
        (("--rpc-url", "ftp://x"), "rpc_urls"),
    ],
)
def test_a_wrong_value_is_said_and_nothing_is_written(
    tmp_path: Path, flags: tuple[str, ...], words: str
) -> None:
    folder = tmp_path / "new"
    assert_one_line(minirelay("init", "--directory", str(folder), *FLAGS, *flags), 2, words)
    assert not folder.exists()


def test_a_place_that_can_not_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_one_line(minirelay("init", "--directory", str(tmp_path / "file" / "x"), *FLAGS), 2, "file", "sudo")


@pytest.fixture
def contracts_at_their_defaults(w3: Web3, deployment: Deployment) -> None:
    default = ChainSettings()
    for name in ("shop_reg", "relay_reg", "payments", "permit2"):
        code = w3.eth.get_code(Web3.to_checksum_address(getattr(deployment, name)))
        rpc(w3, "anvil_setCode", Web3.to_checksum_address(bytes(getattr(default, name))), Web3.to_hex(code))


def init_on(chain: DevChain, folder: Path, chain_id: str = "31337", *more: str) -> Outcome:
    flags = ("--base-url", "http://localhost", "--chain", chain_id, "--rpc-url", chain.rpc_url)
    return minirelay("init", "--directory", str(folder), *flags, *more)


@pytest.mark.usefixtures("contracts_at_their_defaults")
def test_it_says_how_much_to_send_with_the_fees_of_now(tmp_path: Path, dev_chain: DevChain, w3: Web3) -> None:
    done = init_on(dev_chain, tmp_path)
    assert (done.code, done.err) == (0, "")
    cost = show_cost(w3.eth.gas_price * 600_000, 31337)
    assert f"  {cost} to register the relay, and about" in done.out
    address = done.out.partition("The wallet's address is\n  ")[2][:42]
    # It is enough.
    send = {"from": w3.eth.accounts[0], "to": w3.to_checksum_address(address)}
    value = w3.to_wei(cost.removesuffix(" ETH"), "ether")
    w3.eth.wait_for_transaction_receipt(w3.eth.send_transaction({**send, "value": value}))  # type: ignore[typeddict-item]
    assert value > 0


def test_no_sum_is_named_where_the_contracts_are_missing(tmp_path: Path, dev_chain: DevChain) -> None:
    done = init_on(dev_chain, tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "Send nothing to it yet. On chain 31337," in done.out
    for name in ("ShopReg", "RelayReg", "Payments"):
        assert f"there is no {name} at 0x" in done.out
    assert "to register the relay" not in done.out
    assert f"minirelay doctor --config {tmp_path / 'minirelay.toml'}" in done.out
    assert (tmp_path / "minirelay.toml").exists()


def test_an_endpoint_of_another_chain_is_said_and_nothing_is_written(
    tmp_path: Path, dev_chain: DevChain
) -> None:
    folder = tmp_path / "new"
    words = (" is on chain 31337, not 5", "--chain 31337")
    assert_one_line(init_on(dev_chain, folder, "5"), 2, *words)
    # Also where it is not the first of them.
    others = ("--rpc-url", "http://127.0.0.1:1/secret")
    assert_one_line(init_on(dev_chain, folder, "5", *others), 2, *words)
    assert not folder.exists()


def test_an_endpoint_that_gives_no_fees_is_said(tmp_path: Path) -> None:
    flags = ("--base-url", "http://localhost", "--chain", "31337", "--rpc-url", "http://127.0.0.1:1/secret")
    done = minirelay("init", "--directory", str(tmp_path), *flags)
    assert done.code == 0
    assert "The endpoint gives no fees now: " in done.err
    assert "refused" in done.err
    assert "secret" not in done.err
    assert done.err.count("\n") == 1
    assert "minirelay register" in done.out
