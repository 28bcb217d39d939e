"""`minirelay payments`: what was asked for, and what came (spec 06, "What the operator can do")."""

import asyncio
import csv
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.cli.inspection import FOR_READING, find, reading, shortened
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import (
    CommandWithSettings,
    GroupWithSettings,
    merge_flags,
    read_settings,
)
from minirelay.cli.tables import CUT, cut_amount, echo_table, fits, folded, short_order
from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.config.settings import Settings
    from minirelay.store.reader import Reader

Row = dict[str, Any]

STATES: Final = (
    "waiting",
    "short",
    "seen",
    "paid",
    "over",
    "duplicate",
    "expired",
    "late",
    "superseded",
    "withdrawn",
    "unproven",
    "reverted",
    "dismissed",
)
MOST_SHOWN: Final = 200
MOST_STRAYS: Final = 20
_REQUEST_DIGITS: Final = 10
_AMOUNT_WIDTH: Final = 10
_SWEEP_TIMEOUT_S: Final = 600.0
_AMOUNTS: Final = ("asked_shown", "received_shown")
_COLUMNS: Final = ("state", "order", "asked for", "came", "of", "until (UTC)", "request")


@click.group(
    cls=GroupWithSettings,
    settings=FOR_READING,
    invoke_without_command=True,
    short_help="List payments; accept, dismiss or sweep them.",
)
@click.option("--shop", "shop_id", metavar="ID", help="Only of this shop.")
@click.option(
    "--order", "order_id", metavar="ID", help="Only for this order: its id, or as the list shortens it."
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(STATES),
    metavar="STATE",
    help=f"Only these; may be repeated: {', '.join(STATES)}.",
)
@click.option("--all", "is_all", is_flag=True, help="Also those that are over and need nobody.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all that was observed and decided.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for a spreadsheet.")
@click.pass_context
def payments(
    context: click.Context,
    /,
    shop_id: str | None,
    order_id: str | None,
    states: tuple[str, ...],
    is_all: bool,
    as_json: bool,
    as_csv: bool,
    **given: Any,
) -> None:
    """List payment requests, the newest first: what was asked for, and what came.

    Those that are open, and those that need a person: short, over, late, duplicate, unproven, or with money
    in what was not asked for. Listing only reads, and may run beside the relay.
    """
    if context.invoked_subcommand is not None:
        context.obj = given
        return
    settings = read_settings(given)
    is_whole = is_all or as_json or as_csv or bool(states) or order_id is not None
    with busy("reading the payments"):
        rows = asyncio.run(_read(settings, shop_id, order_id, states, is_whole=is_whole))
    if as_json:
        show(rows, as_json=True)
    elif as_csv:
        _print_csv(rows)
    elif not rows:
        click.echo("nothing to see to" if not is_whole else "no such payment")
    else:
        _print_table(rows, is_cut=not is_all and len(rows) > MOST_SHOWN)
        _print_strays(rows)


@payments.command(cls=CommandWithSettings, settings=FOR_READING)
@click.argument("request", metavar="REQUEST")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is kept with the decision.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def accept(above: dict[str, Any], /, request: str, reason: str, as_json: bool, **given: Any) -> None:
    """Count a request as paid: the money came some other way, or is close enough.

    Its order becomes Paid, and its stock is taken. If it is canceled, it stays so, and only the request is
    marked. REQUEST: as the list shows it, shortened or not. It goes through the running relay.
    """
    made = _decide(above, given, request, "accept", reason)
    if as_json:
        show(made, as_json=True)
    elif made["is_order_paid_by_it"]:
        click.echo(f"request {_shown(made['request'])} is accepted: order {made['order']} is Paid")
    else:
        shown = _shown(made["request"])
        click.echo(f"request {shown} is marked as paid; order {made['order']} is closed, and stays so")


@payments.command(cls=CommandWithSettings, settings=FOR_READING)
@click.argument("request", metavar="REQUEST")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is kept with the decision.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def dismiss(above: dict[str, Any], /, request: str, reason: str, as_json: bool, **given: Any) -> None:
    """Have no more alerts about a request, and watch its address no more.

    Money that comes for it from then on is not noticed. REQUEST: as the list shows it, shortened or not. It
    goes through the running relay.
    """
    made = _decide(above, given, request, "dismiss", reason)
    if as_json:
        show(made, as_json=True)
    else:
        click.echo(f"request {_shown(made['request'])} is dismissed; it is watched no more")


