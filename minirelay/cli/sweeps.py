"""What `minirelay payments sweep` says: what lies unswept, and what becomes of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from minirelay.cli.output import busy, show
from minirelay.cli.tables import echo_table, quantity, short_order

Row = dict[str, Any]

_COLUMNS: Final = ("what", "order", "lies there", "of", "until (UTC)", "request")
_SHORT: Final = 12
_SWEEP: Final = "sweep"


def print_unswept(found: Sequence[Row]) -> None:
    """Print a table, why what can't be swept can't, and how to go on."""
    if not found:
        click.echo("nothing lies unswept")
        return
    cells = [
        [
            one["verdict"],
            short_order(one["order"]),
            one["amount_shown"],
            one["currency_shown"],
            one["until"][5:16].replace("T", " "),
            one["request"][:_SHORT],
        ]
        for one in found
    ]
    echo_table(_COLUMNS, cells, left=("what", "of", "until (UTC)", "request"))
    own = [one for one in found if one["chain"] == one["request_chain"]]
    for verdict, why in {one["verdict"]: one["why"] for one in own}.items():
        if verdict != _SWEEP:
            click.echo(click.wrap_text(f"{verdict}: {why}", 80, subsequent_indent="  "))
    for one in found:
        if one["chain"] != one["request_chain"]:
            where = f"{one['request'][:_SHORT]}, chain {one['chain']}: {one['why']}"
            click.echo(click.wrap_text(where, 80, subsequent_indent="  "))
    count = len(_sweepable(own))
    if count:
        click.echo(f"{quantity(count, 'payment')} can be swept: minirelay payments sweep --send")
    for chain_id in sorted({one["chain"] for one in _sweepable(found) if one not in own}):
        click.echo(f"on the wrong chain: minirelay payments sweep --chain {chain_id} --send")


def send_all(directory: Path, found: Sequence[Row], *, as_json: bool, timeout_s: float) -> None:
    """Have swept what can be, one after the other; the first that fails ends it.

    directory: of the relay. Raises ClickException.
    """
    from minirelay.cli.operating import ask_relay

    done: list[Row] = []
    for one in _sweepable(found):
        try:
            with busy(f"sweeping {one['request'][:_SHORT]}"):
                swept = ask_relay(
                    directory,
                    f"/v1/payments/{one['request']}/sweep",
                    {"chain_id": one["chain"]},
                    timeout_s=timeout_s,
                )
        except click.ClickException:
            if as_json:
                show(done, as_json=True)
            raise
        done.append(one | swept)
        if not as_json:
            what = "swept" if swept["left"] == "0" else "sent, but something still lies there"
            if swept["is_overtaken"]:
                what = "was swept by somebody else"
            click.echo(
                f"{one['request'][:_SHORT]}  order {short_order(str(one['order']))}  "
                f"{one['amount_shown']} {one['currency_shown']}  {what}"
            )
            click.echo(f"  {swept['transaction']}")
    if as_json:
        show(done, as_json=True)
    elif not done:
        click.echo("there is nothing that can be swept; without --send it is said why")


def _sweepable(found: Sequence[Row]) -> list[Row]:
    return [one for one in found if one["verdict"] == _SWEEP]
