"""Stock that unpaid orders hold for long: the operator is told of it (spec 06 "Commit")."""

from collections.abc import Callable
from typing import Final

import msgspec

from minirelay.shop.reservations import Reservations

HELD_S: Final = 2 * 3600
TOLD_AGAIN_S: Final = 86_400
MOST_HOLDERS: Final = 10


class HeldStock(msgspec.Struct, frozen=True):
    """More than half of a stock that was reserved for long.

    key: the record's `state.inventory_key`. holders: row ids of key cards, NOBODY for orders that no guest
    created, with the units that their orders hold; those with most first, MOST_HOLDERS at most.
    """

    key: bytes
    stock: int
    reserved: int
    holders: tuple[tuple[int, int], ...]


class StockWatch:
    """Looks now and then at what is reserved; its memory is that of one run of the relay."""

    def __init__(self) -> None:
        """Begin without having looked."""
        self._held_since: dict[bytes, int] = {}
        self._told_at: dict[bytes, int] = {}

    def look(
        self, reservations: Reservations, stock: Callable[[bytes], int | None], now: int
    ) -> tuple[HeldStock, ...]:
        """Return what the operator is to be told of. It costs as much as there are records with reservations.

        stock: what a record counts, None if there is none. now: in epoch seconds. What is found twice in a
        row counts as reserved in between, so let it look several times an hour.
        """
        held = {
            key: (counted, reserved)
            for key, reserved in reservations.reserved(now)
            if 2 * reserved > (counted := stock(key) or 0)
        }
        self._held_since = {key: self._held_since.get(key, now) for key in held}
        self._told_at = {key: at for key, at in self._told_at.items() if now - at < TOLD_AGAIN_S}
        new = [key for key in held if now - self._held_since[key] > HELD_S and key not in self._told_at]
        self._told_at.update(dict.fromkeys(new, now))
        holders = reservations.holders(frozenset(new), now) if new else {}
        return tuple([HeldStock(key, *held[key], _most(holders[key])) for key in new])


def _most(holders: dict[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(holders.items(), key=lambda holder: (-holder[1], holder[0]))[:MOST_HOLDERS])
