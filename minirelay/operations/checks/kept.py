"""What the database tells: alerts that nobody has seen to, and payees that can't be paid."""

from collections.abc import Mapping, Sequence
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.config.settings import Settings
from minirelay.errors import MinirelayError
from minirelay.operations.checks.result import Line, Result, fail, ok, warn
from minirelay.payments.contract_probes import takes_coin
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.signing import checksum_address
from minirelay.shop.canonical import load
from minirelay.shop.objects import Manifest
from minirelay.store.alerts import AlertPage
from minirelay.store.reader import Reader

MOST_SHOPS: Final = 50
MOST_PAYEES: Final = 100
"""So many are looked at, of the first shops."""

Payee = tuple[int, bytes]
"""Chain id and address."""


def judge_alerts(page: AlertPage) -> Result:
    """Say how many alerts wait for a person."""
    if not page.total:
        return ok(Line.ALERTS, "none")
    urgent = sum(one.is_urgent for one in page.alerts)
    kinds = ", ".join(sorted({one.kind for one in page.alerts}))
    what = fail if urgent else warn
    text = f"{page.total} not seen to, {urgent} of them urgent: {kinds}"
    return what(Line.ALERTS, text, "`minirelay alerts` lists them; docs/alerts.md says what to do")


async def read_payees(reader: Reader) -> list[Payee]:
    """List the payees of the shops that are hosted, up to MOST_PAYEES. Raises StoreError."""
    found: dict[Payee, None] = {}
    for row in (await reader.shops())[:MOST_SHOPS]:
        for one in await reader.load_objects(row.row_id):
            if one.object_type is ObjectType.MANIFEST:
                found |= dict.fromkeys(_payees_of(one.value))
    return list(found)[:MOST_PAYEES]


def _payees_of(value: bytes) -> list[Payee]:
    payees = load(Manifest, value).payees
    return [(chain_id, bytes(one)) for chain_id, them in payees.items() for one in them]


async def check_payees(
    payees: Sequence[Payee], chains: Mapping[int, Chain], settings: Settings
) -> list[Result]:
    """Try whether payees take the coin with the gas that a sweep leaves them."""
    found, tried = [], 0
    for chain_id, address in payees:
        shown = f"{checksum_address(address)} on chain {chain_id}"
        if chain_id not in chains:
            continue
        try:
            takes = await takes_coin(chains[chain_id], bytes(settings.chain(chain_id).payments), address)
        except MinirelayError as error:
            return [warn(Line.PAYEES, f"not known: {error}", "see the lines of the endpoints")]
        tried += 1
        if not takes:
            remedy = "let the shop's owner name another payee, whose code takes coins with 2,300 gas"
            found.append(fail(Line.PAYEES, f"{shown} can't be paid in coins", remedy))
    return found or [ok(Line.PAYEES, _describe(tried, len(payees) - tried))]


def _describe(tried: int, untried: int) -> str:
    if not untried:
        return f"{tried} tried, all take coins" if tried else "none yet"
    others = f"{untried} not tried: their chains have no endpoint here"
    return f"{tried} tried, all take coins; {others}" if tried else others
