"""Spec 06: more than half of a stock reserved for over two hours."""

from collections.abc import Callable

import pytest

from minirelay.protocol.ids import NOBODY
from minirelay.shop.reservations import NEVER, Reservation, Reservations
from minirelay.shop.stock_watch import MOST_TOLD, HeldStock
from minirelay.shop.stock_watch import StockWatch as Found
from minirelay.shop.work import Work, WorkExceeded

NOW = 1_800_000_000
HOUR = 3600
CAP, MUG = b"cap", b"mug"
STOCK = {CAP: 10, MUG: 10}


class StockWatch:
    """Looks again and again."""

    def __init__(self) -> None:
        self.found = Found()

    def look(
        self, reservations: Reservations, stock: Callable[[bytes], int | None], now: int
    ) -> tuple[HeldStock, ...]:
        before = self.found
        told, self.found = before.look(reservations, stock, now)
        # What is to be written may be decided twice.
        assert before.look(reservations, stock, now) == (told, self.found)
        return told


def key(number: int) -> bytes:
    return number.to_bytes(8)


def reserved(*units: tuple[int, bytes, int]) -> Reservations:
    """Reservations that stay. units: card, stock, count."""
    rows = {key(n): Reservation(card, ((of, count),), NEVER) for n, (card, of, count) in enumerate(units)}
    return Reservations(rows)


def test_what_is_held_for_over_two_hours_is_told_with_who_holds_it() -> None:
    watch, reservations = StockWatch(), reserved((7, CAP, 2), (NOBODY, CAP, 1), (8, CAP, 3), (7, MUG, 5))
    assert watch.look(reservations, STOCK.get, NOW) == ()
    assert watch.look(reservations, STOCK.get, NOW + 2 * HOUR) == ()

    told = watch.look(reservations, STOCK.get, NOW + 2 * HOUR + 1)
    assert told == (HeldStock(CAP, 10, 6, ((8, 3), (7, 2), (NOBODY, 1))),)


def test_it_is_told_once_a_day() -> None:
    watch, reservations = StockWatch(), reserved((7, CAP, 6))
    told = [bool(watch.look(reservations, STOCK.get, NOW + hours * HOUR)) for hours in range(60)]

    assert [hours for hours, one in enumerate(told) if one] == [3, 27, 51]


def test_what_was_free_in_between_begins_anew() -> None:
    watch, held, free = StockWatch(), reserved((7, CAP, 6)), reserved((7, CAP, 5))
    turns = [(held, 0), (held, 1), (free, 2), (held, 3), (held, 5)]
    assert not any(watch.look(one, STOCK.get, NOW + hours * HOUR) for one, hours in turns)

    assert watch.look(held, STOCK.get, NOW + 6 * HOUR)


def nothing(_key: bytes) -> int | None:
    return None


def test_a_stock_that_is_gone_is_held_whole() -> None:
    watch, reservations = StockWatch(), reserved((7, CAP, 1))
    watch.look(reservations, nothing, NOW)

    (told,) = watch.look(reservations, nothing, NOW + 3 * HOUR)
    assert (told.stock, told.reserved) == (0, 1)


def test_what_lapsed_is_not_held() -> None:
    watch = StockWatch()
    reservations = Reservations({key(1): Reservation(7, ((CAP, 9),), NOW + HOUR)})
    watch.look(reservations, STOCK.get, NOW)

    assert watch.look(reservations, STOCK.get, NOW + 3 * HOUR) == ()


def test_many_holders_are_not_all_named() -> None:
    watch = StockWatch()
    reservations = reserved(*[(card, CAP, card) for card in range(1, 31)])
    watch.look(reservations, STOCK.get, NOW)
    (told,) = watch.look(reservations, STOCK.get, NOW + 3 * HOUR)

    assert told.holders == tuple((card, card) for card in range(30, 20, -1))


def test_a_look_tells_of_a_few_and_the_next_of_the_others() -> None:
    watch = StockWatch()
    names = [b"cap%d" % one for one in range(MOST_TOLD + 2)]
    reservations = reserved(*[(7, name, 6) for name in names])
    watch.look(reservations, nothing, NOW)
    looks = [watch.look(reservations, nothing, NOW + hours * HOUR) for hours in (3, 4, 5)]

    assert [len(told) for told in looks] == [MOST_TOLD, 2, 0]
    assert {one.key for told in looks for one in told} == set(names)


def test_a_look_costs_what_there_is_to_look_at() -> None:
    reservations = reserved(*[(7, b"cap%d" % one, 6) for one in range(100)])
    with pytest.raises(WorkExceeded):
        Found().look(reservations, nothing, NOW, Work(100 * 40 - 1))
    told, found = Found().look(reservations, nothing, NOW, Work(100 * 40))
    assert told == ()
    with pytest.raises(WorkExceeded):
        # Who holds it is asked of all orders.
        found.look(reservations, nothing, NOW + 3 * HOUR, Work(2 * 100 * 40 - 1))
