"""What lay at payment addresses that did not ask for it, as rows, and what is told of it (spec 06 "Paid")."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from minirelay.chain.block import Block
from minirelay.chain.findings import FoundBalance
from minirelay.payments.alert_limits import AlertLimits
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind, about_stray
from minirelay.store.payment_rows import PaymentRows, PaymentTransfer, TransferKind

_MOST_AMOUNT: Final = 2**256 - 1

Stray = tuple[int, IssuedRequest, FoundBalance]
"""A shop's row id, a request of it, and what lies at its address."""


class KnownStrays(Protocol):
    """What was observed before: `store.reader.Reader`."""

    async def payment_transfers(self, ids: Iterable[bytes]) -> list[PaymentTransfer]:
        """Read what was observed for requests. Raises StoreError."""


class StrayFindings:
    """Those of one chain. Strays on another chain than their request's are a kind of alert of their own.

    Coins for dust cost next to nothing on some chains, and must not use up what may be told of others.
    """

    def __init__(
        self, chain_id: int, store: KnownStrays, limits: AlertLimits, clock: Callable[[], int]
    ) -> None:
        """clock: the relay's, epoch seconds."""
        self._chain_id = chain_id
        self._store = store
        self._limits = limits
        self._clock = clock

    async def rows(self, lying: Sequence[Stray], block: Block) -> tuple[PaymentRows, ...]:
        """Make rows of what is not known yet, and alerts of it. Raises StoreError."""
        if not lying:
            return ()
        stored = await self._store.payment_transfers([issued.id for _, issued, _ in lying])
        known = {one.key: one.amount for one in stored}
        now, rows = self._clock(), list[PaymentRows]()
        for shop, issued, balance in lying:
            is_elsewhere = issued.request.chain_id != self._chain_id
            transfer = PaymentTransfer(
                request_id=issued.id,
                kind=TransferKind.STRAY,
                token=balance.token,
                amount=min(balance.amount, _MOST_AMOUNT),
                block=block.id,
                chain_id=self._chain_id if is_elsewhere else None,
            )
            if transfer.amount > known.get(transfer.key, 0):
                told = self._limits.pass_on(shop, issued.card, self._alert(transfer), now)
                rows += PaymentRows.of(shop, (transfer,), (), told, now)
        return tuple(rows)

    def _alert(self, found: PaymentTransfer) -> PaymentAlert:
        is_elsewhere = found.chain_id is not None
        return PaymentAlert(
            kind=PaymentAlertKind.STRAY_ELSEWHERE if is_elsewhere else PaymentAlertKind.STRAY,
            place=(self._chain_id, found.token),
            request_id=found.request_id,
            amount=found.amount,
            told_of=about_stray(found.request_id, found.token, found.chain_id),
        )
