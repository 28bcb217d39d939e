"""`minirelay dev-pay`: pays an order of a running `minirelay dev`, as a customer would or should not."""

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.dev_relay import relay_flag
from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.shop.issued_requests import IssuedRequest

WAYS = ("contract", "address", "token", "wallet")
DEFAULT_WALLET = 5
"""The demo shop's customer."""

MOST_PERCENT = 10_000


class Percent(click.ParamType[Fraction]):
    """A share in percent, as 50% or 0.1."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Read it exactly."""
        if isinstance(value, Fraction):
            return value
        try:
            percent = Fraction(str(value).removesuffix("%"))
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value} is no percentage, such as 50%", param, ctx)
        if not 0 < percent <= MOST_PERCENT:
            self.fail(f"{value} is not above 0 and at most {MOST_PERCENT}%", param, ctx)
        return percent / 100


@click.command(short_help="Pay an order of a running `minirelay dev`.")
@click.argument("order", type=click.IntRange(0, 2**64 - 1), required=False)
@click.option(
    "--how",
    type=click.Choice(WAYS),
    default="address",
    show_default=True,
    help="contract: a call of Payments; address: a transfer to the payment address; token: the same in "
    "Eddies, the wrong currency for an order in coins; wallet: a call by a smart wallet.",
)
@click.option("--part", type=Percent(), help="Pay only so much, like 50%; the rest is paid by another.")
@click.option("--over", type=Percent(), help="Pay so much more, like 10%.")
@click.option("--late", is_flag=True, help="Move the chain's clock behind the time for paying, then pay.")
@click.option("--shop", help="Only orders of the shop with this id.  [default: of any]")
@click.option(
    "--from",
    "wallet",
    type=click.IntRange(0, 9),
    default=DEFAULT_WALLET,
    show_default=True,
    help="Which of the ten wallets pays.",
)
@relay_flag
def dev_pay(**given: Any) -> None:
    """Pay ORDER of a running `minirelay dev`; without it the order whose payment was chosen last.

    Parts add up: twice --part 50% pays all. Whether the order is paid then is up to the relay, which shows
    what it sees.
    """
    asyncio.run(_pay(given))


async def _pay(given: dict[str, Any]) -> None:
    from minirelay.chain.endpoint import open_http
    from minirelay.dev.accounts import ACCOUNTS
    from minirelay.dev.paying import MOST_WAIT_S, How, Purse, pass_time, pay, show_amount
    from minirelay.dev.running import find_running
    from minirelay.dev.sending import connect
    from minirelay.dev.unpaid import find_unpaid, is_noticed_over

    share, how = _share(given), How(given["how"])
    if how in (How.CONTRACT, How.WALLET) and (given["late"] or share != 1):
        raise ConfigError(
            f"--how {how.value}: the contract takes the exact amount, and in time only; use --how address"
        )
    running = find_running(given["relay"])
    issued = await find_unpaid(Path(running.data_dir), given["order"], _shop_id(given["shop"]))
    async with open_http() as http:
        contracts = running.contracts
        purse = Purse(
            await connect(http, running.rpc_url),
            running.rpc_url,
            ACCOUNTS[given["wallet"]],
            bytes.fromhex(contracts.payments[2:]),
            bytes.fromhex(contracts.eddies[2:]) if contracts.eddies else None,
        )
        total = await show_amount(purse, issued.request.currency, issued.request.amount)
        click.echo(f"order {int.from_bytes(issued.order_id)} asks for {total} ({issued.state.value})")
        if given["late"]:
            await pass_time(purse.chain, issued.request.ttl + 1)
            click.echo(f"the chain's clock is now past {_moment(issued)}")
            if not await is_noticed_over(Path(running.data_dir), issued, MOST_WAIT_S):
                click.echo("the relay has not noticed yet: it may count this as in time")
        paid = await pay(purse, issued.request, how, share)
    click.echo(f"paid {paid.amount}")
    click.echo(f"  to {paid.to}")
    if not paid.is_mined:
        click.echo("it is in no block yet: `minirelay dev-chain mine` makes one")


def _share(given: dict[str, Any]) -> Fraction:
    if given["part"] is not None and given["over"] is not None:
        raise ConfigError("--part and --over exclude each other")
    if given["part"] is not None:
        return Fraction(given["part"])
    return 1 + Fraction(given["over"] or 0)


def _shop_id(text: str | None) -> int | None:
    from minirelay.cli.inspection import shop_id_of

    return None if text is None else shop_id_of(text)


def _moment(issued: "IssuedRequest") -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(issued.request.ttl, UTC).isoformat().replace("+00:00", "Z")
