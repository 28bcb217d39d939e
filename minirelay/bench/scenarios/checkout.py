"""What a commit and a payment choice cost on the event loop, beside a write of one patch."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.fixtures import SHOP_ID, TERMS, Fixtures, prepare
from minirelay.bench.meters import US_PER_S
from minirelay.bench.report import Figure, Section
from minirelay.protocol.cbor import Value
from minirelay.protocol.patch_set import NewPatch
from minirelay.relay.client_write import ClientWrite
from minirelay.relay.facts_source import NoChains
from minirelay.shop.checkout_facts import ChainHead, Facts, TokenFacts
from minirelay.shop.order_states import STATE_FIELD, OrderState

LISTINGS: Final = 100
ORDERS: Final = 256
CHAIN: Final = 1
TOKEN: Final = b"\x70" * 20
PAYEE: Final = b"\x71" * 20

_CURRENCY: Final[Value] = {"ChainID": CHAIN, "Address": TOKEN}
_PAYEE: Final[Value] = {"Address": {"ChainID": CHAIN, "Address": PAYEE}, "CallAsContract": False}
_MANIFEST: Final[Value] = {
    "ShopID": SHOP_ID,
    "Payees": {CHAIN: {PAYEE: {"CallAsContract": False}}},
    "AcceptedCurrencies": {CHAIN: {TOKEN: {}}},
    "PricingCurrency": _CURRENCY,
    "ShippingRegions": {"default": {"Country": "", "PostalCode": "", "City": ""}},
}
_ADDRESS: Final[Value] = {
    "Name": "Ada",
    "Address1": "Street 1",
    "City": "Bonn",
    "PostalCode": "53111",
    "Country": "DE",
    "EmailAddress": "ada@example.org",
}


class _OneChain(NoChains):
    """Knows a chain, and a token there: what the choices of this benchmark need."""

    def facts(self, now: int) -> Facts:
        """Return them."""
        return Facts(now, {CHAIN: ChainHead(1, now, now)}, {(CHAIN, TOKEN): TokenFacts(2)})


_TERMS: Final = replace(TERMS, facts=_OneChain())


def run(bench: Bench) -> Section:
    """Commit orders, then choose how they are paid."""
    bench.tell(f"checkout: {ORDERS:,} orders")
    with tempfile.TemporaryDirectory(prefix="minirelay-bench-", dir=bench.directory) as directory:
        plain, commit, choice = asyncio.run(_measure(Path(directory)))
    figures = (
        Figure("a write of one patch", plain, "µs CPU"),
        Figure("a commit that reserves", commit, "µs CPU"),
        Figure("  a commit, in writes of one patch", commit / plain, "x", goals.COST_OF_CHECKOUT),
        Figure("a payment choice, with the relay's answer", choice, "µs CPU"),
        Figure("  a choice, in writes of one patch", choice / plain, "x", goals.COST_OF_CHECKOUT),
    )
    notes = (f"From a set's bytes to its commit, on the loop; {ORDERS} of each, {LISTINGS} listings.",)
    return Section("checkout", "Orders", figures, notes)


async def _measure(directory: Path) -> tuple[float, float, float]:
    async with prepare(directory, LISTINGS) as shop:
        listing = shop.author.listing_id(0)
        _enter(shop, NewPatch("replace", ("Manifest",), _MANIFEST))
        _enter(shop, NewPatch("add", ("Inventory", listing), ORDERS))
        for order in range(1, ORDERS + 1):
            _enter(shop, NewPatch("add", ("Orders", order), _order(order, listing)))
        plain = [_time(shop, one) for one in shop.price_changes(ORDERS)]
        commits = [_enter(shop, _move(order, OrderState.COMMITTED)) for order in range(1, ORDERS + 1)]
        choices = [_enter(shop, *_choice(order)) for order in range(1, ORDERS + 1)]
    return median(plain), median(commits), median(choices)


def _enter(shop: Fixtures, *patches: NewPatch) -> float:
    """Write a set; return what it costs, in µs."""
    return _time(shop, shop.request(shop.author.seal(*patches)))


def _time(shop: Fixtures, request: ClientWrite) -> float:
    request.terms = _TERMS
    begin = time.thread_time()
    request.decode()
    request.verify()
    shop.enter(request)
    return (time.thread_time() - begin) * US_PER_S


def _order(order: int, listing: int) -> Value:
    items: list[Value] = [{"ListingID": listing, "Quantity": 1}]
    return {"ID": order, "Items": items, STATE_FIELD: int(OrderState.OPEN), "ShippingAddress": _ADDRESS}


def _move(order: int, state: OrderState) -> NewPatch:
    return NewPatch("replace", ("Orders", order, STATE_FIELD), int(state))


def _choice(order: int) -> Sequence[NewPatch]:
    return (
        NewPatch("replace", ("Orders", order, "ChosenCurrency"), _CURRENCY),
        NewPatch("replace", ("Orders", order, "ChosenPayee"), _PAYEE),
        _move(order, OrderState.PAYMENT_CHOSEN),
    )
