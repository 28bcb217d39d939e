"""Who writes and who reads."""

from minirelay.bench.target import Target, new_keys


def test_with_two_cards_one_reads_meanwhile() -> None:
    first, second = new_keys(2)
    both = Target("http://127.0.0.1:1", 1, [first, second])
    assert (both.writer, both.reader) == (first, second)


def test_with_one_card_a_visitor_reads() -> None:
    (only,) = new_keys(1)
    assert Target("http://127.0.0.1:1", 1, [only]).reader is None


def test_sessions_of_cards_and_of_visitors(target: Target) -> None:
    with target.session(target.guests[0]) as guest, target.session() as visitor:
        for session in (guest, visitor):
            session.subscribe(target.shop_id)
            assert session.unpushed() > 0


def test_a_card_is_free_after_its_session(target: Target) -> None:
    for _ in range(3):
        with target.session(target.reader):
            pass


def test_keys_differ() -> None:
    assert len({key.public_key for key in new_keys(10)}) == 10
