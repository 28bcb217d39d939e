"""`minirelay dev`: everything at once, offline, disposable or kept in a directory (DESIGN)."""

import asyncio
import ipaddress
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.running import accept_loss_flag, allow_sessions, stop_on_signals
from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.config.money import Factor
    from minirelay.config.setting import Setting
    from minirelay.dev.development import Development, DevOptions

PORT = click.IntRange(0, 65535)
DEFAULT_FACTOR = "1500/1"
EXTRA_MISSING = "minirelay dev needs the extra `dev`: pip install 'minirelay[dev]'"


class SettingOption(click.Option):
    """A flag for a setting, with that setting's default in its help."""

    def __init__(self, *args: Any, setting: str, **given: Any) -> None:
        """setting: its name."""
        super().__init__(*args, **given)
        self._setting_name = setting

    def get_default(self, ctx: click.Context, call: bool = True) -> Any:  # noqa: ARG002
        """Return what the setting is if nothing sets it."""
        return self._setting.default

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the flag and its help."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        return record[0], f"{record[1]}  [default: {self._setting.show(self._setting.default)}]"

    @property
    def _setting(self) -> "Setting":
        # Looked up when it is asked for: a list of all commands needs none of it.
        from minirelay.config.settings import find

        setting = find(self._setting_name)
        if setting is None:
            raise RuntimeError(f"{self._setting_name} is no setting")
        return setting


@click.command()
@click.option(
    "--host", cls=SettingOption, setting="listen_host", help="Address that the relay and the chain listen on."
)
@click.option(
    "--port",
    cls=SettingOption,
    setting="listen_port",
    type=PORT,
    help="The relay's port; 0 for any free one.",
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
@click.option(
    "--ping-interval",
    cls=SettingOption,
    setting="ping_interval",
    help="Silence after which a client is pinged, like 250ms or 15s.",
)
@click.option(
    "--kick-timeout", help="Silence after which a session is closed.  [default: three ping intervals]"
)
@click.option("--poll-interval", help="How often the chain is looked at, like 100ms or 1s.  [default: 500ms]")
@click.option(
    "--price-factor",
    default=DEFAULT_FACTOR,
    show_default=True,
    help="Fixed rate of exchange between currencies.",
)
@click.option("--rpc-url", help="Use this node (Anvil, Hardhat) instead.  [default: the embedded chain]")
@click.option(
    "--contracts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use the contracts in this JSON file (ShopReg, RelayReg, Payments).  [default: own ones]",
)
@click.option(
    "--export-contracts",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the contracts' addresses and ABIs to this directory, for other tools.  [default: none]",
)
@accept_loss_flag
@click.option("--wallets", "has_all_wallets", is_flag=True, help="Print all ten wallets, not only two.")
@click.option("--quiet", is_flag=True, help="Don't show what happens: transactions, enrolments, writes.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once everything is up.")
def dev(**given: Any) -> None:
    """Run a relay with an embedded chain and a demo shop, offline.

    Nothing here is worth anything: the chain is a development chain, its keys are public.
    """
    from minirelay.config.settings import Settings
    from minirelay.event_loop import serving_runner
    from minirelay.logs import configure

    if find_spec("eth") is None:
        raise ConfigError(EXTRA_MISSING)
    settings = Settings()
    configure("warning", "text", settings.log_bounds)
    allow_sessions(settings.limits.max_sessions, settings.limits.reserved_files)
    with serving_runner() as runner:
        runner.run(_run(given))


async def _run(given: dict[str, Any]) -> None:
    from minirelay.cli.dev_banner import LAN_WARNING, banner, json_line
    from minirelay.cli.live_events import show_live
    from minirelay.dev.development import run_development
    from minirelay.garbage import seldom_collected

    stop_on_signals()
    shows_events = not (given["quiet"] or given["as_json"])
    with suppress(asyncio.CancelledError):
        async with run_development(_options(given)) as development, seldom_collected():
            if not _is_loopback(given["host"]):
                click.secho(LAN_WARNING, fg="yellow", err=True)
            if given["as_json"]:
                click.echo(json_line(development))
            else:
                has_all = given["has_all_wallets"]
                click.echo(
                    banner(
                        development,
                        data=given["data"],
                        has_all_wallets=has_all,
                        shows_events=shows_events,
                    )
                )
            if shows_events:
                show_live(_currencies(development))
            await asyncio.Event().wait()


def _currencies(development: "Development") -> dict[str, tuple[str, int]]:
    """Name the currencies that are known here: the chain's coin, and the token of our own."""
    from minirelay.chain.amounts import coin_of
    from minirelay.protocol.addresses import NATIVE_COIN
    from minirelay.protocol.signing import checksum_address

    eddies = development.contracts.eddies
    coin = {checksum_address(NATIVE_COIN): (coin_of(31337), 18)}
    return coin if eddies is None else coin | {eddies: ("EDD", 2)}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _options(given: dict[str, Any]) -> "DevOptions":
    from minirelay.dev.development import DevOptions

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
        price_factor=_factor(given["price_factor"]),
        poll_interval=given["poll_interval"],
    )


def _factor(text: str) -> "Factor":
    from minirelay.config.money import Factor

    try:
        return Factor.parse(text)
    except ValueError as error:
        raise ConfigError(f"--price-factor {text}: {error}") from error
