"""Money at a payment address that its request did not ask for: other tokens that the shop accepts (spec 06).

Each address is searched once: when its request's time is over, or when it is paid: who sent the wrong token
first has often sent the right one then. Nothing waits for it.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from minirelay.chain.findings import BalancesAt
from minirelay.payments.submissions import WriteOwn
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.relay.own_write import OwnSets
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.draft import Draft
from minirelay.shop.work import Work

MOST_TOKENS: Final = 16
"""Of one shop, the first of its manifest: a clerk may list thousands."""

MOST_PAIRS: Final = 200
"""That one poll looks at, behind all others."""

MOST_WAITING: Final = 10_000
"""Addresses; beyond it the oldest are given up. Those that rest are searched in their turn."""

SEARCHED_S: Final = 3600
"""A token that does not say what lies at an address is asked for so long."""


class _Search(msgspec.Struct):
    """since: epoch seconds. tokens: that are left to be asked; None as long as they are not known."""

    one: WatchedPayment
    since: int
    tokens: set[bytes] | None = None


class StraySearch:
    """The searches of one chain that are under way."""

    def __init__(self, chain_id: int, write_own: WriteOwn) -> None:
        """write_own: by which a shop's manifest is looked into; nothing is written."""
        self._chain_id = chain_id
        self._write_own = write_own
        self._searches: dict[bytes, _Search] = {}
        self._by_address: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        """Count the searches."""
        return len(self._searches)

    def begin(self, one: WatchedPayment, now: int) -> None:
        """Search at the address of a request, unless that was done. now: epoch seconds."""
        if one.is_searched or not one.address:
            return
        one.is_searched = True
        self._searches[one.id] = _Search(one, now)
        self._by_address[one.address] = one.id
        if len(self._searches) > MOST_WAITING:
            self._end(next(iter(self._searches)))

    def pairs(self) -> list[tuple[bytes, bytes]]:
        """List tokens and addresses to look at now."""
        found: list[tuple[bytes, bytes]] = []
        for search in self._searches.values():
            found += [(token, search.one.address) for token in sorted(search.tokens or ())]
            if len(found) >= MOST_PAIRS:
                break
        return found[:MOST_PAIRS]

    def take(self, found: BalancesAt) -> list[WatchedPayment]:
        """Take note of what lies there; return the requests at whose addresses something does."""
        strays: dict[bytes, WatchedPayment] = {}
        for balance in found.balances:
            search = self._searches.get(self._by_address.get(balance.holder, b""))
            if search is None or balance.token not in (search.tokens or ()):
                continue
            (search.tokens or set()).discard(balance.token)
            if balance.amount:
                search.one.note_stray(balance.amount, found.block.id, balance.token)
                strays[search.one.id] = search.one
            if not search.tokens:
                self._end(search.one.id)
        return list(strays.values())

    async def learn_tokens(self, shop_id: Callable[[WatchedPayment], int], now: int) -> None:
        """Learn what the shops accept for which it is not known yet. Raises StoreError."""
        accepted: dict[int, frozenset[bytes]] = {}
        for search in list(self._searches.values()):
            if now > search.since + SEARCHED_S:
                self._end(search.one.id)
            elif search.tokens is None and len(accepted) < MOST_TOKENS:
                shop = shop_id(search.one)
                if shop not in accepted:
                    accepted[shop] = await self._accepted(shop)
                search.tokens = set(accepted[shop] - {search.one.issued.request.currency})
                if not search.tokens:
                    self._end(search.one.id)

    async def _accepted(self, shop_id: int) -> frozenset[bytes]:
        """Return what a shop accepts on this chain, and coins."""
        found: Mapping[bytes, object] = {}

        def look(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:  # noqa: ARG001
            nonlocal found
            manifest = Draft(head.state, work).manifest
            found = {} if manifest is None else manifest.accepted_currencies.get(self._chain_id, {})
            return None

        await self._write_own(shop_id, look)
        return frozenset([NATIVE_COIN, *list(found)[:MOST_TOKENS]])

    def _end(self, request_id: bytes) -> None:
        self._by_address.pop(self._searches.pop(request_id).one.address, None)
