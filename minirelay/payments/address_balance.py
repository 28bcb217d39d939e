"""What lay at a payment address: at the head, in a deep block, in time (spec 06 "What counts").

It asks nothing: the watcher tells it what polls find.
"""

from typing import Final

import msgspec

from minirelay.chain.block import Block
from minirelay.chain.findings import FoundBalance
from minirelay.protocol.block_id import BlockId

PART_INTERVAL_S: Final = 600
"""How often it is asked whether an address with a part of the total was swept, and the part was left there.

A sweeper leaves what a payee does not take with 2,300 gas (spec 06 "A swept address is dead").
"""


class Balance(msgspec.Struct, frozen=True, gc=False):
    """What lay at the address, at a block. is_swept: somebody swept the address."""

    amount: int
    block: BlockId
    is_swept: bool = False


class AddressBalance:
    """What is known of the balance of one request's address, in what the request asks for.

    looked_at: the time of the block at which it was known last, in epoch seconds. deep: what lay there in a
    deep block, and came in time. is_unreadable: its token does not say what lies there.
    """

    __slots__ = (
        "_arrived",
        "_counted_at",
        "_emptied",
        "_head",
        "_in_time",
        "_is_arrival_known",
        "_is_token",
        "_ttl",
        "deep",
        "is_unreadable",
        "looked_at",
    )

    def __init__(self, ttl: int, looked_at: int, *, is_token: bool) -> None:
        """ttl: of the request, epoch seconds. is_token: it asks for a token, whose transfers are logs."""
        self._ttl = ttl
        self._is_token = is_token
        self.looked_at = looked_at
        self.deep: Balance | None = None
        self.is_unreadable = False
        self._head: Balance | None = None
        self._counted_at = -PART_INTERVAL_S
        self._in_time = 0
        self._arrived = 0
        self._is_arrival_known = not is_token
        self._emptied: BlockId | None = None

    @property
    def amount(self) -> int:
        """What lay there when it was looked at last."""
        return 0 if self._head is None else self._head.amount

    @property
    def is_known(self) -> bool:
        """Whether it was looked at, and what was seen then is still in the chain."""
        return self._head is not None

    @property
    def is_unswept(self) -> bool:
        """Whether something lies there that can be swept, or lay there when that was stored."""
        known = self._head or self.deep
        return known is not None and known.amount > 0 and not known.is_swept and self._emptied is None

    @property
    def is_decided(self) -> bool:
        """Whether it is known what is there: it was looked at, and not swept in a block that is not deep."""
        return self._head is not None and not (self._head.is_swept and self._emptied is None)

    @property
    def known_until(self) -> int:
        """Up to when a relay that is started now need not ask what lies there, in epoch seconds.

        What came in time and is not stored yet, since its block is not deep, has to be found again as such.
        """
        is_stored = self._in_time <= (0 if self.deep is None else self.deep.amount)
        return self.looked_at if is_stored else min(self.looked_at, self._ttl)

    @property
    def emptied_at(self) -> BlockId | None:
        """The deep block at which a token's address was empty, if it is not known what had arrived there."""
        return None if self._is_arrival_known else self._emptied

    @property
    def arrival(self) -> Balance | None:
        """What of a token had arrived at an address that somebody emptied, and the block of that."""
        return Balance(self._arrived, self._emptied) if self._arrived and self._emptied else None

    @property
    def paid_at(self) -> BlockId | None:
        """The deep block that what lay there counts from; None if nothing does."""
        if self._arrived and self._emptied is not None:
            return self._emptied
        return None if self.deep is None else self.deep.block

    @property
    def too_late(self) -> int:
        """What lies there and came after the TTL."""
        if self._head is None or self._head.is_swept:
            return 0
        return max(0, self._head.amount - self._in_time)

    @property
    def left(self) -> int:
        """What lies at an address that was swept in a deep block."""
        head = self._head
        return head.amount if head is not None and head.is_swept and self._emptied is not None else 0

    def is_part_due(self, found: FoundBalance) -> bool:
        """Return whether it is time to ask if the address was swept, for a balance that is not enough."""
        return found.amount > 0 and self.looked_at >= self._counted_at + PART_INTERVAL_S

    def is_emptied(self, is_read_to: int) -> bool:
        """Return whether the address was swept, and it is known what had arrived there.

        is_read_to: the number of the block up to which all logs are known.
        """
        return self._emptied is not None and is_read_to >= self._emptied.number and self._is_arrival_known

    def restore_deep(self, amount: int, block: BlockId) -> None:
        """Take up what was stored as lying there in a deep block."""
        self.deep = Balance(amount, block)
        self._in_time = amount

    def restore_arrival(self, amount: int, block: BlockId) -> None:
        """Take up what was stored as having arrived there, before somebody emptied it."""
        self._arrived, self._emptied, self._is_arrival_known = amount, block, True

    def look(self, found: FoundBalance, block: Block) -> bool:
        """Take note of what lies there, at the head; return whether that is other than before."""
        before = self._head
        # Where it was not asked for, it is what it was.
        is_swept = bool(found.transaction_count) or (
            found.transaction_count is None and before is not None and before.is_swept
        )
        # What is there at the first look after a downtime came in time if the last one before it was.
        if min(self.looked_at, block.timestamp) <= self._ttl:
            self._in_time = 0 if is_swept else found.amount
        # A head that went back to before its time was over tells nothing of what came in between.
        is_back = block.timestamp <= self._ttl
        self.looked_at = block.timestamp if is_back else max(self.looked_at, block.timestamp)
        if found.transaction_count is not None:
            self._counted_at = block.timestamp
        self.is_unreadable = False
        self._head = Balance(found.amount, block.id, is_swept)
        return before is None or (before.amount, before.is_swept) != (found.amount, is_swept)

    def settle(self, found: FoundBalance, block: Block) -> None:
        """Take note that a balance of before is in a deep block now."""
        if found.transaction_count:
            self._emptied = self._emptied or block.id
        elif not found.amount:
            self.deep = None
        elif self.deep is None or self.deep.amount != found.amount:
            is_in_time = block.timestamp <= self._ttl or self._in_time >= found.amount
            if is_in_time:
                self.deep = Balance(found.amount, block.id)

    def note_unreadable(self) -> None:
        """Take note that the token does not say what lies there."""
        self.is_unreadable = True

    def note_arrived(self, amount: int) -> None:
        """Take note of how much of a token had arrived in time at an address that somebody emptied."""
        self._arrived, self._is_arrival_known = amount, True

    def forget_above(self, number: int) -> bool:
        """Forget what is in blocks above this one, which never were; return whether anything was."""
        is_other = False
        if self._head is not None and self._head.block.number > number:
            self._head, is_other = None, True
        if self.deep is not None and self.deep.block.number > number:
            self.deep, is_other = None, True
        if self._emptied is not None and self._emptied.number > number:
            self._emptied, self._arrived, is_other = None, 0, True
            self._is_arrival_known = not self._is_token
        return is_other

    def sum_up(self, by_events: int, by_proofs: int, last_event: int) -> tuple[int, int]:
        """Sum up what came in time, with that which events tell of: in any block, and proven in deep ones.

        last_event: the number of the last block with an event.
        """
        head = self._head
        deep = self._lying_deep()
        if head is not None and not head.is_swept and head.block.number >= last_event:
            return max(by_events + self._in_time, self._arrived), max(by_proofs + deep, self._arrived)
        # A balance from before an event may be what the event tells of.
        lying = 0 if head is not None and head.is_swept else self._in_time
        return max(by_events, lying, self._arrived), max(by_proofs, deep, self._arrived)

    def _lying_deep(self) -> int:
        """Return what counts of the balance in a deep block: it is there still, or somebody swept it."""
        if self.deep is None or self._head is None:
            return 0
        return self.deep.amount if self._head.is_swept else min(self.deep.amount, self._head.amount)
