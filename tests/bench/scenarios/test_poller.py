"""The figures of looking at a chain."""

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.poller import ADDRESSES, REQUESTS_BESIDE, run
from tests.bench.sections import values_of


def test_a_poll_keeps_its_bounds_and_a_quiet_chain_costs_one_request(own_bench: Bench) -> None:
    section = run(own_bench)
    values = values_of(section)
    for where in ("with Multicall3", "without"):
        # Of the time, ten times what is allowed: the machine does other things meanwhile.
        assert 2 <= values[f"requests, the most, {where}"] <= goals.POLL_REQUESTS.bound
        assert 0 < values[f"CPU, p50, {where}"] <= 10 * goals.POLL_CPU_MS.bound
        assert values[f"longest turn of the loop, p50, {where}"] > 0
    assert values["addresses looked at in a poll, with Multicall3"] == ADDRESSES
    # Five polls look at each of them.
    assert ADDRESSES / 6 < values["addresses looked at in a poll, without"] < ADDRESSES
    assert values["requests of a poll where no block came"] == goals.QUIET_POLL_REQUESTS.bound == 1
    assert 0 < values["beside 2,000 payments, p50"] <= 10 * goals.P99_BESIDE_POLLS_MS.bound
    assert values["beside them, p99"] > 0
    assert values["requests to the chain meanwhile"] >= REQUESTS_BESIDE
    assert all(goal.is_must for goal in (goals.POLL_REQUESTS, goals.POLL_CPU_MS, goals.QUIET_POLL_REQUESTS))
