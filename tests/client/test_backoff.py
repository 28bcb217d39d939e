from itertools import islice
from random import Random

from minirelay.client.backoff import Backoff


def test_waits_grow_up_to_the_longest() -> None:
    waits = Backoff(first_s=1, most_s=5, factor=2, jitter=0).waits(Random(1))
    assert list(islice(waits, 5)) == [1, 2, 4, 5, 5]


def test_chance_takes_no_more_than_its_share() -> None:
    waits = list(islice(Backoff(first_s=1, most_s=1, jitter=0.25).waits(Random(1)), 200))
    assert all(0.75 < wait <= 1 for wait in waits)
    assert max(waits) - min(waits) > 0.2


def test_gives_up_after_the_last_attempt() -> None:
    assert len(list(Backoff(attempts=4).waits(Random(1)))) == 3
    assert list(Backoff(attempts=1).waits(Random(1))) == []
