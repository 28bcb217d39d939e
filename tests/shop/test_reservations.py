"""What is reserved at a moment, against a sum over all orders."""

from hypothesis import given
from hypothesis import strategies as st

from minirelay.protocol.ids import NOBODY
from minirelay.shop.reservations import NEVER, Hold, Reservation, Reservations, Units

CARD = 7
A, B = b"a", b"b"


def key(number: int) -> bytes:
    return number.to_bytes(8)


def reservation(units: int, ends_at: int, **more: int) -> Reservation:
    return Reservation(CARD, ((A, units),), ends_at, **more)  # type: ignore[arg-type]


def test_a_reservation_holds_until_its_end() -> None:
    reservations = Reservations({key(1): reservation(3, 100), key(2): reservation(4, 200)})

    assert [reservations.of_stock(A, now) for now in (0, 99, 100, 199, 200)] == [7, 7, 4, 4, 0]
    assert [reservations.of_card(CARD, now) for now in (99, 100, 200)] == [7, 4, 0]
    assert reservations.of_stock(B, 0) == 0


def test_orders_of_no_guest_are_counted_for_no_card() -> None:
    reservations = Reservations({key(1): Reservation(NOBODY, ((A, 3),), 100)})

    assert reservations.of_stock(A, 0) == 3
    assert reservations.of_card(NOBODY, 0) == 0


def test_money_that_was_seen_holds_a_reservation_beyond_its_end() -> None:
    seen = Reservation(CARD, ((A, 1),), 100, hold=Hold.SEEN)
    short = Reservation(CARD, ((A, 1),), 100, hold=Hold.SHORT, extended_until=500)

    assert (seen.lapses_at, short.lapses_at) == (NEVER, 500)
    assert Reservations({key(1): seen, key(2): short}).of_stock(A, 499) == 2


def test_what_lapsed_before_it_was_stored_holds_nothing() -> None:
    reservations = Reservations({key(1): reservation(3, 100)}, now=100)

    assert reservations.of_stock(A, 50) == 0


def test_what_lapsed_stays_lapsed_when_the_clock_is_set_back() -> None:
    reservations = Reservations({key(1): reservation(3, 100)})
    assert reservations.clear(100) == (key(1),)

    assert reservations.latest(50) == 100
    assert reservations.of_stock(A, 50) == 0
    assert reservations.row(key(1)) is None


def test_clearing_takes_no_more_at_once_than_it_may() -> None:
    reservations = Reservations({key(number): reservation(1, 100 + number) for number in range(100)})
    cleared = [reservations.clear(1000, most=20) for _ in range(12)]

    assert [len(one) for one in cleared] == [10] * 10 + [0] * 2
    assert reservations.rows() == {}


def test_clearing_keeps_what_holds_and_what_is_to_be_known() -> None:
    rows = {
        key(1): Reservation(CARD, ((A, 1),), 100, hold=Hold.SEEN),
        key(2): Reservation(CARD, ((A, 1),), 100, extended_until=50),
        key(3): Reservation(CARD, (), 200),
    }
    reservations = Reservations(rows)
    assert reservations.clear(150) == (key(2),)
    assert reservations.rows() == rows | {key(2): Reservation(CARD, (), 100, extended_until=50)}

    reservations.enter({key(1): Reservation(CARD, ((A, 1),), 180)})
    assert set(reservations.clear(300)) == {key(1), key(3)}
    assert set(reservations.rows()) == {key(2)}


ROWS = st.builds(
    Reservation,
    card=st.sampled_from([NOBODY, CARD, 8]),
    units=st.sampled_from([(), ((A, 1),), ((A, 2), (B, 5)), ((B, 3),)]),
    ends_at=st.integers(0, 20),
    hold=st.sampled_from(Hold),
    extended_until=st.integers(0, 25),
)
STEPS = st.lists(
    st.tuples(st.integers(1, 5), st.none() | ROWS, st.integers(0, 3), st.booleans(), st.integers(1, 5))
)


@given(STEPS)
def test_sums_are_those_of_all_orders(
    steps: list[tuple[int, Reservation | None, int, bool, int]],
) -> None:
    reservations, known, now = Reservations(), dict[bytes, Reservation](), 0
    for number, row, passes, clears, most in steps:
        row = None if row is None else row.at(now)
        reservations.enter({key(number): row})
        known.pop(key(number), None)
        if row is not None:
            known[key(number)] = row
        now += passes
        if clears:
            reservations.clear(now, most)
        holding = [held(row, now) for row in known.values()]
        for stock in (A, B):
            assert reservations.of_stock(stock, now) == sum(one.get(stock, 0) for one in holding)
        for card in (CARD, 8):
            mine = [row for row in known.values() if row.card == card]
            assert reservations.of_card(card, now) == sum(sum(held(row, now).values()) for row in mine)


@given(st.dictionaries(st.integers(1, 9).map(key), ROWS), st.integers(0, 5), st.integers(0, 25))
def test_what_is_stored_comes_back_as_if_it_was_entered(
    stored: dict[bytes, Reservation], opened_at: int, now: int
) -> None:
    entered = Reservations(now=opened_at)
    entered.enter({order_id: row.at(opened_at) for order_id, row in stored.items()})
    opened = Reservations(stored, opened_at)
    for one in (opened, entered):
        one.clear(opened_at + now)
    for stock in (A, B):
        assert opened.of_stock(stock, opened_at + now) == entered.of_stock(stock, opened_at + now)
    for card in (NOBODY, CARD, 8):
        assert opened.of_card(card, opened_at + now) == entered.of_card(card, opened_at + now)
    assert opened.rows() == entered.rows()
    assert opened.size_bytes == entered.size_bytes


def held(row: Reservation, now: int) -> dict[bytes, int]:
    units: Units = row.units if row.lapses_at > now else ()
    return dict(units)
