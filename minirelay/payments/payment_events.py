"""The PaymentMade events of one request: in which blocks, and what they prove (spec 06 "What counts")."""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from minirelay.chain.findings import FoundLog
from minirelay.protocol.block_id import BlockId

MOST_EVENTS: Final = 64
"""Of one request: anybody can make the contract emit more, and pays for each."""

EventKey = tuple[bytes, int]
"""A log: its transaction's hash, and its index in the block."""


class PaymentEvent(msgspec.Struct, gc=False):
    """An event. is_told: that it proves nothing."""

    block: BlockId
    is_deep: bool
    is_proven: bool
    is_judged: bool
    is_in_time: bool
    log: FoundLog
    is_told: bool = False


def key_of(log: FoundLog) -> EventKey:
    """Return what tells an event from others."""
    return log.transaction_hash, log.index


class PaymentEvents:
    """Those of one request that are in the chain, MOST_EVENTS at most."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        self._events: dict[EventKey, PaymentEvent] = {}

    def items(self) -> Collection[tuple[EventKey, PaymentEvent]]:
        """Return all of them, for reading."""
        return self._events.items()

    def restore(self, log: FoundLog, *, is_proven: bool, is_in_time: bool) -> None:
        """Take up one that was stored. What proved nothing, or was not judged, is judged again."""
        self._events[key_of(log)] = PaymentEvent(log.block, True, is_proven, is_proven, is_in_time, log)

    def see(self, log: FoundLog, *, is_in_time: bool) -> None:
        """Take note of one in a block that is not deep."""
        known = self._events.get(key_of(log))
        if known is None or (known.block != log.block and not known.is_deep):
            self._put(key_of(log), PaymentEvent(log.block, False, False, False, is_in_time, log))

    def settle(self, log: FoundLog, *, is_in_time: bool, is_proof: bool) -> None:
        """Take note of one in a deep block. is_proof: any event proves a payment, as those of tokens do."""
        known = self._events.get(key_of(log))
        if known is None or known.block != log.block:
            self._put(key_of(log), PaymentEvent(log.block, True, is_proof, is_proof, is_in_time, log))
        else:
            known.is_deep = True
            known.is_proven, known.is_judged = known.is_proven or is_proof, known.is_judged or is_proof

    def judge(self, log: FoundLog, *, is_proven: bool) -> None:
        """Take note of whether one proves a payment."""
        event = self._events.get(key_of(log))
        if event is not None:
            event.is_proven, event.is_judged = is_proven, True

    def forget_above(self, number: int) -> bool:
        """Forget those in blocks above this one, which never were; return whether there were any."""
        gone = [key for key, event in self._events.items() if event.block.number > number]
        for key in gone:
            del self._events[key]
        return bool(gone)

    def keep_seen(self, keys: Iterable[EventKey]) -> bool:
        """Forget those that were in a block that was not deep, but for these; return whether any were."""
        left = set(keys)
        gone = [key for key, event in self._events.items() if not event.is_deep and key not in left]
        for key in gone:
            del self._events[key]
        return bool(gone)

    @property
    def unjudged(self) -> tuple[FoundLog, ...]:
        """List those in deep blocks of which it is not known whether they prove a payment."""
        return tuple([one.log for one in self._events.values() if one.is_deep and not one.is_judged])

    @property
    def has_untold(self) -> bool:
        """Return whether there are any that prove nothing, which nobody was told of."""
        return any(one.is_judged and not one.is_proven and not one.is_told for one in self._events.values())

    def note_told(self) -> None:
        """Take note that it is known by now which ones prove nothing."""
        for one in self._events.values():
            one.is_told = one.is_judged

    @property
    def has_seen(self) -> bool:
        """Return whether there are any in blocks that are not deep."""
        return not all(event.is_deep for event in self._events.values())

    @property
    def has_proof(self) -> bool:
        """Return whether any proves a payment."""
        return any(event.is_proven for event in self._events.values())

    @property
    def last_block(self) -> int:
        """The number of the last block with one, -1 if there is none."""
        return max([event.block.number for event in self._events.values()], default=-1)

    def count(self, *, is_in_time: bool, is_proven: bool | None = None) -> int:
        """Count those in time, or too late; all that may prove a payment, or those that do in deep blocks."""
        return sum(
            [
                event.is_in_time is is_in_time
                and (
                    (event.is_proven and event.is_deep)
                    if is_proven
                    else (event.is_proven or not event.is_judged)
                )
                for event in self._events.values()
            ]
        )

    def first_proof(self) -> tuple[BlockId, bytes] | None:
        """Return block and transaction of the first that proves a payment in time, None if none does."""
        proofs = [
            (event.block.number, key, event.block)
            for key, event in self._events.items()
            if event.is_proven and event.is_deep and event.is_in_time
        ]
        if not proofs:
            return None
        _, (transaction_hash, _), block = min(proofs, key=lambda one: one[:2])
        return block, transaction_hash

    def _put(self, key: EventKey, event: PaymentEvent) -> None:
        if key not in self._events and len(self._events) >= MOST_EVENTS:
            # Whoever makes many that prove nothing must not crowd out one that does.
            idle = next((one for one, known in self._events.items() if not known.is_proven), None)
            if idle is None:
                return
            del self._events[idle]
        self._events[key] = event
