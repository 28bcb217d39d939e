"""Looks for stock that unpaid orders hold for long, beside the sequencers (spec 06 "Commit")."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from minirelay.errors import MinirelayError
from minirelay.protocol.ids import show_shop
from minirelay.relay.own_write import Decide, OwnSets
from minirelay.relay.shop_head import ShopHead
from minirelay.relay.shops import HostedShop
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.draft import Draft
from minirelay.shop.stock_watch import HeldStock, StockWatch
from minirelay.shop.work import Work
from minirelay.store.stock_rows import StockAlertRows

LOOK_EVERY_S: Final = 1200.0

log = logging.getLogger(__name__)


class OwnWriter(Protocol):
    """The relay, as far as this asks it."""

    @property
    def shops(self) -> Iterable[HostedShop]:
        """Return all shops that are in use."""

    async def write_own(self, shop_id: int, decide: Decide) -> OwnSets | None:
        """Write what is decided on a shop's head."""


class StockAlerts:
    """Looks at each shop in memory now and then; nobody reserves stock of the others.

    A look is a write of the relay's own: much work is done beside the loop. Its memory is that of one run.
    """

    def __init__(self, relay: OwnWriter) -> None:
        """relay: that runs."""
        self._relay = relay
        self._found: dict[int, StockWatch] = {}

    async def run(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self.look()

    async def look(self) -> None:
        """Look at all shops, one after the other; alert of what is found."""
        for hosted in list(self._relay.shops):
            if hosted.sequencer.head is None:
                continue
            try:
                await self._look_at(hosted.row.shop_id)
            except MinirelayError as error:
                log.warning(
                    "stock that is held for long could not be looked for",
                    extra={"shop": show_shop(hosted.row.shop_id), "reason": str(error)},
                )

    async def _look_at(self, shop_id: int) -> None:
        look = _Look(self._found.get(shop_id, StockWatch()))
        await self._relay.write_own(shop_id, look.decide)
        # Only now: what could not be stored, is told at the next look.
        self._found[shop_id] = look.found
        for one in look.told:
            _tell(shop_id, one)


class _Look:
    """One look at a shop. It may be taken several times; the last counts."""

    def __init__(self, before: StockWatch) -> None:
        self._before = before
        self.found = before
        self.told: tuple[HeldStock, ...] = ()

    def decide(self, head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:
        stock: Callable[[bytes], int | None] = Draft(head.state, work).stock
        reservations = head.records.reservations
        self.told, self.found = self._before.look(reservations, stock, facts.now, work)
        if not self.told:
            return None
        return OwnSets(rows=(StockAlertRows(head.row.row_id, self.told, facts.now),))


def _tell(shop_id: int, held: HeldStock) -> None:
    log.warning(
        "unpaid orders hold more than half of a stock for over two hours",
        extra={
            "shop": show_shop(shop_id),
            "listing": int.from_bytes(held.key[:8]),
            "stock": held.stock,
            "reserved": held.reserved,
            "key_cards": ", ".join([f"{card}: {units}" for card, units in held.holders]),
        },
    )
