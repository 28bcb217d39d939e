"""What a commit and a payment choice cost on the event loop, beside writes that cause nothing."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
        costs = asyncio.run(_measure(Path(directory)))
    figures = (
        Figure("a write of one patch", costs.plain, "µs CPU"),
        Figure("a commit that reserves", costs.commit, "µs CPU"),
        Figure("  a commit, in writes of one patch", costs.commit / costs.plain, "x", goals.COST_OF_CHECKOUT),
        Figure("the patches of a choice, but for its state", costs.like, "µs CPU"),
        Figure("a payment choice, with the relay's answer", costs.choice, "µs CPU"),
        Figure("  in writes of those patches", costs.choice / costs.like, "x", goals.COST_OF_CHECKOUT),
        Figure("  in writes of one patch", costs.choice / costs.plain, "x"),
        Figure("the same choice again, with the same answer", costs.again, "µs CPU"),
        Figure("  in writes of those patches", costs.again / costs.like, "x", goals.COST_OF_CHECKOUT),
    )
    notes = (
        f"From a set's bytes to its commit, on the loop; {ORDERS} of each, {LISTINGS} listings.",
        "A choice is three patches in one set, and is answered by two in a set that the relay signs.",
    )
    return Section("checkout", "Orders", figures, notes)


@dataclass(frozen=True, slots=True)
class _Costs:
    """Medians, in µs. like: what a choice writes, with a part of an address instead of the state."""

    plain: float
    commit: float
    like: float
    choice: float
    again: float


async def _measure(directory: Path) -> _Costs:
    numbers = range(1, ORDERS + 1)
    async with prepare(directory, LISTINGS) as shop:
        listing = shop.author.listing_id(0)
        _enter(shop, NewPatch("replace", ("Manifest",), _MANIFEST))
        _enter(shop, NewPatch("add", ("Inventory", listing), ORDERS))
        for order in numbers:
            _enter(shop, NewPatch("add", ("Orders", order), _order(order, listing)))
        plain = [_time(shop, one) for one in shop.price_changes(ORDERS)]
        commits = [_enter(shop, _move(order, OrderState.COMMITTED)) for order in numbers]
        likes = [_enter(shop, *_chosen(order), _other_city(order)) for order in numbers]
        choices, again = ([_enter(shop, *_choice(order)) for order in numbers] for _ in range(2))
        return _Costs(*map(median, (plain, commits, likes, choices, again)))


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
    return (*_chosen(order), _move(order, OrderState.PAYMENT_CHOSEN))


def _chosen(order: int) -> Sequence[NewPatch]:
    return (
        NewPatch("replace", ("Orders", order, "ChosenCurrency"), _CURRENCY),
        NewPatch("replace", ("Orders", order, "ChosenPayee"), _PAYEE),
    )


def _other_city(order: int) -> NewPatch:
    return NewPatch("replace", ("Orders", order, "ShippingAddress", "City"), "Köln")
