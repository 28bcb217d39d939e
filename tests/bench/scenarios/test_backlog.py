"""The figures of a new subscriber."""

from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.backlog import LISTINGS, catch_up, extend_log, run, start_log
from minirelay.bench.target import Target
from minirelay.protocol.envelope import Filter
from minirelay.protocol.objects import ObjectType
from tests.bench.sections import assert_all_positive, values_of


def test_figures(own_bench: Bench) -> None:
    values = values_of(run(own_bench))
    assert_all_positive(
        values,
        "all of it, by a clerk",
        "its first push",
        "load generator busy",
        "all that is public, by a visitor",
        "one listing, in 2 sets: first push",
        "one listing, in the last of all sets",
    )
    # A header, a signature and a patch, the indexes that find them, in whole pages.
    assert 250 < values["database"] < 5000


def test_figures_of_a_running_relay_leave_its_disk_out(bench: Bench) -> None:
    values = values_of(run(bench))
    assert "database" not in values
    assert_all_positive(values, "all of it, by a clerk")


def test_the_backlog_is_what_was_written_behind_its_beginning(target: Target) -> None:
    author, begin = start_log(target)
    extend_log(target, author, 2 * LISTINGS + 1, in_flight=16)
    for card in (target.reader, None):
        got = catch_up(target, card, begin)
        assert (got.patches, got.last_seq) == (2 * LISTINGS + 1, begin + 2 * LISTINGS + 1)
        assert 0 < got.first_push_s <= got.seconds
    one = Filter(ObjectType.LISTING, author.listing_id(1).to_bytes(8))
    assert catch_up(target, None, begin, [one]).patches == 2


def test_nothing_to_catch_up_with(target: Target) -> None:
    _, begin = start_log(target)
    assert catch_up(target, None, begin).patches == 0
