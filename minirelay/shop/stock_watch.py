"""Stock that unpaid orders hold for long: the operator is told of it (spec 06 "Commit")."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from minirelay.shop.reservations import Reservations
from minirelay.shop.work import LOOKUP, Work

HELD_S: Final = 2 * 3600
TOLD_AGAIN_S: Final = 86_400
MOST_HOLDERS: Final = 10
MOST_TOLD: Final = 5
"""So many records are told of at a look, the next tells of others: fewer than 20 in an hour."""


class HeldStock(msgspec.Struct, frozen=True):
    """More than half of a stock that was reserved for long.

    key: the record's `state.inventory_key`. holders: row ids of key cards, NOBODY for orders that no guest
    created, with the units that their orders hold; those with most first, MOST_HOLDERS at most.
    """

    key: bytes
    stock: int
    reserved: int
    holders: tuple[tuple[int, int], ...]


class StockWatch(msgspec.Struct, frozen=True):
    """What looks at the reservations of a shop have found so far, in one run of the relay.

    held_since: the first of the looks in a row that found a record held. told_at: of those that were told.
    Both in epoch seconds, by `state.inventory_key`.
    """

    held_since: Mapping[bytes, int] = {}
    told_at: Mapping[bytes, int] = {}

    def look(
        self,
        reservations: Reservations,
        stock: Callable[[bytes], int | None],
        now: int,
        work: Work | None = None,
    ) -> "tuple[tuple[HeldStock, ...], StockWatch]":
        """Return what the operator is to be told of, and what the next look begins with.

        It costs as much as there are records with reservations, which work counts: raises WorkExceeded.
        stock: what a record counts, None if there is none. now: in epoch seconds. What is found twice in a
        row counts as reserved in between, so let it look several times an hour.
        """
        work = Work() if work is None else work
        held: dict[bytes, tuple[int, int]] = {}
        for key, reserved in reservations.reserved(now):
            work.spend(LOOKUP)
            if 2 * reserved > (counted := stock(key) or 0):
                held[key] = counted, reserved
        since = {key: self.held_since.get(key, now) for key in held}
        told_at = {key: at for key, at in self.told_at.items() if now - at < TOLD_AGAIN_S}
        new = [key for key in held if now - since[key] > HELD_S and key not in told_at][:MOST_TOLD]
        told_at.update(dict.fromkeys(new, now))
        holders: dict[bytes, dict[int, int]] = {}
        if new:
            work.spend(LOOKUP * len(reservations.rows()))
            holders = reservations.holders(frozenset(new), now)
        told = tuple([HeldStock(key, *held[key], _most(holders[key])) for key in new])
        return told, StockWatch(since, told_at)


def _most(holders: dict[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(holders.items(), key=lambda holder: (-holder[1], holder[0]))[:MOST_HOLDERS])
