"""What was observed of payments, and who has to be told, as rows of one transaction (spec 06 "Paid").

They are a `batch.Writable`, and go beside the sets and records that they have caused, in `OwnSets.rows`.
`payment_records` reads them back.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from minirelay.protocol.block_id import BlockId
from minirelay.shop.payment_alerts import PaymentAlert
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.checkout_rows import AMOUNT_BYTES, CHAIN_ID_BYTES

_TRANSFER_BYTES: Final = 192
_ALERT_BYTES: Final = 256


class TransferKind(StrEnum):
    """How money was observed.

    EVENT: `PaymentMade`. BALANCE: what lay at the address. TRANSFER: a token's log, where the address was
    emptied. STRAY: a balance in what the request does not ask for.
    """

    EVENT = "event"
    BALANCE = "balance"
    TRANSFER = "transfer"
    STRAY = "stray"


class PaymentTransfer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An observation of money for a request.

    token: 20 bytes, NATIVE_COIN for coins. amount: in its units. transaction_hash, index: of the log; empty
    and 0 for balances, of which the last of a token is kept. is_proven: the money did move. is_deep: its
    block is. is_in_time: it came before the TTL. chain_id: where it is; None: on the request's own chain.
    """

    request_id: bytes
    kind: TransferKind
    token: bytes
    amount: int
    block: BlockId
    transaction_hash: bytes = b""
    index: int = 0
    is_proven: bool = True
    is_deep: bool = True
    is_in_time: bool = True
    chain_id: int | None = None

    @property
    def key(self) -> tuple[bytes, str, bytes, bytes, int, bytes]:
        """Return what tells it from others."""
        chain = b"" if self.chain_id is None else self.chain_id.to_bytes(CHAIN_ID_BYTES, "big")
        return self.request_id, self.kind.value, self.token, self.transaction_hash, self.index, chain


class PaymentRows(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of one shop. shop: row id. gone: transfers that are not in the chain any more.

    ended: of which alerts nobody has to hear any more, by what they were told of (`told_of`); before the
    others are raised. raised_at: of the alerts, epoch seconds.
    """

    shop: int
    transfers: tuple[PaymentTransfer, ...] = ()
    gone: tuple[PaymentTransfer, ...] = ()
    ended: tuple[str, ...] = ()
    alerts: tuple[PaymentAlert, ...] = ()
    raised_at: int = 0

    @property
    def weight(self) -> int:
        """Estimate the bytes that they write."""
        transfers = len(self.transfers) * (_TRANSFER_BYTES + ROW_BYTES) + len(self.gone) * ROW_BYTES
        transfers += len(self.ended) * ROW_BYTES
        return transfers + len(self.alerts) * (_ALERT_BYTES + ROW_BYTES)

    @property
    def epoch(self) -> None:
        """Return None: they are part of a commit, which is judged on a state."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put the rows in. Raises ValueError or OverflowError for what no row can hold."""
        for one in self.gone:
            batch.put(Kind.NO_PAYMENT_TRANSFER, one.key)
        for one in self.transfers:
            batch.put(Kind.PAYMENT_TRANSFER, one.key, *_transfer_values(one))
        for told_of in self.ended:
            batch.insert(Kind.NEEDLESS_ALERT, told_of, self.raised_at)
        for alert in self.alerts:
            _add_alert(batch, self.shop, alert, self.raised_at)

    @classmethod
    def of(
        cls,
        shop: int,
        transfers: Iterable[PaymentTransfer],
        gone: Iterable[PaymentTransfer],
        alerts: Iterable[PaymentAlert],
        raised_at: int,
        ended: Iterable[str] = (),
    ) -> "tuple[PaymentRows, ...]":
        """Make what there is to store: one of them, or none."""
        rows = cls(
            shop=shop,
            transfers=tuple(transfers),
            gone=tuple(gone),
            ended=tuple(ended),
            alerts=tuple(alerts),
            raised_at=raised_at,
        )
        return (rows,) if rows.weight else ()


def _transfer_values(one: PaymentTransfer) -> tuple[int | bytes, ...]:
    amount = one.amount.to_bytes(AMOUNT_BYTES, "big")
    return one.block.number, one.block.hash, amount, one.is_proven, one.is_deep, one.is_in_time


def _add_alert(batch: Batch, shop: int, alert: PaymentAlert, raised_at: int) -> None:
    amount = alert.amount.to_bytes(AMOUNT_BYTES, "big")
    if not alert.is_new:
        batch.insert(Kind.ALERT_AMOUNT, alert.told_of, amount, raised_at, alert.adds)
        return
    batch.insert(
        Kind.PAYMENT_ALERT,
        alert.kind.value,
        shop,
        alert.place[0].to_bytes(CHAIN_ID_BYTES, "big"),
        alert.place[1],
        alert.request_id or b"",
        raised_at,
        alert.is_urgent,
        amount,
        alert.adds,
        alert.told_of,
    )
