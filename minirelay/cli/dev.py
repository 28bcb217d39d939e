"""`minirelay dev`: everything at once, offline, disposable or kept in a directory (DESIGN)."""

import asyncio
import json
import re
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.running import accept_loss_flag, allow_sessions, stop_on_signals
from minirelay.errors import ConfigError
from minirelay.protocol.ids import show_token

if TYPE_CHECKING:
    from minirelay.dev.development import Development, DevOptions

PORT = click.IntRange(0, 65535)
EXTRA_MISSING = "minirelay dev needs the extra `dev`: pip install 'minirelay[dev]'"


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address that the relay and the chain listen on."
)
@click.option(
    "--port", type=PORT, default=4444, show_default=True, help="The relay's port; 0 for any free one."
)
@click.option(
    "--chain-port", type=PORT, default=8545, show_default=True, help="The chain's port; 0 for any free one."
)
@click.option("--base-url", help="URL under which clients reach the relay.  [default: from host and port]")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep relay and chain in this directory and go on where they were.  [default: a temporary one]",
)
@click.option("--no-demo", is_flag=True, help="Don't make the demo shop.")
@click.option(
    "--block-time", type=click.FloatRange(min=0.01), help="Seconds between blocks.  [default: mine at once]"
)
@click.option("--ping-interval", help="Silence after which a client is pinged, like 250ms or 15s.")
@click.option("--kick-timeout", help="Silence after which a session is closed.")
@click.option("--poll-interval", help="How often the chain is polled for payments (accepted; not used yet).")
@click.option("--price-factor", help="Fixed rate of exchange, like 1500/1 (accepted; not used yet).")
@click.option("--rpc-url", help="Use this node (Anvil, Hardhat) instead of the embedded chain.")
@click.option(
    "--contracts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use the contracts in this JSON file (ShopReg, RelayReg, Payments) instead of deploying.",
)
@click.option(
    "--export-contracts",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the contracts' addresses and ABIs to this directory, for other tools.",
)
@accept_loss_flag
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once everything is up.")
def dev(**given: Any) -> None:
    """Run a relay with an embedded chain and a demo shop, offline.

    Nothing here is worth anything: the chain is a development chain, its keys are public.
    """
    from minirelay.config import LimitSettings
    from minirelay.event_loop import loop_factory
    from minirelay.logs import configure

    if find_spec("eth") is None:
        raise ConfigError(EXTRA_MISSING)
    configure("warning", "text")
    limits = LimitSettings()
    allow_sessions(limits.max_sessions, limits.reserved_files)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(given))


async def _run(given: dict[str, Any]) -> None:
    from minirelay.dev.development import run_development

    stop_on_signals()
    with suppress(asyncio.CancelledError):
        async with run_development(_options(given)) as development:
            click.echo(_json_line(development) if given["as_json"] else _summary(development, given["data"]))
            await asyncio.Event().wait()


def _options(given: dict[str, Any]) -> "DevOptions":
    from minirelay.dev.development import DevOptions

    # They belong to payments; scripts pass them already.
    _check_factor(given["price_factor"])
    settings = {"ping_interval": given["ping_interval"], "kick_timeout": given["kick_timeout"]}
    return DevOptions(
        flags={name: value for name, value in settings.items() if value is not None},
        host=given["host"],
        port=given["port"],
        chain_port=given["chain_port"],
        base_url=given["base_url"],
        data=given["data"],
        accepts_loss=given["accepts_loss"],
        has_demo=not given["no_demo"],
        block_time_s=given["block_time"],
        rpc_url=given["rpc_url"],
        contracts=given["contracts"],
        export_to=given["export_contracts"],
    )


def _check_factor(text: str | None) -> None:
    if text is not None and not re.fullmatch(r"[1-9][0-9]{0,30}/[1-9][0-9]{0,30}", text):
        raise ConfigError(f"--price-factor {text}: expected a factor and a divisor, like 1500/1")


def _json_line(development: "Development") -> str:
    from minirelay.dev.accounts import ACCOUNTS

    demo = development.demo_shop
    return json.dumps(
        {
            "base_url": development.base_url,
            "rpc_url": development.rpc_url,
            "chain_id": development.chain_id,
            "contracts": _contracts(development),
            "relay_token_id": _token(development),
            "wallets": [{"address": one.address, "private_key": one.private_key} for one in ACCOUNTS],
            "demo_shop": None
            if demo is None
            else {"shop_id": str(demo.shop_id), "owner": demo.owner.address, "key_card": demo.key_card},
        },
        separators=(",", ":"),
    )


def _summary(development: "Development", data: Path | None) -> str:
    from minirelay.dev.accounts import ACCOUNTS

    demo = development.demo_shop
    lines = [
        click.style("minirelay is running, for development only.", bold=True),
        "",
        _row("relay", development.base_url),
        _row("chain", f"{development.rpc_url}  (chain id {development.chain_id})"),
        _row("relay token", _token(development)),
        _row(
            "kept in",
            str(data.absolute()) if data else "memory and a temporary directory: gone when it stops",
        ),
        "",
        click.style("Contracts", bold=True),
        *(_row(name, address) for name, address in _contracts(development).items()),
        "",
    ]
    if demo is not None:
        lines += [
            click.style("Demo shop", bold=True),
            _row("shop id", str(demo.shop_id)),
            _row("owner", demo.owner.address),
            _row("key card", f"{demo.key_card}  (a clerk's private key)"),
            "",
        ]
    lines += [
        click.style("Wallets, each with 10,000 coins and a key that everybody knows", bold=True),
        *(f"  {one.address}  {one.private_key}" for one in ACCOUNTS),
        "",
        "Ctrl-C stops it.",
    ]
    return "\n".join(lines)


def _row(name: str, value: str) -> str:
    return f"  {name:<12} {value}"


def _contracts(development: "Development") -> dict[str, str]:
    contracts = development.contracts
    named = {
        "ShopReg": contracts.shop_reg,
        "RelayReg": contracts.relay_reg,
        "Payments": contracts.payments,
        "Eddies": contracts.eddies,
    }
    return {name: address for name, address in named.items() if address is not None}


def _token(development: "Development") -> str:
    return show_token(development.server.relay_token)
