"""What orders have reserved of the stock, so that nothing is promised twice (spec 06 "Commit").

Reservations lapse by themselves. So what is reserved is a question about a moment, and is answered exactly
whether or not what lapsed was cleared away: sums are kept by the second in which they end, and there are few
of those in the hours that a reservation can last, however many orders there are.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Set
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Final, TypeVar

import msgspec

from minirelay.protocol.ids import NOBODY

K = TypeVar("K")

NEVER: Final = 2**63
"""The end of what does not lapse, in seconds: none that a clock reaches."""

MOST_CLEARED: Final = 1024

_ROW_BYTES: Final = 384
_UNITS_BYTES: Final = 256

Units = tuple[tuple[bytes, int], ...]
"""What an order holds: `state.inventory_key` of a stock record, and how much of it, more than 0."""


class Hold(IntEnum):
    """What money for an order does to its reservation: see `Reservation.lapses_at`."""

    NONE = 0
    SHORT = 1
    """A request is `short` with at least half of its Total."""
    SEEN = 2
    """A request is `seen`: it waits for its block to be deep enough."""


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """What is known about an order's reservation; times in epoch seconds.

    card: row id of the guest's card that created the order, NOBODY for others. units: what it holds; nothing
    while the order is open again, or after it lapsed. ends_at: without regard to money. is_chosen: a payment
    choice has set the end. extended_until: how long money that is short may hold it, 0 until there was some.
    """

    card: int
    units: Units
    ends_at: int
    is_chosen: bool = False
    hold: Hold = Hold.NONE
    extended_until: int = 0

    @property
    def lapses_at(self) -> int:
        """Return the second from which on it holds nothing any more, as things stand."""
        if self.hold is Hold.SEEN:
            return NEVER
        return max(self.ends_at, self.extended_until) if self.hold is Hold.SHORT else self.ends_at

    def at(self, now: int) -> "Reservation":
        """Return the reservation as it is at a moment: what lapsed holds nothing, for good."""
        return self if self.lapses_at > now or not self.units else msgspec.structs.replace(self, units=())

    @property
    def size_bytes(self) -> int:
        """Return about what it takes in memory."""
        return _ROW_BYTES + _UNITS_BYTES * len(self.units)

    @property
    def due_at(self) -> int:
        """Return the second at which it is to be looked at again, since it may say nothing any more."""
        return self.lapses_at if self.units else self.ends_at

    def says_nothing(self, now: int) -> bool:
        """Return whether it makes no difference any more."""
        return not (self.units or self.hold or self.extended_until) and self.ends_at <= now


class _UnitsByEnd:
    """A sum of units, and how much of it ends when."""

    __slots__ = ("_at", "_ends", "_sum")

    def __init__(self, at: dict[int, int] | None = None) -> None:
        """Start from how much ends when."""
        self._at: dict[int, int] = at or {}
        self._ends: list[int] = sorted(self._at)
        self._sum = sum(self._at.values())

    def add(self, end: int, units: int) -> None:
        """Add units that end then, or take them away again (units below 0)."""
        before = self._at.get(end, 0)
        after = before + units
        self._sum += units
        if not before:
            insort(self._ends, end)
        if after:
            self._at[end] = after
        else:
            del self._ends[bisect_left(self._ends, end)]
            self._at.pop(end, None)

    def after(self, now: int) -> int:
        """Sum up what has not ended yet."""
        ended = bisect_right(self._ends, now)
        return self._sum - sum([self._at[end] for end in self._ends[:ended]])

    def __len__(self) -> int:
        return len(self._ends)


class Reservations:
    """All reservations of a shop, as the last accepted write left them.

    size_bytes: about what they take in memory.
    """

    def __init__(
        self, rows: Mapping[bytes, Reservation] | None = None, now: int = 0, judged_at: int = 0
    ) -> None:
        """Start from what was stored. rows: by order id, 8 bytes.

        judged_at: the latest second by which lapsing was judged before, whatever a clock says now: what had
        lapsed then, may be promised to others.
        """
        self.size_bytes = 0
        self._rows: dict[bytes, Reservation] = {}
        self._of_stock: dict[bytes, _UnitsByEnd] = {}
        self._of_card: dict[int, _UnitsByEnd] = {}
        self._due: list[tuple[int, bytes]] = []
        self._scheduled: set[bytes] = set()
        self._latest = now
        self._begin(rows or {}, max(now, judged_at))

    def row(self, order_id: bytes) -> Reservation | None:
        """Return what is known about an order's reservation; it may have lapsed."""
        return self._rows.get(order_id)

    def rows(self) -> Mapping[bytes, Reservation]:
        """Return all of them by order id, for reading."""
        return self._rows

    def latest(self, now: int) -> int:
        """Return a moment, or the latest asked for: a clock may be set back, but what lapsed is gone."""
        self._latest = max(now, self._latest)
        return self._latest

    def of_stock(self, key: bytes, now: int) -> int:
        """Sum up what is reserved of a stock record."""
        found = self._of_stock.get(key)
        return 0 if found is None else found.after(now)

    def reserved(self, now: int) -> Iterator[tuple[bytes, int]]:
        """Go through the stock records of which something is reserved, with how much."""
        sums = ((key, units.after(now)) for key, units in self._of_stock.items())
        return ((key, units) for key, units in sums if units)

    def holders(self, keys: Set[bytes], now: int) -> dict[bytes, dict[int, int]]:
        """Return which cards' orders hold how much of these stock records. It looks at all reservations."""
        holders: dict[bytes, dict[int, int]] = {key: {} for key in keys}
        for row in self._rows.values():
            for key, units in row.at(now).units:
                if key in keys:
                    holders[key][row.card] = holders[key].get(row.card, 0) + units
        return holders

    def of_card(self, card: int, now: int) -> int:
        """Sum up the units that the orders of a guest's card have reserved."""
        found = self._of_card.get(card)
        return 0 if found is None else found.after(now)

    def enter(self, changed: Mapping[bytes, Reservation | None]) -> None:
        """Take over what one write changed."""
        for order_id, row in changed.items():
            old = self._rows.pop(order_id, None)
            if old is not None:
                self._count(old, -1)
                self.size_bytes -= old.size_bytes
            if row is not None:
                self._rows[order_id] = row
                self._count(row, 1)
                self.size_bytes += row.size_bytes
                self._schedule(order_id, row)

    def _begin(self, rows: Mapping[bytes, Reservation], lapsed_at: int) -> None:
        """Take over very many at once: each sum and the order in which they end are put together once."""
        of_stock: dict[bytes, dict[int, int]] = {}
        of_card: dict[int, dict[int, int]] = {}
        now = self._latest
        for order_id, stored in rows.items():
            row = stored.at(lapsed_at)
            self._rows[order_id] = row
            self.size_bytes += row.size_bytes
            due_at = row.due_at
            if row.units:
                # Of what holds something, that is when it lapses.
                total = 0
                for key, units in row.units:
                    total += units
                    at = of_stock.setdefault(key, {})
                    at[due_at] = at.get(due_at, 0) + units
                if row.card != NOBODY:
                    at = of_card.setdefault(row.card, {})
                    at[due_at] = at.get(due_at, 0) + total
            if now < due_at < NEVER:
                self._scheduled.add(order_id)
                self._due.append((due_at, order_id))
        heapify(self._due)
        self._of_stock = {key: _UnitsByEnd(at) for key, at in of_stock.items()}
        self._of_card = {card: _UnitsByEnd(at) for card, at in of_card.items()}

    def clear(self, now: int, most: int = MOST_CLEARED) -> tuple[bytes, ...]:
        """Clear away what lapsed by now; give the ids of its orders. most: so many units' records at once.

        No answer depends on it, only memory does. What is left, the next calls clear.
        """
        now = self.latest(now)
        cleared: list[bytes] = []
        while self._due and self._due[0][0] <= now and most > 0:
            _, order_id = heappop(self._due)
            self._scheduled.discard(order_id)
            row = self._rows.get(order_id)
            if row is not None:
                most -= 1 + len(row.units)
                if self._clear(order_id, row):
                    cleared.append(order_id)
        return tuple(cleared)

    def _clear(self, order_id: bytes, row: Reservation) -> bool:
        left = row.at(self._latest)
        if left.units or left.due_at > self._latest:
            self._schedule(order_id, left)
            return False
        self.enter({order_id: None if left.says_nothing(self._latest) else left})
        return True

    def _count(self, row: Reservation, sign: int) -> None:
        if not row.units:
            return
        end, total = row.lapses_at, 0
        for key, units in row.units:
            total += units
            _add(self._of_stock, key, end, sign * units)
        if row.card != NOBODY:
            _add(self._of_card, row.card, end, sign * total)

    def _schedule(self, order_id: bytes, row: Reservation) -> None:
        """See to it that `clear` looks at it; at the latest by its end, once for each order."""
        if order_id not in self._scheduled and self._latest < row.due_at < NEVER:
            self._scheduled.add(order_id)
            heappush(self._due, (row.due_at, order_id))


def _add(sums: dict[K, _UnitsByEnd], key: K, end: int, units: int) -> None:
    found = sums.get(key)
    if found is None:
        found = sums[key] = _UnitsByEnd()
    found.add(end, units)
    if not len(found):
        del sums[key]
