"""What is known of the money for one request, put together from what polls find (spec 06 "What counts").

It asks nothing and decides nothing: polls tell it of events and balances, and it says what they come to
(`Evidence`), and what of that is not stored yet.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from minirelay.payments.address_balance import AddressBalance
from minirelay.payments.evidence import Evidence, PaidIn
from minirelay.payments.payment_events import PaymentEvents
from minirelay.payments.states import DONE
from minirelay.payments.stored_transfers import StoredTransfers, event_of, event_row
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.block_id import BlockId
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.payment_rows import PaymentTransfer, TransferKind

_NOTHING: Final = Evidence()
_HAVE_MONEY: Final = frozenset({RequestState.SHORT, RequestState.SEEN})


class WatchedPayment:
    """One request, its address, and what is known of the money for it.

    shop: row id. address: 20 bytes. is_closed: its order is paid or canceled. is_woken: it rested before.
    is_searched: what it does not ask for is looked for. submitted: what was decided about last.
    """

    __slots__ = (
        "_is_doubtful",
        "_is_over",
        "_paid_in",
        "_stored",
        "address",
        "balance",
        "events",
        "is_closed",
        "is_searched",
        "is_woken",
        "issued",
        "shop",
        "submitted",
    )

    def __init__(self, shop: int, issued: IssuedRequest, address: bytes, looked_at: int) -> None:
        """looked_at: when what lies at the address was known last, in epoch seconds."""
        self.shop = shop
        self.issued = issued
        self.address = address
        self.is_closed = False
        self.is_woken = False
        self.is_searched = False
        # What was seen before a restart, and is not any more, is news.
        self.submitted: Evidence | None = None if issued.state in _HAVE_MONEY else _NOTHING
        self.events = PaymentEvents()
        self.balance = AddressBalance(issued.request.ttl, looked_at, is_token=self.is_token)
        self._is_over = False
        self._is_doubtful = False
        self._paid_in: PaidIn | None = None
        self._stored = StoredTransfers()

    @property
    def id(self) -> bytes:
        """The PaymentID."""
        return self.issued.id

    @property
    def is_token(self) -> bool:
        """Whether it asks for a token: an event proves its payment."""
        return self.issued.request.currency != NATIVE_COIN

    @property
    def is_doubtful(self) -> bool:
        """Whether the block that it was paid in is in the chain no more, and nothing else is known yet."""
        return self._is_doubtful

    @property
    def paid_in(self) -> PaidIn | None:
        """The block that it was paid in, None as long as it is not."""
        return self._paid_in

    def restore(self, stored: Iterable[PaymentTransfer]) -> None:
        """Take up what was stored before a restart."""
        for one in stored:
            if one.kind is TransferKind.STRAY:
                # What it did not ask for is the search's, and no news of its own.
                continue
            self._stored.add(one)
            if one.kind is TransferKind.EVENT:
                self.events.restore(event_of(one), is_proven=one.is_proven, is_in_time=one.is_in_time)
            elif one.kind is TransferKind.BALANCE:
                self.balance.restore_deep(one.amount, one.block)
            elif one.kind is TransferKind.TRANSFER:
                self.balance.restore_arrival(one.amount, one.block)
        if self.issued.state in DONE:
            self._paid_in = self._payer()

    def forget_above(self, number: int) -> bool:
        """Forget what is in blocks above this one, which never were; return whether anything was."""
        is_other = self.events.forget_above(number)
        is_other = self.balance.forget_above(number) or is_other
        if self._paid_in is not None and self._paid_in.block.number > number:
            self._is_doubtful = is_other = True
        return is_other

    def begin_again(self) -> None:
        """Begin to watch it again, long after its time was over; what is known of it is what is stored."""
        self.is_woken = self._is_over = True
        if self.issued.state is RequestState.EXPIRED:
            self.submitted = Evidence(is_over=True)

    def end_time(self) -> None:
        """Take note that its TTL has passed, and the last look was taken."""
        self._is_over = True

    def note_stored(self, evidence: Evidence) -> None:
        """Take note that evidence was decided about, and is stored."""
        for one in evidence.gone:
            self._stored.remove(one)
        for one in evidence.transfers:
            self._stored.add(one)
        self.submitted = evidence.lasting
        if evidence.has_unproven:
            self.events.note_told()
        if self.issued.state in DONE and evidence.paid_in is not None:
            if evidence.is_moved or self._paid_in is None:
                self._paid_in = evidence.paid_in
            self._is_doubtful = False

    def paid_by(self, required: int) -> PaidIn | None:
        """Return where so much is, proven and in a deep block; None if it is not there."""
        return self._payer() if self._sums()[1] >= max(1, required) else None

    def news(
        self,
        newest_deep: BlockId | None,
        is_read_to: int,
        *,
        is_last: bool,
        is_held: bool = False,
        is_contradicted: bool = False,
    ) -> Evidence | None:
        """Return what all of it comes to, None if that was decided about already.

        newest_deep: which an order that costs nothing is paid in. is_read_to: the number of the block up to
        which all logs are known. is_last: nothing that comes later matters. is_held: what is proven does not
        count yet. is_contradicted: another endpoint says otherwise.
        """
        if self._is_unknown and self.issued.state in _HAVE_MONEY:
            # What had arrived is told when it is known what became of it.
            return None
        evidence = self._evidence(newest_deep, is_read_to, is_last=is_last)
        if is_held:
            evidence = msgspec.structs.replace(evidence, settled=0, is_emptied=False, paid_in=None)
        if is_contradicted:
            evidence = msgspec.structs.replace(evidence, is_contradicted=True)
        return evidence if evidence.is_told_once or evidence.lasting != self.submitted else None

    @property
    def _is_unknown(self) -> bool:
        """Whether nobody knows what is there: it was not looked at, or swept in a block that is not deep."""
        return not self.balance.is_decided and not self.events.items() and not self._is_over

    def _evidence(self, newest_deep: BlockId | None, is_read_to: int, *, is_last: bool) -> Evidence:
        seen, settled = self._sums()
        paid_in = self._payer() if self.issued.request.amount else self._paid_for_nothing(newest_deep)
        transfers, gone = self._stored.compare(self._transfers(), is_read_to)
        return Evidence(
            in_time=max(seen, settled),
            settled=settled,
            too_late=self._too_late(),
            has_unproven=self.events.has_untold and not self.events.has_proof,
            is_emptied=self.balance.is_emptied(is_read_to) and not self.events.unjudged,
            is_over=self._is_over,
            is_moved=self._is_doubtful and settled >= self._needed and paid_in not in (None, self._paid_in),
            is_gone=self._is_gone(max(seen, settled), is_read_to),
            paid_in=paid_in,
            transfers=transfers,
            gone=gone,
            is_unreadable=self.balance.is_unreadable,
            left=self.balance.left,
            is_last=is_last,
        )

    def _sums(self) -> tuple[int, int]:
        """Sum up what came in time: in any block, and proven in deep ones."""
        total = self.issued.request.amount
        by_events = total * self.events.count(is_in_time=True)
        by_proofs = total * self.events.count(is_in_time=True, is_proven=True)
        return self.balance.sum_up(by_events, by_proofs, self.events.last_block)

    def _too_late(self) -> int:
        late = self.issued.request.amount * self.events.count(is_in_time=False)
        return late + self.balance.too_late

    def _payer(self) -> PaidIn | None:
        """Return where the money is: the first event that proves it, else the balance in a deep block."""
        proof = self.events.first_proof()
        if proof is not None:
            return PaidIn(*proof)
        at = self.balance.paid_at
        return None if at is None else PaidIn(at)

    def _paid_for_nothing(self, newest_deep: BlockId | None) -> PaidIn | None:
        if self._paid_in is not None or newest_deep is None:
            return self._paid_in
        return PaidIn(newest_deep)

    @property
    def _needed(self) -> int:
        """What has to be there of a payment that settled its order."""
        return min(self.issued.request.amount, self.issued.received)

    def _is_gone(self, seen: int, is_read_to: int) -> bool:
        """Return whether what paid it is not in the chain any more, though all of it was read again."""
        if not self._is_doubtful or self._paid_in is None or not self.balance.is_known:
            return False
        return is_read_to >= self._paid_in.block.number and seen < self._needed

    def _transfers(self) -> list[PaymentTransfer]:
        currency = self.issued.request.currency
        lying = [
            (TransferKind.BALANCE, currency, self.balance.deep),
            (TransferKind.TRANSFER, currency, self.balance.arrival),
        ]
        found = [
            PaymentTransfer(request_id=self.id, kind=kind, token=token, amount=one.amount, block=one.block)
            for kind, token, one in lying
            if one is not None
        ]
        return found + [
            event_row(self.issued, key, event) for key, event in self.events.items() if event.is_deep
        ]