@payments.command(cls=CommandWithSettings, settings=FOR_READING)
@click.option("--chain", "chain_id", type=click.IntRange(1), metavar="ID", help="Only on this chain.")
@click.option("--send", "is_sent", is_flag=True, help="Send what can be swept, a transaction for each.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def sweep(above: dict[str, Any], /, chain_id: int | None, is_sent: bool, as_json: bool, **given: Any) -> None:
    """List what lies unswept at payment addresses; with --send, pass it on.

    Money that was paid to an address reaches the payee only when the address is swept. The relay's wallet
    pays the fees. Each sweep is tried first, and is sent only if all that lies there reaches the payee. What
    came on another chain than was asked for is sent only with --chain. It goes through the running relay.
    """
    from minirelay.cli.operating import ask_relay
    from minirelay.cli.sweeps import print_unswept, send_all

    settings = read_settings(merge_flags(above, given))
    with busy("looking at the payment addresses"):
        found = ask_relay(
            settings.data_dir, "/v1/payments/unswept", {"chain_id": chain_id}, timeout_s=_SWEEP_TIMEOUT_S
        )
    if is_sent:
        wanted = [one for one in found if chain_id is not None or one["chain"] == one["request_chain"]]
        send_all(settings.data_dir, wanted, as_json=as_json, timeout_s=_SWEEP_TIMEOUT_S)
    elif as_json:
        show(found, as_json=True)
    else:
        print_unswept(found)


def _decide(above: dict[str, Any], given: dict[str, Any], request: str, decision: str, reason: str) -> Any:
    from minirelay.cli.operating import ask_relay

    if not re.fullmatch(r"(0x)?[0-9A-Fa-f]{1,64}…?", request):
        raise ConfigError(f"{request}: not a request; `minirelay payments` lists them, as 0x and digits")
    settings = read_settings(merge_flags(above, given))
    named = request.removesuffix("…")
    return ask_relay(settings.data_dir, f"/v1/payments/{named}/{decision}", {"reason": reason})


def _shown(request: str) -> str:
    return request[: 2 + _REQUEST_DIGITS]


async def _read(
    settings: "Settings",
    shop_id: str | None,
    order_id: str | None,
    states: Sequence[str],
    *,
    is_whole: bool,
) -> list[Row]:
    from minirelay.operations.payment_document import describe_payment, needs_somebody
    from minirelay.shop.issued_requests import RequestState
    from minirelay.store.payment_list import PAGE, PaymentFilter

    async with reading(settings) as reader:
        shop = None if shop_id is None else (await find(reader, shop_id)).shop_id
        wanted = PaymentFilter(
            shop,
            await _find_order(reader, shop, order_id),
            frozenset(map(RequestState, states)) if states else None,
        )
        rows: list[Row] = []
        before = None
        while True:
            page = await reader.list_payments(wanted, before)
            shown = [one for one in page if is_whole or needs_somebody(one)]
            ids = [one.request_id for one in shown]
            seen = await reader.payment_transfers(ids)
            decided = await reader.payment_decisions(ids)
            unread = await reader.unread_chains(ids)
            rows += [
                describe_payment(
                    one,
                    [it for it in seen if it.request_id == one.request_id],
                    [it for it in decided if it.request_id == one.request_id],
                    unread.get(one.request_id, ()),
                )
                for one in shown
            ]
            if len(page) < PAGE:
                return rows
            before = page[-1].row


async def _find_order(reader: "Reader", shop: int | None, text: str | None) -> bytes | None:
    """Find an order by its id, by its first digits, or shortened as the list shows it."""
    from minirelay.store.payment_list import PAGE, PaymentFilter

    if text is None:
        return None
    first, cut, last = text.partition(CUT)
    if not re.fullmatch(r"0x[0-9A-Fa-f]+|[0-9]+", first) or not re.fullmatch("[0-9]*", last):
        raise ConfigError(f"{text}: not the id of an order; it is a number, like 17 or 0x11")
    found, before = set[int](), None
    while True:
        page = await reader.list_payments(PaymentFilter(shop), before)
        found |= {int.from_bytes(one.order_id) for one in page}
        if len(page) < PAGE:
            break
        before = page[-1].row
    whole = int(first, 16 if first.startswith("0x") else 10)
    named = {one for one in found if str(one).startswith(first) and str(one).endswith(last)}
    if not cut and (whole in found or not named):
        named = {whole}
    if len(named) > 1:
        raise ConfigError(f"{text}: the ids of {len(named)} orders begin like this; give more digits")
    try:
        return next(iter(named), 0).to_bytes(8)
    except OverflowError as error:
        raise ConfigError(f"{text}: not the id of an order; it has at most 64 bits") from error


def _print_csv(rows: Sequence[Row]) -> None:
    fields = (
        [name for name in rows[0] if name not in ("observed", "decisions", "not_looked_at")]
        if rows
        else ["request"]
    )
    writer = csv.DictWriter(sys.stdout, fields, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)


def _cells(row: Row) -> list[str]:
    return [
        row["state"],
        short_order(row["order"]),
        row["asked_shown"],
        row["received_shown"],
        row["currency_shown"],
        row["until"][5:16].replace("T", " "),
        row["request"][: 2 + _REQUEST_DIGITS],
    ]


def _print_strays(rows: Sequence[Row]) -> None:
    """Say what lies where it was not asked for, and on which chain."""
    lines = [
        f"{_shown(row['request'])}: {it['amount_shown']} {it['currency_shown']} that it did not ask for "
        f"{'lie' if it['chain'] == row['chain'] else 'came'} on chain {it['chain']}"
        for row in rows
        for it in row["observed"]
        if it["kind"] == "stray"
    ]
    for line in lines[:MOST_STRAYS]:
        click.echo(folded(line))
    if len(lines) > MOST_STRAYS:
        click.echo(f"… and {len(lines) - MOST_STRAYS:,} more like that; --json has them")
    if lines:
        click.echo("what can be done about it: minirelay help money")


def _print_table(rows: Sequence[Row], *, is_cut: bool) -> None:
    shown = rows[:MOST_SHOWN] if is_cut else rows
    several = len({row["shop"] for row in rows}) > 1
    is_shortened = False
    by_shop: dict[str, list[Row]] = {}
    for row in shown:
        by_shop.setdefault(row["shop"], []).append(row)
    for shop_id, own in by_shop.items():
        if several:
            click.secho(f"Shop {shortened(shop_id)}", bold=True)
        cells = list(map(_cells, own))
        if not fits(_COLUMNS, cells):
            cells = [
                _cells(row | {name: cut_amount(row[name], _AMOUNT_WIDTH) for name in _AMOUNTS}) for row in own
            ]
            is_shortened = is_shortened or any(CUT in amount for row in cells for amount in row[2:4])
        echo_table(_COLUMNS, cells, left=("state", "of", "until (UTC)", "request"))
    if is_shortened:
        click.echo("…: more digits in a wider terminal, and with --csv and --json")
    if is_cut:
        click.echo(f"… and {len(rows) - MOST_SHOWN:,} more; --all, --csv and --json have them")
