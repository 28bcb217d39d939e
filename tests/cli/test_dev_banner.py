"""The banner's text; that the program prints it is tested in tests/system/test_dev.py."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from minirelay.cli.dev_banner import LAN_WARNING, WIDTH, banner, json_line
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.contract_addresses import Contracts
from minirelay.dev.demo_setup import DemoShop
from minirelay.dev.development import Development
from minirelay.web.admin.login import LoginLinks
from minirelay.web.admin.sessions import AdminSessions

DEMO = DemoShop(2**256 - 1, ACCOUNTS[0], "ab" * 32)


def development(demo: DemoShop | None = DEMO) -> Development:
    addresses = [one.address for one in ACCOUNTS[:4]]
    links = LoginLinks(AdminSessions(lambda: 0.0, 1), "http://127.0.0.1:4445")
    server: Any = SimpleNamespace(relay_token=5, login_links=links)
    return Development(
        "http://localhost:4444", "http://127.0.0.1:8545", 31337, Contracts(*addresses), demo, server
    )


def text(*, demo: DemoShop | None = DEMO, has_all_wallets: bool = False, shows_events: bool = True) -> str:
    written = banner(development(demo), data=None, has_all_wallets=has_all_wallets, shows_events=shows_events)
    return click.unstyle(written)


@pytest.mark.parametrize("has_all_wallets", [True, False])
def test_it_fits_the_terminal_and_keys_begin_with_0x(has_all_wallets: bool) -> None:
    lines = text(has_all_wallets=has_all_wallets).splitlines()
    assert max(map(len, [LAN_WARNING, *lines])) <= WIDTH
    assert f"  key card    0x{'ab' * 32}" in lines
    shown = [one for one in ACCOUNTS if f"    {one.private_key}" in lines]
    assert len(shown) == (10 if has_all_wallets else 2)


def test_it_says_what_to_do_next() -> None:
    assert "Next: give relay, shop id and key card to a client" in text()
    assert "Next: mint a shop" in text(demo=None)
    assert "--quiet" not in text(shows_events=False)


def test_it_names_the_directory_that_is_kept() -> None:
    written = banner(development(), data=Path("/kept"), has_all_wallets=False, shows_events=True)
    assert "kept in     /kept" in written


def test_scripts_get_the_key_card_without_0x() -> None:
    assert bytes.fromhex(json.loads(json_line(development()))["demo_shop"]["key_card"]) == b"\xab" * 32


def test_it_has_a_login_for_the_operators_page() -> None:
    login = "http://127.0.0.1:4445/login?token="
    assert any(line.strip().startswith(login) for line in text().splitlines())
    assert json.loads(json_line(development()))["admin_login"].startswith(login)
