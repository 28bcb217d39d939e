"""Who may upload when many want to."""

from minirelay.web.upload_places import PATIENCE_S, SLOWEST_BYTES_PER_S, Place, UploadPlaces

PLACES = 16
A, B, C = 1, 2, 3


class Time:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def fill(places: UploadPlaces, count: int, *, shop: int, card: int) -> list[Place]:
    """Take places as long as there are any, of that many; tell which were had."""
    had = [places.take(card, shop) for _ in range(count)]
    return [one for one in had if one is not None]


def held(places: list[Place]) -> int:
    return sum([not one.is_lost for one in places])


def test_whoever_is_alone_may_take_all_places() -> None:
    places = UploadPlaces(PLACES, Time())
    taken = fill(places, PLACES + 1, shop=A, card=1)
    assert len(taken) == held(taken) == PLACES
    places.give_back(taken[0])
    assert places.take(1, A) is not None


def test_a_shop_that_has_all_places_keeps_no_other_waiting() -> None:
    places = UploadPlaces(PLACES, Time())
    hostile = fill(places, PLACES, shop=A, card=1)
    honest = fill(places, PLACES, shop=B, card=2)
    assert (held(hostile), held(honest)) == (PLACES // 2, PLACES // 2)
    third = fill(places, PLACES, shop=C, card=3)
    assert held(third) == PLACES // 3
    assert held(hostile) + held(honest) + held(third) == PLACES


def test_no_place_goes_to_and_fro() -> None:
    places = UploadPlaces(PLACES, Time())
    one, other = fill(places, PLACES, shop=A, card=1), fill(places, PLACES, shop=B, card=2)
    for _ in range(100):
        assert places.take(1, A) is None
        assert places.take(2, B) is None
    assert held(one) == held(other) == PLACES // 2


def test_many_cards_bring_a_shop_no_more() -> None:
    places = UploadPlaces(PLACES, Time())
    hostile = [one for card in range(100, 140) if (one := places.take(card, A)) is not None]
    assert len(hostile) == PLACES
    assert held(fill(places, PLACES, shop=B, card=2)) == PLACES // 2


def test_the_cards_of_a_shop_share_what_it_has() -> None:
    places = UploadPlaces(PLACES, Time())
    one = fill(places, PLACES, shop=A, card=1)
    other = fill(places, PLACES, shop=A, card=2)
    assert held(one) == held(other) == PLACES // 2


def test_a_shop_gives_from_the_card_that_has_most_and_the_slowest_first() -> None:
    clock = Time()
    places = UploadPlaces(4, clock)
    (single,) = fill(places, 1, shop=A, card=1)
    several = fill(places, 3, shop=A, card=2)
    clock.now += 5
    for one, size in zip(several, (900_000, 100_000, 500_000), strict=True):
        one.received_bytes = size
    assert places.take(3, B) is not None
    assert [one.is_lost for one in (single, *several)] == [False, False, True, False]


def test_what_is_whole_is_not_taken_back() -> None:
    places = UploadPlaces(2, Time())
    taken = fill(places, 2, shop=A, card=1)
    for one in taken:
        one.is_whole = True
    assert places.take(2, B) is None
    taken[1].is_whole = False
    assert places.take(2, B) is not None
    assert [one.is_lost for one in taken] == [False, True]


def test_who_is_slower_than_any_may_be_keeps_the_place_while_nobody_wants_it() -> None:
    clock = Time()
    places = UploadPlaces(3, clock)
    taken = [places.take(shop, shop) for shop in (A, B, C)]
    clock.now += PATIENCE_S - 0.1
    assert places.take(4, 4) is None
    clock.now += 0.1
    for place, speed in zip(taken, (1.0, 0.5, 0.9), strict=True):
        assert place is not None
        place.received_bytes = int(speed * SLOWEST_BYTES_PER_S * PATIENCE_S)
    assert places.take(4, 4) is not None
    assert [one.is_lost for one in taken if one is not None] == [False, True, False]
    assert places.take(5, 5) is not None
    # Who is fast enough keeps it.
    assert places.take(6, 6) is None


def test_who_loses_a_place_hears_of_it_once_and_also_later() -> None:
    places = UploadPlaces(1, Time())
    ends: list[str] = []
    (first,) = fill(places, 1, shop=A, card=1)
    first.when_lost(lambda: ends.append("first"))
    first.lose()
    assert ends == ["first"]
    second = Place(1, A, 0.0)
    second.lose()
    second.when_lost(lambda: ends.append("second"))
    assert ends == ["first", "second"]


def test_a_place_that_was_lost_is_not_given_back_twice() -> None:
    places = UploadPlaces(2, Time())
    taken = fill(places, 2, shop=A, card=1)
    assert len(fill(places, 1, shop=B, card=2)) == 1
    for one in taken:
        places.give_back(one)
    assert len(fill(places, 2, shop=C, card=3)) == 1
