"""Which event is posted next: against the rules, and against random receivers."""

from collections import defaultdict
from random import Random

import pytest

from minirelay.operations.webhook_schedule import FIRST_PAUSE_S, LONGEST_PAUSE_S, WebhookSchedule

QUICK = 1_000_000
"""So many posts a second that their pace makes no difference."""


def schedule(most: int = 4, per_second: int = QUICK) -> WebhookSchedule:
    return WebhookSchedule(most_at_once=most, most_per_second=per_second)


def begun(one: WebhookSchedule, now: float, most: int = 100) -> list[int]:
    """Begin what may begin, a microsecond apart."""
    found = []
    for step in range(most):
        event = one.begin(now + step / QUICK)
        if event is None:
            break
        found.append(event)
    return found


def test_events_of_a_stream_are_posted_one_after_the_other() -> None:
    one = schedule()
    for event in (1, 2, 3):
        one.add(event, "a", 0)
    assert begun(one, 0) == [1]
    one.succeeded(1, 1)
    assert begun(one, 1) == [2]
    assert len(one) == 2


def test_a_failed_one_holds_back_its_stream_and_no_other() -> None:
    one = schedule()
    for event, stream in ((1, "a"), (2, "a"), (3, "b")):
        one.add(event, stream, 0)
    assert begun(one, 0) == [1, 3]
    assert one.failed(1, 1, 1.0) == 1
    one.add(4, "c", 1)
    assert begun(one, 1) == [4]
    assert begun(one, 1 + FIRST_PAUSE_S) == [1]


def test_pauses_double_up_to_the_longest_and_differ() -> None:
    one, now, pauses = schedule(), 0.0, []
    one.add(1, "a", 0)
    for tries in range(1, 12):
        assert begun(one, now) == [1]
        assert one.failed(1, now, 1.0) == tries
        pauses.append(one.wait_s(now))
        now += pauses[-1]
    assert pauses[:4] == pytest.approx([5, 10, 20, 40])
    assert pauses[-3:] == pytest.approx([LONGEST_PAUSE_S] * 3)
    begun(one, now)
    one.failed(1, now, 0.0)
    assert one.wait_s(now) == pytest.approx(LONGEST_PAUSE_S / 2)


def test_a_receiver_is_left_alone_as_long_as_it_wants() -> None:
    one = schedule()
    one.add(1, "a", 0)
    begun(one, 0)
    one.failed(1, 0, 1.0, wish_s=77)
    assert one.wait_s(0) == 77


def test_no_more_are_under_way_than_may_be() -> None:
    one = schedule(most=4)
    for event in range(1, 11):
        one.add(event, str(event), 0)
    assert begun(one, 0) == [1, 2, 3]
    assert one.wait_s(0) == float("inf")
    one.succeeded(2, 1)
    assert begun(one, 1) == [4]


def test_a_place_is_left_to_retries_and_one_to_first_tries() -> None:
    one = schedule(most=3)
    for event in range(1, 9):
        one.add(event, str(event), 0)
    failed = begun(one, 0)
    assert failed == [1, 2]
    for event in failed:
        one.failed(event, 0, 1.0)
    # First tries hang, and retries still have a place of the three.
    assert begun(one, 10) == [3, 4, 1]
    # Retries hang, and first tries still have one.
    other = schedule(most=3)
    for event in range(1, 6):
        other.add(event, str(event), 0)
        assert begun(other, event / QUICK) == [event]
        other.failed(event, event / QUICK, 1.0)
    assert len(begun(other, 10)) == 2
    other.add(6, "6", 11)
    assert begun(other, 11) == [6]


def test_one_place_is_for_all() -> None:
    one = schedule(most=1)
    one.add(1, "a", 0)
    one.add(2, "b", 0)
    assert begun(one, 0) == [1]
    one.failed(1, 1, 1.0)
    assert begun(one, 1) == [2]
    one.succeeded(2, 1)
    assert begun(one, 1 + FIRST_PAUSE_S) == [1]


def test_posts_begin_at_a_pace() -> None:
    one = schedule(most=100, per_second=10)
    for event in range(1, 6):
        one.add(event, str(event), 0)
    assert (one.begin(0), one.begin(0.05)) == (1, None)
    assert one.wait_s(0.05) == pytest.approx(0.05)
    assert one.begin(0.1) == 2


def test_what_is_dropped_lets_the_next_one_through() -> None:
    one = schedule()
    for event in (1, 2, 3):
        one.add(event, "a", 0)
    begun(one, 0)
    one.failed(1, 0, 1.0)
    one.drop(1, 1)
    one.drop(1, 1)
    one.drop(3, 1)
    assert begun(one, 1) == [2]
    one.succeeded(2, 1)
    assert (len(one), one.wait_s(1)) == (0, float("inf"))


@pytest.mark.parametrize("is_taken", [False, True])
def test_what_is_dropped_while_it_is_under_way_makes_no_difference(is_taken: bool) -> None:
    one = schedule()
    one.add(1, "a", 0)
    begun(one, 0)
    one.drop(1, 0)
    one.add(2, "a", 0)
    assert begun(one, 0) == []
    if is_taken:
        one.succeeded(1, 1)
    else:
        one.failed(1, 1, 1.0)
    assert begun(one, 1) == [2]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_fails_each_event_is_posted_in_its_order_until_it_is_taken(seed: int) -> None:
    random, now = Random(seed), 0.0
    one = schedule(most=random.randrange(1, 6))
    waiting: dict[int, str] = {}
    taken: dict[str, list[int]] = defaultdict(list)
    gone: set[int] = set()
    under_way: dict[int, str] = {}
    for event in range(1, 200):
        waiting[event] = random.choice("abcdefgh")
        one.add(event, waiting[event], now)
        for _ in range(random.randrange(4)):
            step(one, random, now, under_way, waiting, taken, gone)
            now += random.random() * 10
    for _ in range(100_000):
        if not len(one) and not under_way:
            break
        step(one, random, now, under_way, waiting, taken, gone)
        now += 0.001 if under_way else min(one.wait_s(now), LONGEST_PAUSE_S)
    assert set().union(*taken.values()) | gone == set(range(1, 200))
    assert all(events == sorted(events) for events in taken.values())


def step(
    one: WebhookSchedule,
    random: Random,
    now: float,
    under_way: dict[int, str],
    waiting: dict[int, str],
    taken: dict[str, list[int]],
    gone: set[int],
) -> None:
    """Do one thing that can happen."""
    if random.random() < 0.02 and waiting:
        dropped = random.choice(list(waiting))
        one.drop(dropped, now)
        gone.add(dropped)
        waiting.pop(dropped)
        return
    if under_way and random.random() < 0.5:
        event = random.choice(list(under_way))
        stream = under_way.pop(event)
        if random.random() < 0.6:
            one.succeeded(event, now)
            waiting.pop(event, None)
            taken[stream].append(event)
        else:
            one.failed(event, now, random.random())
        return
    event_or_none = one.begin(now)
    if event_or_none is not None:
        stream = waiting[event_or_none]
        assert stream not in under_way.values()
        assert event_or_none == min(one_ for one_, of in waiting.items() if of == stream)
        under_way[event_or_none] = stream
