"""`minirelay prices`: what the market says; `minirelay prices accept` lets one be used that is held back."""

from typing import Any, Final

import click

from minirelay.cli.inspection import FOR_READING
from minirelay.cli.output import show
from minirelay.cli.setting_flags import CommandWithSettings, GroupWithSettings, merge_flags, read_settings
from minirelay.cli.tables import echo_table, folded

COLUMNS: Final = ("currency", "dollars", "held back")


@click.group(
    cls=GroupWithSettings,
    settings=FOR_READING,
    invoke_without_command=True,
    short_help="List the market's prices.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def prices(context: click.Context, /, as_json: bool, **given: Any) -> None:
    """List the prices, in dollars, of the currencies that shops in use accept, as the running relay has them.

    A price that is suddenly far from the last one is held back for ten minutes: it might be an error, and
    what is once asked for binds the shop for a day.
    """
    if context.invoked_subcommand is not None:
        context.obj = given
        return
    from minirelay.cli.operating import ask_relay

    found = ask_relay(read_settings(given).data_dir, "/v1/prices", method="GET")["prices"]
    if as_json:
        show(found, as_json=True)
    elif not found:
        click.echo("no prices: no shop in use accepts a currency that is known")
    else:
        _print_table(found)


@prices.command(cls=CommandWithSettings, settings=FOR_READING)
@click.argument("currency")
@click.argument("price")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def accept(above: dict[str, Any], /, currency: str, price: str, as_json: bool, **given: Any) -> None:
    """Let the PRICE of a CURRENCY be used at once that is held back.

    Both as `minirelay prices` has them. If another one is held back by now, nothing changes.
    """
    from minirelay.cli.operating import ask_relay

    settings = read_settings(merge_flags(above, given))
    content = {"currency": currency, "price": price}
    accepted = ask_relay(settings.data_dir, "/v1/prices/accept", content)
    if as_json:
        show(accepted, as_json=True)
    else:
        click.echo(folded(f"{accepted['currency']} is {accepted['price']} dollars from now on"))


def _print_table(found: list[dict[str, str | None]]) -> None:
    cells = [[str(one["currency"]), str(one["price"]), one["held_back"] or ""] for one in found]
    echo_table(COLUMNS, cells, left=("currency",))
    held = next((one for one in found if one["held_back"]), None)
    if held is not None:
        click.echo("if a price that is held back is right:")
        click.echo(f"minirelay prices accept {held['currency']} {held['held_back']}")
