"""`minirelay dev-pay`: pays an order of a running `minirelay dev`, as a customer would or should not."""

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from minirelay.cli.dev_relay import relay_flag
from minirelay.dev.arguments import DEFAULT_WALLET, read_percent, share_of
from minirelay.errors import ConfigError

WAYS = ("contract", "address", "token", "wallet")


class Percent(click.ParamType[Fraction]):
    """A share in percent, as 50% or 0.1."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Read it exactly."""
        if isinstance(value, Fraction):
            return value
        try:
            return read_percent(str(value))
        except ConfigError as error:
            self.fail(str(error), param, ctx)


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
@click.option(
    "--part", type=Percent(), help="Pay so much of the amount, like 50%; without it what is missing."
)
@click.option("--over", type=Percent(), help="Pay the whole amount and so much more, like 10%.")
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

    What is missing of its amount is paid: after --part 50% the other half. Whether the order is paid then is
    up to the relay, which shows what it sees.
    """
    asyncio.run(_pay(given))


async def _pay(given: dict[str, Any]) -> None:
    from minirelay.chain.endpoint import open_http
    from minirelay.dev.accounts import ACCOUNTS
    from minirelay.dev.order_payment import Wish, pay_order
    from minirelay.dev.paying import How, purse_of
    from minirelay.dev.running import find_running
    from minirelay.dev.sending import connect
    from minirelay.store.database import open_readonly

    share = share_of(given["part"], given["over"])
    wish = Wish(given["order"], _shop_id(given["shop"]), How(given["how"]), share, given["late"])
    running = find_running(given["relay"])
    async with await open_readonly(Path(running.data_dir)) as store, open_http() as http:
        chain = await connect(http, running.rpc_url)
        purse = purse_of(chain, running.rpc_url, ACCOUNTS[given["wallet"]], running.contracts)
        await pay_order(purse, store.reader, wish, click.echo)


def _shop_id(text: str | None) -> int | None:
    from minirelay.cli.inspection import shop_id_of

    return None if text is None else shop_id_of(text)
