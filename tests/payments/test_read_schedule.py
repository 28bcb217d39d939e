"""What is read next, however many shops name however many tokens."""

import pytest

from minirelay.payments.read_schedule import (
    AWAITED_BURST,
    AWAITED_PER_S,
    BACKGROUND_BURST,
    BACKGROUND_PER_S,
    MOST_KNOWN,
    ContractFact,
    ReadSchedule,
    Wanted,
)
from minirelay.shop.checkout_facts import PayeeOf, TokenOf
from tests.chain.nodes import Clock

HOUR = 3600.0


def token(number: int) -> TokenOf:
    return TokenOf((1, number.to_bytes(20)))


def tokens(*numbers: int) -> Wanted:
    return Wanted([token(number) for number in numbers])


class Scheduled:
    """A schedule, its clock, and what it forgot."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.forgotten: list[ContractFact] = []
        self.schedule = ReadSchedule(self.clock, self.forgotten.append)

    def read_all(self, again_in_s: float = HOUR) -> list[ContractFact]:
        """Read what may be read now."""
        read = []
        while (fact := self.schedule.take()) is not None:
            self.schedule.was_read(fact, again_in_s)
            read.append(fact)
        return read


@pytest.fixture
def scheduled() -> Scheduled:
    return Scheduled()


def test_what_a_shop_names_is_read_once_however_often_it_is_named(scheduled: Scheduled) -> None:
    for _ in range(3):
        scheduled.schedule.keep(1, tokens(1, 2))
    scheduled.schedule.keep(2, tokens(2))
    assert set(scheduled.read_all()) == {token(1), token(2)}
    scheduled.schedule.keep(1, tokens(1, 2, 3))
    assert scheduled.read_all() == [token(3)]


def test_what_is_known_is_read_again_when_its_time_has_come(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, tokens(1))
    assert scheduled.read_all() == [token(1)]
    assert scheduled.schedule.pause_s() == HOUR
    scheduled.clock.now += HOUR - 1
    assert scheduled.read_all() == []
    scheduled.clock.now += 1
    assert scheduled.read_all() == [token(1)]


def test_what_no_shop_names_is_forgotten_when_it_would_be_read_again(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, tokens(1))
    scheduled.read_all()
    scheduled.schedule.keep(1, Wanted())
    assert not scheduled.schedule.is_needed
    scheduled.clock.now += HOUR
    assert scheduled.read_all() == []
    assert scheduled.forgotten == [token(1)]


def test_reads_in_the_background_have_a_budget(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, tokens(*range(1000)))
    assert len(scheduled.read_all()) == BACKGROUND_BURST
    assert scheduled.schedule.pause_s() == pytest.approx(1 / BACKGROUND_PER_S)
    scheduled.clock.now += 10
    assert len(scheduled.read_all()) == 10 * BACKGROUND_PER_S


def test_a_shop_that_names_many_does_not_keep_another_waiting(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, tokens(*range(1000)))
    scheduled.schedule.keep(2, tokens(2000))
    assert token(2000) in scheduled.read_all()[:2]
    # Nor one that writes a manifest again and again.
    scheduled.schedule.keep(3, tokens(3000))
    for number in range(100):
        scheduled.schedule.keep(1, tokens(*range(number, 1000 + number)))
    scheduled.clock.now += 3 / BACKGROUND_PER_S
    assert token(3000) in scheduled.read_all()


def test_new_ones_do_not_keep_known_ones_from_being_read_again(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, tokens(1))
    scheduled.read_all()
    scheduled.schedule.keep(2, tokens(*range(100, 1100)))
    scheduled.clock.now += HOUR
    assert token(1) in scheduled.read_all()[:2]


def test_the_newest_of_what_a_write_waits_for_comes_first(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, tokens(1, 2, 3))
    payee = PayeeOf((1, bytes(20)))
    for fact in (token(8), payee, token(9)):
        scheduled.schedule.begin_waiting(fact)
    read = scheduled.read_all()
    assert read[:3] == [token(9), payee, token(8)]
    assert set(read[3:]) == {token(1), token(2), token(3)}


def test_awaited_reads_have_a_budget_of_their_own(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, tokens(*range(1000)))
    scheduled.read_all()
    for number in range(5000, 6000):
        scheduled.schedule.begin_waiting(token(number))
    assert len(scheduled.read_all()) == AWAITED_BURST
    scheduled.clock.now += 1
    assert len(scheduled.read_all()) == AWAITED_PER_S + BACKGROUND_PER_S


def test_what_nobody_waits_for_any_more_is_not_read(scheduled: Scheduled) -> None:
    for _ in range(2):
        scheduled.schedule.begin_waiting(token(1))
    scheduled.schedule.end_waiting(token(1))
    assert scheduled.schedule.pause_s() == 0
    scheduled.schedule.end_waiting(token(1))
    assert scheduled.schedule.pause_s() is None
    assert scheduled.read_all() == []


def test_what_could_not_be_read_is_tried_again(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, tokens(1))
    scheduled.schedule.begin_waiting(token(2))
    for _ in range(2):
        fact = scheduled.schedule.take()
        assert fact is not None
        scheduled.schedule.was_not_read(fact, 1)
        assert fact == token(2)
    scheduled.schedule.end_waiting(token(2))
    assert scheduled.schedule.take() == token(1)
    scheduled.schedule.was_not_read(token(1), 1)
    assert scheduled.schedule.take() is None
    scheduled.clock.now += 1
    assert scheduled.schedule.take() == token(1)


def test_what_can_not_be_read_again_is_forgotten_unless_a_shop_names_it(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, tokens(1))
    scheduled.read_all()
    scheduled.clock.now += HOUR
    fact = scheduled.schedule.take()
    assert fact == token(1)
    scheduled.schedule.keep(1, Wanted())
    scheduled.schedule.was_not_read(fact, 1)
    assert scheduled.forgotten == [token(1)]


def test_only_so_much_is_known_at_a_time(scheduled: Scheduled) -> None:
    for number in range(MOST_KNOWN + 10):
        scheduled.clock.now += 1
        scheduled.schedule.begin_waiting(token(number))
        assert scheduled.read_all(again_in_s=10**6) == [token(number)]
        scheduled.schedule.end_waiting(token(number))
    assert scheduled.forgotten == [token(number) for number in range(10)]
    # And what is forgotten can be waited for again.
    scheduled.schedule.begin_waiting(token(0))
    assert scheduled.read_all() == [token(0)]


def test_a_token_is_tried_with_a_payee_of_a_shop_that_names_it(scheduled: Scheduled) -> None:
    scheduled.schedule.keep(1, Wanted([token(1)], b"\x01" * 20))
    assert scheduled.schedule.payee_for(token(1)) == b"\x01" * 20
    assert scheduled.schedule.payee_for(token(2)) is None
