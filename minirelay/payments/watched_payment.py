"""What is known of the money for one request, put together from what polls find (spec 06 "What counts").

It asks nothing and decides nothing: polls tell it of events and balances, and it says what they come to
(`Evidence`), and what of that is not stored yet.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from minirelay.chain.block import Block
from minirelay.chain.findings import FoundBalance, FoundLog
from minirelay.payments.payment_events import EventKey, PaymentEvent, PaymentEvents
from minirelay.payments.settlement import Evidence, PaidIn
from minirelay.payments.states import DONE
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.block_id import BlockId
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.payment_rows import PaymentTransfer, TransferKind

PART_INTERVAL_S: Final = 600
"""How often it is asked whether an address with a part of the total was swept, and the part was left there.

A sweeper leaves what a payee does not take with 2,300 gas (spec 06 "A swept address is dead").
"""

_NOTHING: Final = Evidence()
_HAVE_MONEY: Final = frozenset({RequestState.SHORT, RequestState.SEEN})


class Balance(msgspec.Struct, frozen=True, gc=False):
    """What lay at the address, at a block. is_swept: somebody swept the address."""

    amount: int
    block: BlockId
    is_swept: bool = False


class WatchedPayment:
    """One request, its address, and what is known of the money for it.

    shop: row id. address: 20 bytes. looked_at: the time of the block at which its balance was known last, in
    epoch seconds. is_closed: its order is paid or canceled. is_woken: it rested before. is_searched: what it
    does not ask for is looked for. submitted: what was decided about last.
    """

    __slots__ = (
        "_arrived",
        "_counted_at",
        "_deep",
        "_emptied",
        "_head",
        "_in_time",
        "_is_arrival_known",
        "_is_doubtful",
        "_is_over",
        "_is_unreadable",
        "_paid_in",
        "_stored",
        "_strays",
        "address",
        "events",
        "is_closed",
        "is_searched",
        "is_woken",
        "issued",
        "looked_at",
        "shop",
        "submitted",
    )

    def __init__(self, shop: int, issued: IssuedRequest, address: bytes, looked_at: int) -> None:
        self.shop = shop
        self.issued = issued
        self.address = address
        self.looked_at = looked_at
        self.is_closed = False
        self.is_woken = False
        self.is_searched = False
        # What was seen before a restart, and is not any more, is news.
        self.submitted: Evidence | None = None if issued.state in _HAVE_MONEY else _NOTHING
        self.events = PaymentEvents()
        self._head: Balance | None = None
        self._counted_at = -PART_INTERVAL_S
        self._deep: Balance | None = None
        self._in_time = 0
        self._arrived = 0
        self._is_arrival_known = not self.is_token
        self._emptied: BlockId | None = None
        self._is_over = False
        self._is_unreadable = False
        self._is_doubtful = False
        self._paid_in: PaidIn | None = None
        self._stored: dict[tuple[object, ...], PaymentTransfer] = {}
        self._strays: dict[bytes, Balance] = {}

    @property
    def id(self) -> bytes:
        """The PaymentID."""
        return self.issued.id

    @property
    def is_token(self) -> bool:
        """Whether it asks for a token: an event proves its payment."""
        return self.issued.request.currency != NATIVE_COIN

    @property
    def balance(self) -> int:
        """What lay at the address when it was looked at last."""
        return 0 if self._head is None else self._head.amount

    @property
    def known_until(self) -> int:
        """Up to when a relay that is started now need not ask what lies there, in epoch seconds.

        What came in time and is not stored yet, since its block is not deep, has to be found again as such.
        """
        is_stored = self._in_time <= (0 if self._deep is None else self._deep.amount)
        return self.looked_at if is_stored else min(self.looked_at, self.issued.request.ttl)

    @property
    def emptied_at(self) -> BlockId | None:
        """The deep block at which a token's address was empty, if it is not known what had arrived there."""
        return None if self._is_arrival_known else self._emptied

    @property
    def is_doubtful(self) -> bool:
        """Whether the block that it was paid in is in the chain no more, and nothing else is known yet."""
        return self._is_doubtful

    @property
    def paid_in(self) -> PaidIn | None:
        """The block that it was paid in, None as long as it is not."""
        return self._paid_in

    def is_part_due(self, found: FoundBalance) -> bool:
        """Return whether it is time to ask if the address was swept, for a balance that is not enough."""
        return found.amount > 0 and self.looked_at >= self._counted_at + PART_INTERVAL_S

    def restore(self, stored: Iterable[PaymentTransfer]) -> None:
        """Take up what was stored before a restart."""
        for one in stored:
            self._stored[one.key] = one
            if one.kind is TransferKind.EVENT:
                self.events.restore(self._log(one), is_proven=one.is_proven, is_in_time=one.is_in_time)
            elif one.kind is TransferKind.BALANCE:
                self._deep = Balance(one.amount, one.block)
                self._in_time = one.amount
            elif one.kind is TransferKind.TRANSFER:
                self._arrived, self._emptied, self._is_arrival_known = one.amount, one.block, True
            else:
                self._strays[one.token] = Balance(one.amount, one.block)
        if self.issued.state in DONE:
            self._paid_in = self._payer()

    def look(self, found: FoundBalance, block: Block) -> bool:
        """Take note of what lies at the address, at the head; return whether that is other than before."""
        before, ttl = self._head, self.issued.request.ttl
        # Where it was not asked for, it is what it was.
        is_swept = bool(found.transaction_count) or (
            found.transaction_count is None and before is not None and before.is_swept
        )
        # What is there at the first look after a downtime came in time if the last one before it was.
        if min(self.looked_at, block.timestamp) <= ttl:
            self._in_time = 0 if is_swept else found.amount
        # A head that went back to before its time was over tells nothing of what came in between.
        is_back = block.timestamp <= self.issued.request.ttl
        self.looked_at = block.timestamp if is_back else max(self.looked_at, block.timestamp)
        if found.transaction_count is not None:
            self._counted_at = block.timestamp
        self._is_unreadable = False
        self._head = Balance(found.amount, block.id, is_swept)
        return before is None or (before.amount, before.is_swept) != (found.amount, is_swept)

    def settle_balance(self, found: FoundBalance, block: Block) -> None:
        """Take note that a balance of before is in a deep block now."""
        if found.transaction_count:
            self._emptied = self._emptied or block.id
        elif not found.amount:
            self._deep = None
        elif self._deep is None or self._deep.amount != found.amount:
            is_in_time = block.timestamp <= self.issued.request.ttl or self._in_time >= found.amount
            if is_in_time:
                self._deep = Balance(found.amount, block.id)

    def forget_above(self, number: int) -> bool:
        """Forget what is in blocks above this one, which never were; return whether anything was."""
        is_other = self.events.forget_above(number)
        if self._head is not None and self._head.block.number > number:
            self._head, is_other = None, True
        if self._deep is not None and self._deep.block.number > number:
            self._deep, is_other = None, True
        if self._emptied is not None and self._emptied.number > number:
            self._emptied, self._arrived, is_other = None, 0, True
            self._is_arrival_known = not self.is_token
        if self._paid_in is not None and self._paid_in.block.number > number:
            self._is_doubtful = is_other = True
        return is_other

    def note_arrived(self, amount: int) -> None:
        """Take note of how much of a token had arrived in time at an address that somebody emptied."""
        self._arrived, self._is_arrival_known = amount, True

    def note_stray(self, amount: int, block: BlockId, token: bytes = NATIVE_COIN) -> None:
        """Take note of coins at the address of a request that does not ask for it."""
        known = self._strays.get(token)
        if amount > (0 if known is None else known.amount):
            self._strays[token] = Balance(amount, block)

    def note_unreadable(self) -> None:
        """Take note that its token does not say what lies at the address."""
        self._is_unreadable = True

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
            self._stored.pop(one.key, None)
        for one in evidence.transfers:
            self._stored[one.key] = one
        self.submitted = _lasting(evidence)
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
        is_told = evidence.transfers or evidence.gone or evidence.is_moved or evidence.has_unproven
        return evidence if is_told or _lasting(evidence) != self.submitted else None

    @property
    def _is_unknown(self) -> bool:
        """Whether nobody knows what is there: it was not looked at, or swept in a block that is not deep."""
        is_decided = self._head is not None and not (self._head.is_swept and self._emptied is None)
        return not is_decided and not self.events.items() and not self._is_over

    def _evidence(self, newest_deep: BlockId | None, is_read_to: int, *, is_last: bool) -> Evidence:
        seen, settled = self._sums()
        paid_in = self._payer() if self.issued.request.amount else self._paid_for_nothing(newest_deep)
        transfers, gone = self._unstored(is_read_to)
        return Evidence(
            in_time=max(seen, settled),
            settled=settled,
            too_late=self._too_late(),
            has_unproven=self.events.has_untold and not self.events.has_proof,
            is_emptied=self._is_emptied(is_read_to),
            is_over=self._is_over,
            is_moved=self._is_doubtful and settled >= self._needed and paid_in not in (None, self._paid_in),
            is_gone=self._is_gone(max(seen, settled), is_read_to),
            paid_in=paid_in,
            transfers=transfers,
            gone=gone,
            strays=tuple([(one.token, one.amount) for one in transfers if one.kind is TransferKind.STRAY]),
            is_unreadable=self._is_unreadable,
            left=self._left(),
            is_last=is_last,
        )

    def _left(self) -> int:
        """Return what lies at an address that was swept in a deep block."""
        head = self._head
        return head.amount if head is not None and head.is_swept and self._emptied is not None else 0

    def _is_emptied(self, is_read_to: int) -> bool:
        """Return whether the address was swept, and all is known that may tell of what was there."""
        if self._emptied is None or is_read_to < self._emptied.number:
            return False
        return self._is_arrival_known and not self.events.unjudged

    def _sums(self) -> tuple[int, int]:
        """Sum up what came in time: in any block, and proven in deep ones."""
        total, head = self.issued.request.amount, self._head
        by_events = total * self.events.count(is_in_time=True)
        by_proofs = total * self.events.count(is_in_time=True, is_proven=True)
        deep = self._lying_deep()
        if head is not None and not head.is_swept and head.block.number >= self.events.last_block:
            return max(by_events + self._in_time, self._arrived), max(by_proofs + deep, self._arrived)
        # A balance from before an event may be what the event tells of.
        lying = 0 if head is not None and head.is_swept else self._in_time
        return max(by_events, lying, self._arrived), max(by_proofs, deep, self._arrived)

    def _lying_deep(self) -> int:
        """Return what counts of the balance in a deep block: it is there still, or somebody swept it."""
        if self._deep is None or self._head is None:
            return 0
        return self._deep.amount if self._head.is_swept else min(self._deep.amount, self._head.amount)

    def _too_late(self) -> int:
        late = self.issued.request.amount * self.events.count(is_in_time=False)
        if self._head is None or self._head.is_swept:
            return late
        return late + max(0, self._head.amount - self._in_time)

    def _payer(self) -> PaidIn | None:
        """Return where the money is: the first event that proves it, else the balance in a deep block."""
        proof = self.events.first_proof()
        if proof is not None:
            return PaidIn(*proof)
        if self._arrived and self._emptied is not None:
            return PaidIn(self._emptied)
        return None if self._deep is None else PaidIn(self._deep.block)

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
        if not self._is_doubtful or self._paid_in is None or self._head is None:
            return False
        return is_read_to >= self._paid_in.block.number and seen < self._needed

    def _unstored(self, is_read_to: int) -> tuple[tuple[PaymentTransfer, ...], tuple[PaymentTransfer, ...]]:
        """Return what is not stored as it is, and what is stored and is not in the chain any more."""
        current = self._transfers()
        keys = {one.key for one in current}
        gone = [
            one for key, one in self._stored.items() if key not in keys and is_read_to >= one.block.number
        ]
        return tuple([one for one in current if self._stored.get(one.key) != one]), tuple(gone)

    def _transfers(self) -> list[PaymentTransfer]:
        currency = self.issued.request.currency
        lying = [
            (TransferKind.BALANCE, currency, self._deep),
            (TransferKind.TRANSFER, currency, self._arrival()),
            *((TransferKind.STRAY, token, lying) for token, lying in self._strays.items()),
        ]
        found = [
            PaymentTransfer(request_id=self.id, kind=kind, token=token, amount=one.amount, block=one.block)
            for kind, token, one in lying
            if one is not None
        ]
        return found + [self._event(key, event) for key, event in self.events.items() if event.is_deep]

    def _event(self, key: EventKey, event: PaymentEvent) -> PaymentTransfer:
        request = self.issued.request
        return PaymentTransfer(
            request_id=self.id,
            kind=TransferKind.EVENT,
            token=request.currency,
            amount=request.amount,
            block=event.block,
            transaction_hash=key[0],
            index=key[1],
            is_proven=event.is_proven,
            is_in_time=event.is_in_time,
        )

    def _log(self, one: PaymentTransfer) -> FoundLog:
        return FoundLog(b"", (b"", self.id), b"", one.block, one.transaction_hash, one.index)

    def _arrival(self) -> Balance | None:
        return Balance(self._arrived, self._emptied) if self._arrived and self._emptied else None


def _lasting(evidence: Evidence) -> Evidence:
    """Return evidence without what is told once."""
    return msgspec.structs.replace(
        evidence, transfers=(), gone=(), strays=(), has_unproven=False, is_moved=False
    )
