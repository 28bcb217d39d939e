"""A run measures the relay that was named, or a fresh one."""

from minirelay.bench.bench import FULL, QUICK, Bench
from minirelay.bench.target import Target


def test_the_running_relay_is_the_one_that_is_measured(bench: Bench, target: Target) -> None:
    with bench.target() as measured:
        assert measured is target


def test_a_relay_of_our_own_is_fresh(own_bench: Bench) -> None:
    with own_bench.target() as measured, measured.session(measured.reader) as session:
        session.subscribe(measured.shop_id)
        # The manifest and one account for each clerk.
        assert session.unpushed() == 3


def test_a_quick_run_is_smaller_in_everything() -> None:
    assert QUICK.writes * QUICK.rounds < FULL.writes * FULL.rounds
    assert QUICK.backlog_sets < FULL.backlog_sets
    assert max(QUICK.listings) < max(FULL.listings)
    assert QUICK.large_shop < FULL.large_shop


def test_a_full_run_has_the_sizes_that_the_targets_are_about() -> None:
    assert FULL.listings == (100, 1000, 10_000, 100_000)
    assert (FULL.in_flight, FULL.backlog_sets) == (64, 20_000)
    assert (FULL.subscribers, FULL.large_shop) == (500, 100_000)
