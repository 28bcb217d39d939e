"""Orders of a real relay's shop, and money for them as a watcher finds it."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from minirelay.payments.evidence import Evidence, PaidIn
from minirelay.payments.settlement import SettlementTerms, settlement
from minirelay.protocol.block_id import BlockId
from minirelay.relay.clock import utc_now
from minirelay.relay.own_write import OwnSets
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.store.payment_rows import PaymentTransfer, TransferKind
from tests.limits import WRITES
from tests.raw_client import Talker
from tests.relay.fixed_facts import CHAIN, FixedFacts
from tests.relay.house import SHOP, House, running_relay
from tests.relay.selling import CAP, Selling, known_facts, write
from tests.shop.checkouts import buy, item
from tests.shop.patching import number

BLOCK = BlockId(9, b"\x09" * 32)
TRANSACTION = b"\x0a" * 32
PAID_IN = PaidIn(BLOCK, TRANSACTION)


def event(request: IssuedRequest, index: int = 1) -> PaymentTransfer:
    """An event that pays a request."""
    return PaymentTransfer(
        request_id=request.id,
        kind=TransferKind.EVENT,
        token=request.request.currency,
        amount=request.request.amount,
        block=BLOCK,
        transaction_hash=TRANSACTION,
        index=index,
    )


@dataclass
class Settling:
    """A shop with a guest, whose first order is to be paid. final_times: of the chains."""

    house: House
    shop: Selling
    guest: Talker
    facts: FixedFacts
    final_times: dict[int, int] = field(default_factory=dict)
    tolerance: int = 0
    terms: SettlementTerms = field(init=False)

    def __post_init__(self) -> None:
        self.terms = SettlementTerms(WRITES.checkout, self.final_times, self.tolerance)

    async def head(self) -> ShopHead:
        return await self.shop.head()

    async def order(self, order: int = 5) -> Any:
        return await self.shop.order(order)

    async def request(self, order: int = 5, which: int = -1) -> IssuedRequest:
        """A request as it is stored, the last of the order if no other is asked for."""
        row = await self.house.store.reader.shop(SHOP)
        assert row is not None
        found = await self.house.store.reader.payment_requests(row, orders=[number(order)])
        return list(found.values())[which]

    async def find(self, request: IssuedRequest, **found: Any) -> OwnSets | None:
        """Let something be found for a request."""
        decide = settlement(request, Evidence(**found), self.terms)
        return await self.house.relay.write_own(SHOP, decide)

    async def pay(self, request: IssuedRequest, amount: int | None = None, **more: Any) -> OwnSets | None:
        """Let money for a request be proven in a deep block."""
        money = request.request.amount if amount is None else amount
        found: dict[str, Any] = {
            "in_time": money,
            "settled": money,
            "paid_in": PAID_IN,
            "transfers": (event(request),),
        }
        found |= more
        return await self.find(request, **found)

    async def rows(self, sql: str) -> list[Any]:
        """Rows of the database."""

        def read(db: sqlite3.Connection) -> list[Any]:
            return db.execute(sql).fetchall()

        return await self.house.store.writer.connection.run(read)

    async def alerts(self) -> list[tuple[str, int, int]]:
        """Kind, amount and urgency of the alerts, as they were raised."""
        found = await self.rows("SELECT kind, amount, is_urgent FROM alert ORDER BY id")
        return [(kind, int.from_bytes(amount), is_urgent) for kind, amount, is_urgent in found]

    def let_final_pass(self, request: IssuedRequest, later: int = 1) -> None:
        """Let the chain's final block be later than the request's TTL."""
        self.final_times[CHAIN] = request.request.ttl + later


@asynccontextmanager
async def settling(
    directory: Path, *, tolerance: int = 0, now: Callable[[], datetime] = utc_now
) -> AsyncIterator[Settling]:
    """Run a relay with an order of two caps, number 5, that waits for its payment."""
    facts = known_facts()
    async with running_relay(directory, facts=facts, now=now) as house:
        shop = await Selling.start(house)
        guest = await house.guest()
        await write(guest, buy(5, item(CAP, 2)))
        yield Settling(house, shop, guest, facts, tolerance=tolerance)


@asynccontextmanager
async def settling_again(directory: Path) -> AsyncIterator[Settling]:
    """Run that relay again."""
    facts = known_facts()
    async with running_relay(directory, facts=facts) as house:
        clerk, guest = await house.clerk(), await house.guest()
        yield Settling(house, Selling(house, clerk), guest, facts)
