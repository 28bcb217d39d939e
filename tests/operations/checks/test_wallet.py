from pathlib import Path

import pytest

from minirelay.config.settings import Settings
from minirelay.config.urls import BaseUrl
from minirelay.operations.checks.result import Verdict
from minirelay.operations.checks.wallet import check_wallet, judge_balance, judge_token

WALLET, OTHER = bytes(19) + b"\1", bytes(19) + b"\2"
URL = BaseUrl.parse("https://relay.example.org")


@pytest.mark.parametrize(
    ("owner", "uri", "verdict", "words"),
    [
        (WALLET, "https://relay.example.org/", Verdict.OK, "base_url"),
        (None, "", Verdict.FAIL, "not there"),
        (OTHER, str(URL), Verdict.FAIL, "belongs to 0x0000000000000000000000000000000000000002"),
        (WALLET, "https://other.example.org", Verdict.FAIL, "other.example.org"),
        (WALLET, "\x1b[31m", Verdict.FAIL, "its URI is"),
    ],
)
def test_the_token_is_compared_with_wallet_and_base_url(
    owner: bytes | None, uri: str, verdict: Verdict, words: str
) -> None:
    found = judge_token(7, owner, uri, WALLET, URL)
    assert found.verdict is verdict
    assert words in found.text
    assert found.text.isprintable()


@pytest.mark.parametrize(
    ("has", "is_registered", "verdict"),
    [
        (10, False, Verdict.OK),
        (9, False, Verdict.FAIL),
        (9, True, Verdict.WARN),
    ],
)
def test_a_wallet_needs_less_once_the_relay_is_registered(
    has: int, is_registered: bool, verdict: Verdict
) -> None:
    assert judge_balance(1, "0xabc", has, 10, is_registered=is_registered).verdict is verdict


def test_a_key_that_others_can_read_fails_with_the_command_that_helps(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("11" * 32)
    file.chmod(0o644)
    wallet, found = check_wallet(Settings(wallet_key_file=file))
    assert wallet is None
    assert found.verdict is Verdict.FAIL
    assert f"chmod 600 {file}" in found.remedy
    file.chmod(0o600)
    assert check_wallet(Settings(wallet_key_file=file))[1].verdict is Verdict.OK
