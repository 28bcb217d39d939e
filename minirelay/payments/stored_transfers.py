"""What was found for one request as rows of the store: which are stored as they are, and which are not."""

from collections.abc import Sequence

from minirelay.chain.findings import FoundLog
from minirelay.payments.payment_events import EventKey, PaymentEvent
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.store.payment_rows import PaymentTransfer, TransferKind


class StoredTransfers:
    """The rows that are stored of one request."""

    __slots__ = ("_by_key",)

    def __init__(self) -> None:
        """Start with none."""
        self._by_key: dict[tuple[object, ...], PaymentTransfer] = {}

    def add(self, one: PaymentTransfer) -> None:
        """Take note that a row is stored, in the place of the one with its key."""
        self._by_key[one.key] = one

    def remove(self, one: PaymentTransfer) -> None:
        """Take note that a row is not stored any more."""
        self._by_key.pop(one.key, None)

    def compare(
        self, current: Sequence[PaymentTransfer], is_read_to: int
    ) -> tuple[tuple[PaymentTransfer, ...], tuple[PaymentTransfer, ...]]:
        """Return what is not stored as it is, and what is stored and is not in the chain any more.

        current: what there is now. is_read_to: the number of the block up to which all logs are known.
        """
        keys = {one.key for one in current}
        gone = [
            one for key, one in self._by_key.items() if key not in keys and is_read_to >= one.block.number
        ]
        return tuple([one for one in current if self._by_key.get(one.key) != one]), tuple(gone)


def event_row(issued: IssuedRequest, key: EventKey, event: PaymentEvent) -> PaymentTransfer:
    """Return an event of a request as it is stored."""
    request = issued.request
    return PaymentTransfer(
        request_id=issued.id,
        kind=TransferKind.EVENT,
        token=request.currency,
        amount=request.amount,
        block=event.block,
        transaction_hash=key[0],
        index=key[1],
        is_proven=event.is_proven,
        is_in_time=event.is_in_time,
    )


def event_of(row: PaymentTransfer) -> FoundLog:
    """Return the event that a row tells of, as far as it is stored."""
    return FoundLog(b"", (b"", row.request_id), b"", row.block, row.transaction_hash, row.index)
