"""Payment requests for the operator's page: pages of them, or one with all that is known of it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from minirelay.operations.payment_decisions import find_request
from minirelay.operations.payment_document import PaymentDocument, describe_payment, needs_somebody
from minirelay.payments.decisions import may_be_accepted, may_be_dismissed
from minirelay.protocol.ids import OBJECT_ID_BYTES
from minirelay.shop.issued_requests import RequestState
from minirelay.store.payment_list import PAGE, ListedPayment, PaymentFilter
from minirelay.store.reader import Reader

MOST_LISTED: Final = 100
MOST_PAGES: Final = 4
"""Pages of the database that are read for one of ours: what needs nobody is passed over."""


class PaymentPage(msgspec.Struct, frozen=True):
    """Some payments, the newest first. before: what to ask for the ones behind them with; None: no more."""

    payments: list[PaymentDocument]
    before: int | None


class PaymentViews:
    """Reads payment requests."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def page(
        self,
        *,
        shop_id: int | None,
        order_id: int | None,
        states: frozenset[RequestState] | None,
        before: int | None,
        most: int,
        is_whole: bool,
    ) -> PaymentPage:
        """List the newest, at most `most`. is_whole: also those that need nobody. Raises StoreError."""
        order = None if order_id is None else order_id.to_bytes(OBJECT_ID_BYTES)
        wanted = PaymentFilter(shop_id, order, states)
        found: list[ListedPayment] = []
        for _ in range(MOST_PAGES):
            rows = await self._reader.list_payments(wanted, before)
            for row in rows:
                before = row.row
                if is_whole or needs_somebody(row):
                    found.append(row)
                if len(found) >= most:
                    return PaymentPage(await self._describe(found), before)
            if len(rows) < PAGE:
                return PaymentPage(await self._describe(found), None)
        return PaymentPage(await self._describe(found), before)

    async def one(self, named: str) -> PaymentDocument:
        """Describe a request. named: see `find_request`. Raises NoSuchPayment, StoreError."""
        request = await find_request(self._reader, named)
        wanted = PaymentFilter(request.request.shop_id, request.order_id)
        before = None
        while True:
            rows = await self._reader.list_payments(wanted, before)
            own = [row for row in rows if row.request_id == request.id]
            if own or len(rows) < PAGE:
                (described,) = await self._describe(own)
                return described
            before = rows[-1].row

    async def _describe(self, rows: Sequence[ListedPayment]) -> list[PaymentDocument]:
        ids = [row.request_id for row in rows]
        seen = await self._reader.payment_transfers(ids)
        decided = await self._reader.payment_decisions(ids)
        unread = await self._reader.unread_chains(ids)
        return [
            {
                **describe_payment(
                    row,
                    [one for one in seen if one.request_id == row.request_id],
                    [one for one in decided if one.request_id == row.request_id],
                    unread.get(row.request_id, ()),
                ),
                "needs_somebody": needs_somebody(row),
                "can_accept": may_be_accepted(row.state),
                "can_dismiss": may_be_dismissed(row.state),
            }
            for row in rows
        ]
