"""The wallet: its file, its signatures, and that its key stays inside."""

import copy
import os
import pickle
import sys
from pathlib import Path

import pytest
from eth_account import Account

from minirelay.chain.wallet import Wallet, load_wallet
from minirelay.dev.accounts import ACCOUNTS
from minirelay.errors import ConfigError, MalformedInput

KEY = ACCOUNTS[0].private_key
SECRET = bytes.fromhex(KEY[2:])
ADDRESS = bytes.fromhex(ACCOUNTS[0].address[2:])


def key_file(folder: Path, content: bytes | str, mode: int = 0o600) -> Path:
    path = folder / "wallet.key"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [KEY, KEY[2:], f" {KEY}\r\n", f"{KEY[2:].upper()}\n"])
def test_keys_as_people_write_them(tmp_path: Path, content: str) -> None:
    assert load_wallet(key_file(tmp_path, content)).address == ADDRESS


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_files_that_are_kept_from_others(tmp_path: Path, mode: int) -> None:
    assert load_wallet(key_file(tmp_path, KEY, mode)).address == ADDRESS


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602, 0o601, 0o666, 0o777])
def test_files_that_are_open_to_others(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, KEY, mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*; run: chmod 600") as error:
        load_wallet(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"0x",
        KEY[:-1],
        KEY + "0",
        KEY[2:] * 2,
        "g" * 64,
        "0" * 64,
        "f" * 64,
        b"\xff" * 64,
        SECRET,
        "1" * 5000,
    ],
)
def test_files_that_hold_no_key(tmp_path: Path, content: bytes | str) -> None:
    with pytest.raises(ConfigError, match="holds no private key; it should be") as error:
        load_wallet(key_file(tmp_path, content))
    assert error.value.__cause__ is None
    assert KEY[10:20] not in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"wallet_key_file: .*; to make one: "):
        load_wallet(tmp_path / "none")


def test_nobody_is_told_to_write_over_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"wallet_key_file: .*; the user who runs minirelay") as caught:
        load_wallet(tmp_path)
    assert "to make one" not in str(caught.value)


def test_the_key_stays_inside() -> None:
    wallet = Wallet(SECRET)
    assert repr(wallet) == f"Wallet(address={ACCOUNTS[0].address})"
    assert KEY[2:] not in f"{wallet} {wallet!r} {wallet.key!r}"
    for take in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            take(wallet)


def test_keys_that_are_none() -> None:
    for secret in (b"", bytes(32), b"\1" * 31, b"\xff" * 32):
        with pytest.raises(MalformedInput):
            Wallet(secret)


def test_transactions_are_signed_by_the_wallet_for_one_chain() -> None:
    raw, digest = Wallet(SECRET).sign_transaction(
        {
            "type": 2,
            "chainId": 5,
            "nonce": 1,
            "to": ADDRESS,
            "value": 0,
            "data": b"\1",
            "gas": 21_000,
            "maxFeePerGas": 9,
            "maxPriorityFeePerGas": 3,
        }
    )
    assert raw[0] == 2
    assert len(digest) == 32
    assert Account.recover_transaction(raw) == ACCOUNTS[0].address


def test_signing_leaves_the_recursion_limit_alone() -> None:
    """What eth-account imports raises it to where deep input ends the process."""
    code = (
        "import sys; from minirelay.chain.wallet import Wallet; before = sys.getrecursionlimit();"
        "Wallet(b'1' * 32).sign_transaction({'type': 2, 'chainId': 1, 'nonce': 0, 'to': b'1' * 20,"
        "'value': 0, 'data': b'', 'gas': 21000, 'maxFeePerGas': 1, 'maxPriorityFeePerGas': 1});"
        "assert 'py_ecc' in sys.modules; sys.exit(sys.getrecursionlimit() != before)"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0
