from minirelay.payments.look_schedule import (
    MOST_OF_THE_REST,
    MOST_OLD,
    MOST_YOUNG,
    OLD_INTERVAL_S,
    YOUNG_S,
    Importance,
    LookSchedule,
)
from tests.shop.issued import NOW

OPEN, REST = Importance.OPEN, Importance.REST


def name(number: int) -> bytes:
    return number.to_bytes(32)


def names(found: object) -> list[int]:
    return [int.from_bytes(one) for one in list(found)]  # type: ignore[call-overload]


def schedule(*, young: int = 0, old: int = 0, rest: int = 0) -> LookSchedule:
    """Young ones from 1, old ones from 100, the rest from 1000."""
    one = LookSchedule()
    for number in range(100, 100 + old):
        one.put(name(number), OPEN, NOW - YOUNG_S)
    for number in range(1, 1 + young):
        one.put(name(number), OPEN, NOW)
    for number in range(1000, 1000 + rest):
        one.put(name(number), REST, NOW)
    return one


def test_young_ones_come_first_the_newest_before_all_and_at_each_poll() -> None:
    one = schedule(young=3, old=2, rest=2)
    assert names(one.due(NOW))[:3] == [3, 2, 1]
    one.looked([name(n) for n in (1, 2, 3)], NOW)
    assert names(one.due(NOW))[:3] == [3, 2, 1]


def test_older_ones_come_every_minute() -> None:
    one = schedule(old=2)
    assert sorted(names(one.due(NOW))) == [100, 101]
    one.looked([name(100), name(101)], NOW)
    assert names(one.due(NOW + OLD_INTERVAL_S - 1)) == []
    assert sorted(names(one.due(NOW + OLD_INTERVAL_S))) == [100, 101]


def test_what_was_not_reached_comes_before_what_was() -> None:
    one = schedule(old=3)
    first, *others = names(one.due(NOW))
    one.looked([name(first)], NOW)
    assert names(one.due(NOW + OLD_INTERVAL_S)) == [*others, first]


def test_young_ones_grow_old() -> None:
    one = schedule(young=1)
    one.looked([name(1)], NOW)
    assert names(one.due(NOW + YOUNG_S)) == [1]
    one.looked([name(1)], NOW + YOUNG_S)
    assert names(one.due(NOW + YOUNG_S + 1)) == []
    assert one.open_count == 1


def test_the_rest_takes_turns_of_a_thousand() -> None:
    one = schedule(rest=MOST_OF_THE_REST + 5)
    first = [*one.due(NOW)]
    assert len(first) == MOST_OF_THE_REST
    one.looked(first, NOW)
    second = [*one.due(NOW)]
    assert len(second) == MOST_OF_THE_REST
    assert len({*first, *second}) == MOST_OF_THE_REST + 5


def test_what_matters_no_more_soon_moves_to_the_rest_and_back() -> None:
    one = schedule(young=1, old=1)
    for number in (1, 100):
        one.put(name(number), REST, NOW)
    assert (len(one), one.open_count) == (2, 0)
    one.put(name(1), OPEN, NOW)
    assert one.open_count == 1
    one.remove(name(1))
    one.remove(name(100))
    assert (len(one), names(one.due(NOW))) == (0, [])


def test_saying_again_how_important_one_is_changes_no_turn() -> None:
    one = schedule(old=2, rest=2)
    one.looked([*one.due(NOW)], NOW)
    one.put(name(100), OPEN, NOW)
    one.put(name(1000), REST, NOW)
    assert names(one.due(NOW + 1)) == names(one.due(NOW + 1))
    assert 100 not in names(one.due(NOW + 1))


def test_what_an_event_was_found_for_is_looked_at_next() -> None:
    one = schedule(old=2)
    one.looked([*one.due(NOW)], NOW)
    one.hurry(name(101))
    one.hurry(name(7))
    assert names(one.due(NOW + 1)) == [101]


def test_however_many_wait_a_poll_looks_at_so_many_and_in_the_end_at_all() -> None:
    one, count = LookSchedule(), 20_000
    for number in range(count):
        one.put(name(number), OPEN, NOW)
    looked: set[int] = set()
    for poll in range(count // MOST_OLD):
        due = one.due(NOW + poll)
        assert len(due) <= MOST_YOUNG + MOST_OLD
        assert names(due)[:MOST_YOUNG] == list(range(count - 1, count - 1 - MOST_YOUNG, -1))
        looked.update(names(due))
        one.looked(due, NOW + poll)
    assert (len(looked), one.open_count) == (count, count)


def test_nothing_is_gone_through_that_is_not_due() -> None:
    one = schedule(old=50_000)
    for _ in range(50_000 // MOST_OLD):
        one.looked(one.due(NOW), NOW)
    assert one.due(NOW + OLD_INTERVAL_S - 1) == []
