"""What goes wrong on the way to a first shop is one line that says what to do, and changes nothing."""

import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.store.database import FILE_NAME
from tests.cli.commands import assert_one_line, minirelay, relay_settings
from tests.system.programs import STOP_TIMEOUT_S

DISK_BYTES = 256 * 1024
OTHER = ACCOUNTS[6]


@pytest.fixture
def settings(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> dict[str, str]:
    """Give the settings of a relay that is registered."""
    found = relay_settings(tmp_path, dev_chain, deployment) | {"LOG_LEVEL": "error"}
    assert minirelay("register", "--yes", **found).code == 0
    return found


@contextmanager
def small_disk(place: Path, *options: str) -> Iterator[Path]:
    """Mount a small disk while the block runs; skip the test where none can be mounted."""
    place.mkdir()
    wanted = ",".join((f"size={DISK_BYTES},uid={os.getuid()},mode=0700", *options))
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", wanted, "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True, timeout=STOP_TIMEOUT_S)


def test_another_key_than_that_of_the_token(settings: dict[str, str]) -> None:
    Path(settings["WALLET_KEY_FILE"]).write_text(OTHER.private_key)
    for name in ("serve", "register"):
        outcome = minirelay(name, **settings)
        assert_one_line(outcome, 2, "wallet_key_file", OTHER.address, "put the key of that wallet back")


@pytest.mark.parametrize("content", ["", "no key", "0x12"])
def test_a_file_that_holds_no_key(settings: dict[str, str], content: str) -> None:
    Path(settings["WALLET_KEY_FILE"]).write_text(content)
    for name in ("serve", "register"):
        words = ("wallet_key_file", "holds no private key", "64 hexadecimal digits")
        assert_one_line(minirelay(name, **settings), 2, *words)


def test_an_endpoint_of_another_chain(settings: dict[str, str], dev_chain: DevChain, w3: Web3) -> None:
    wrong = settings | {"REGISTRY_CHAIN": "1", "CHAINS_1_RPC_URLS": dev_chain.rpc_url}
    blocks = w3.eth.block_number
    words = ("no endpoint of chain 1 can be used", "it is on chain 31337, not 1", "chains.1.rpc_urls")
    assert_one_line(minirelay("register", "--yes", **wrong), 1, *words)
    fresh = wrong | {"DATA_DIR": settings["DATA_DIR"] + "-new"}
    assert_one_line(minirelay("register", "--yes", **fresh), 1, *words)
    assert w3.eth.block_number == blocks


def test_swapped_contracts(settings: dict[str, str], deployment: Deployment, w3: Web3) -> None:
    blocks = w3.eth.block_number
    swapped = {
        "CHAINS_31337_SHOP_REG": deployment.relay_reg,
        "CHAINS_31337_RELAY_REG": deployment.shop_reg,
        "DATA_DIR": settings["DATA_DIR"] + "-new",
    }
    for wrong in (swapped, {**swapped, "DATA_DIR": settings["DATA_DIR"]}):
        outcome = minirelay("register", "--yes", **settings | wrong)
        assert_one_line(outcome, 2, "chains.31337.", "on chain 31337 is no ", "set the address of ")
    assert_one_line(minirelay("serve", **settings | swapped), 2, "minirelay register")
    assert w3.eth.block_number == blocks


def test_a_port_that_is_taken(settings: dict[str, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        outcome = minirelay("serve", **settings | {"LISTEN_PORT": port})
    assert_one_line(outcome, 2, f"127.0.0.1 port {port}", "in use", "listen_port")


def test_a_directory_that_can_not_be_written_to(settings: dict[str, str], tmp_path: Path) -> None:
    with small_disk(tmp_path / "stick", "ro") as stick:
        for name in ("register", "serve"):
            outcome = minirelay(name, **settings | {"DATA_DIR": str(stick / "data")})
            assert_one_line(outcome, outcome.code, str(stick), "Read-only file system", "choose another")
            outcome = minirelay(name, **settings | {"DATA_DIR": str(stick)})
            assert_one_line(outcome, outcome.code, str(stick), "Read-only file system", "data")
        flags = ("--base-url", "http://x", "--chain", "1", "--rpc-url", "http://127.0.0.1:1")
        outcome = minirelay("init", "--directory", str(stick), *flags)
        assert_one_line(outcome, 2, str(stick), "Read-only file system", "choose another --directory")
        outcome = minirelay("backup", str(stick / "copy"), **settings)
        assert_one_line(outcome, 1, str(stick), "Read-only file system")


def test_a_full_disk(settings: dict[str, str], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        with (disk / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(disk).free)
        for name in ("register", "serve"):
            outcome = minirelay(name, "--data-dir", str(disk), **settings)
            assert_one_line(outcome, 1, str(disk), "full")
        outcome = minirelay("backup", str(disk / "copy"), **settings)
        assert_one_line(outcome, 1, str(disk))


def test_a_wallet_without_coins(settings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "poor.key").touch(0o600)
    (tmp_path / "poor.key").write_text("07" * 32)
    poor = settings | {"WALLET_KEY_FILE": str(tmp_path / "poor.key"), "DATA_DIR": str(tmp_path / "new")}
    words = ("has 0 coins on chain 31337", "send some to 0x")
    assert_one_line(minirelay("register", "--yes", **poor), 1, *words)
    key = str(tmp_path / "poor.key")
    assert_one_line(minirelay("shop", "create", "--yes", "--wallet-key-file", key, **settings), 1, *words)


def test_a_database_of_a_newer_version(settings: dict[str, str]) -> None:
    with closing(sqlite3.connect(Path(settings["DATA_DIR"]) / FILE_NAME)) as database:
        database.execute("PRAGMA user_version = 9999")
    for arguments in (("serve",), ("register",), ("shops",), ("verify",)):
        outcome = minirelay(*arguments, **settings)
        assert_one_line(outcome, 1, settings["DATA_DIR"], "newer minirelay", "install that version again")


def test_a_damaged_backup(settings: dict[str, str], tmp_path: Path) -> None:
    backup = tmp_path / "copy"
    assert minirelay("backup", str(backup), **settings).code == 0
    whole = backup.read_bytes()
    there = (Path(settings["DATA_DIR"]) / FILE_NAME).read_bytes()
    turned = bytearray(whole)
    turned[len(turned) // 2] ^= 0xFF
    for content in (bytes(turned), whole[: len(whole) // 2], b"", b"no database" * 1000):
        backup.write_bytes(content)
        outcome = minirelay("verify", str(backup), **settings)
        assert outcome.code == 1
        assert str(backup) in outcome.out + outcome.err
        words = (str(backup), "damaged", "take an older one: FILE.1")
        assert_one_line(minirelay("restore", str(backup), **settings), 1, *words)
    assert (Path(settings["DATA_DIR"]) / FILE_NAME).read_bytes() == there
    assert_one_line(minirelay("restore", str(tmp_path / "none"), **settings), 1, str(tmp_path / "none"))
    # Where there is nothing yet, nothing comes to be.
    fresh = settings | {"DATA_DIR": str(tmp_path / "fresh")}
    assert_one_line(minirelay("restore", str(backup), **fresh), 1, *words)
    assert not (tmp_path / "fresh").exists()
