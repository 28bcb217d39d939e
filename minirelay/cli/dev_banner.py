"""What `minirelay dev` prints once it is up: for people at 80 columns, or for scripts as one line of JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.description import describe, named_contracts
from minirelay.protocol.ids import show_shop, show_token

if TYPE_CHECKING:
    from minirelay.dev.development import Development

WIDTH: Final = 80
FEW_WALLETS: Final = 2
LAN_WARNING: Final = "Whoever reaches this machine can use all of this: everybody knows its keys."


def json_line(development: "Development") -> str:
    """Write everything that a client needs as JSON. The key card is hexadecimal without 0x."""
    described = describe(
        development.base_url,
        development.rpc_url,
        development.chain_id,
        development.contracts,
        development.demo_shop,
    )
    own = {"relay_token_id": _token(development), "admin_login": _login(development)}
    return json.dumps(described | own, separators=(",", ":"))


def banner(
    development: "Development", *, data: Path | None, has_all_wallets: bool, shows_events: bool
) -> str:
    """Write everything that a client needs for people. data: the directory that is kept, if any."""
    wallets = ACCOUNTS if has_all_wallets else ACCOUNTS[:FEW_WALLETS]
    kept = str(data.absolute()) if data else "memory and a temporary directory: gone when it stops"
    lines = [
        click.style("minirelay is running, for development only.", bold=True),
        "",
        *_row("relay", development.base_url),
        *_row("chain", f"{development.rpc_url}  (chain id {development.chain_id})"),
        *_row("relay token", _token(development)),
        *_operator(development),
        *_row("kept in", kept),
        *_heading("Contracts"),
        *(
            line
            for name, address in named_contracts(development.contracts).items()
            for line in _row(name, address)
        ),
        *_demo_shop(development),
        *_heading("Wallets, each with 10,000 coins and a key that everybody knows"),
        *(line for one in wallets for line in (f"  {one.address}", f"    {one.private_key}")),
        *([] if has_all_wallets else [f"  {len(ACCOUNTS) - FEW_WALLETS} more with --wallets"]),
        "",
        _next_step(development),
        f"Ctrl-C stops it.{' What happens is shown below (not with --quiet):' if shows_events else ''}",
    ]
    return "\n".join(lines)


def _login(development: "Development") -> str | None:
    links = development.server.login_links
    return None if links.url is None else links.make()


def _operator(development: "Development") -> list[str]:
    login = _login(development)
    if login is None:
        return []
    return ["  operator's page, with a login that works once, within five minutes:", f"  {login}"]


def _demo_shop(development: "Development") -> list[str]:
    demo = development.demo_shop
    if demo is None:
        return []
    return [
        *_heading("Demo shop (the key card is a clerk's private key)"),
        *_row("shop id", show_shop(demo.shop_id)),
        *_row("owner", demo.owner.address),
        *_row("key card", f"0x{demo.key_card}"),
    ]


def _next_step(development: "Development") -> str:
    if development.demo_shop is None:
        return "Next: mint a shop, enter the relay's token, enrol a key card (docs/client.md)."
    return (
        "Next: give relay, shop id and key card to a client; README.md has one in Python.\n"
        "`minirelay dev-pay` pays its order; `minirelay dev-chain` has more blocks."
    )


def _heading(text: str) -> list[str]:
    return ["", click.style(text, bold=True)]


def _row(name: str, value: str) -> list[str]:
    line = f"  {name:<11} {value}"
    # What is copied must not be cut by the edge of the terminal.
    return [line] if len(line) <= WIDTH else [f"  {name}", f"  {value}"]


def _token(development: "Development") -> str:
    return show_token(development.server.relay_token)
