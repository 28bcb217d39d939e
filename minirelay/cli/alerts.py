"""`minirelay alerts`: what a person has to see to; `minirelay alerts ack` says that it was."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.cli.inspection import FOR_READING, reading, shortened
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, GroupWithSettings, merge_flags, read_settings
from minirelay.cli.tables import echo_table, folded, quantity, short_order
from minirelay.operations.alert_advice import ADVICE

if TYPE_CHECKING:
    from minirelay.config.settings import Settings
    from minirelay.store.alerts import Alert, AlertPage

COLUMNS: Final = ("id", "raised (UTC)", "what", "shop", "about")
_LAST_MINUTE: Final = len("2026-11-29T15:01")
_YEAR: Final = len("2026-")


@click.group(
    cls=GroupWithSettings,
    settings=FOR_READING,
    invoke_without_command=True,
    short_help="List what a person has to see to.",
)
@click.option("--all", "with_acknowledged", is_flag=True, help="Also those that were acknowledged.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def alerts(context: click.Context, /, with_acknowledged: bool, as_json: bool, **given: Any) -> None:
    """List what a person has to see to, urgent ones (!) first, then the newest.

    Listing only reads, and may run beside the relay.
    """
    if context.invoked_subcommand is not None:
        context.obj = given
        return
    settings = read_settings(given)
    with busy("reading the alerts"):
        page = asyncio.run(_read(settings, with_acknowledged))
    if as_json:
        from minirelay.operations.alert_document import describe_alert

        show([describe_alert(alert) for alert in page.alerts], as_json=True)
    elif not page.alerts:
        click.echo("no alerts: there is nothing to see to")
    else:
        _print_table(page)


@alerts.command(cls=CommandWithSettings, settings=FOR_READING)
@click.argument("alert_ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def ack(above: dict[str, Any], /, alert_ids: tuple[int, ...], as_json: bool, **given: Any) -> None:
    """Acknowledge alerts: they were seen to, and are listed no more.

    It goes through the running relay. An alert comes back when there is more of the same.
    """
    from minirelay.cli.operating import ask_relay

    settings = read_settings(merge_flags(above, given))
    acknowledged = []
    for alert_id in alert_ids:
        acknowledged.append(ask_relay(settings.data_dir, f"/v1/alerts/{alert_id}/acknowledge"))
        if not as_json:
            click.echo(f"alert {alert_id} is acknowledged: {acknowledged[-1]['kind']}")
    if as_json:
        show(acknowledged, as_json=True)


async def _read(settings: "Settings", with_acknowledged: bool) -> "AlertPage":
    async with reading(settings) as reader:
        return await reader.alerts(with_acknowledged=with_acknowledged)


def _print_table(page: "AlertPage") -> None:
    echo_table(COLUMNS, [_row(alert) for alert in page.alerts], left=COLUMNS[1:])
    for alert in page.alerts:
        if detail := _detail(alert):
            click.echo(folded(f"{alert.id}: {detail}"))
    for kind in dict.fromkeys(alert.kind for alert in page.alerts):
        if kind in ADVICE:
            click.echo(folded(f"{kind}: {ADVICE[kind]}"))
    if page.total > len(page.alerts):
        click.echo(f"and {quantity(page.total - len(page.alerts), 'alert')} more")
    if any(alert.order_ids for alert in page.alerts):
        click.echo("what came for an order: minirelay payments --order ID")
    click.echo("seen to: minirelay alerts ack ID; more: minirelay help alerts, help money")


def _row(alert: "Alert") -> list[str]:
    from minirelay.operations.alert_document import describe_alert

    raised = str(describe_alert(alert)["raised_at"])[_YEAR:_LAST_MINUTE].replace("T", " ")
    mark = "! " if alert.is_urgent else "✓ " if alert.acknowledged_at is not None else ""
    times = f" ({alert.count}x)" if alert.count > 1 else ""
    times += ", ended" if alert.ended_at is not None else ""
    shop = "" if alert.shop_id is None else shortened(str(alert.shop_id))
    return [str(alert.id), raised, f"{mark}{alert.kind}{times}", shop, _about(alert)]


def _detail(alert: "Alert") -> object:
    from minirelay.operations.alert_document import describe_alert

    return describe_alert(alert)["detail"]


def _about(alert: "Alert") -> str:
    """Name the first order, or else the payee or currency."""
    from minirelay.chain.token_symbols import show_currency

    if alert.order_ids:
        further = max(alert.request_count, len(alert.order_ids)) - 1
        more = f" +{further}" if further else ""
        return f"order {short_order(str(int.from_bytes(alert.order_ids[0])))}{more}"
    if alert.address is None or alert.chain_id is None:
        return ""
    return show_currency(alert.chain_id, alert.address)
