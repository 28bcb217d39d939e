"""Root-hash anchoring, decided without I/O: what is due, and what it may cost (spec 07)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from minirelay.chain.sending import PlannedTransaction, Sent, an_eighth_more

DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Terms:
    """When root hashes are written, and for how much.

    sets, interval_s: after so many sets, or so long if there are any; 0: not by this. timeout_s: how long a
    transaction may wait until it is replaced. most_per_transaction, most_per_day: in wei.
    """

    sets: int
    interval_s: float
    timeout_s: float
    most_per_transaction: int
    most_per_day: int


@dataclass(frozen=True, slots=True)
class Anchored:
    """How far a shop's log is anchored. seq: of the set, 0 for none. at: epoch seconds."""

    seq: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The durable end of a shop's log. seq: of its last set, 0 for none."""

    shop_id: int
    seq: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What the transactions of a day may have cost together. day: days since the epoch, in UTC."""

    day: int = 0
    wei: int = 0

    def on(self, now: float) -> "Spent":
        """Return what it is now: nothing on another day. now: epoch seconds."""
        day = int(now // DAY_S)
        return self if day == self.day else Spent(day)

    def plus(self, wei: int) -> "Spent":
        """Add a cost, or take one off."""
        return Spent(self.day, max(0, self.wei + wei))


def is_due(seq: int, anchored: Anchored, terms: Terms, now: float) -> bool:
    """Say whether the root hash at the set `seq` is to be written."""
    if seq <= anchored.seq:
        return False
    by_number = terms.sets > 0 and seq - anchored.seq >= terms.sets
    # A clock that was set back makes nothing wait for longer than the interval.
    by_time = terms.interval_s > 0 and not 0 <= now - anchored.at < terms.interval_s
    return by_number or by_time


def in_order(due: Iterable[tuple[LogEnd, Anchored]]) -> list[LogEnd]:
    """Put those first that have waited for longest."""
    return [end for end, _ in sorted(due, key=lambda pair: (pair[1].at, pair[0].shop_id))]


def within(planned: PlannedTransaction, room: int, instead_of: Sent | None) -> PlannedTransaction | None:
    """Return a transaction with fees so that it costs `room`, in wei, at most; None if they are too low then.

    planned: with the fees that are suggested, which are two base fees and a tip. instead_of: what it shall
    replace, for which it has to pay an eighth more of both fees.
    """
    most = room // int(planned.fields["gas"])
    max_fee, tip = int(planned.fields["maxFeePerGas"]), int(planned.fields["maxPriorityFeePerGas"])
    # With less than one base fee and the tip it would not be mined as things stand.
    least = -(-(max_fee + tip) // 2)
    if instead_of is not None:
        least = an_eighth_more(instead_of.max_fee)
        tip = max(tip, an_eighth_more(instead_of.tip))
    if most < least:
        return None
    max_fee = max(least, min(max_fee, most))
    return planned.with_fees(max_fee, min(tip, max_fee), instead_of=instead_of)
