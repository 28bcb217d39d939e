"""A whole run: which scenarios there are, and one report of those that were asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from minirelay.bench.bench import Bench
from minirelay.bench.machine import calibrate, describe
from minirelay.bench.report import Report, Section
from minirelay.bench.scenarios import (
    checkout,
    disk,
    hanging_chain,
    large_shops,
    memory,
    orders,
    poller,
    steps,
    subscriptions,
    uploads,
    writes,
)
from minirelay.bench.session import BenchError


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something to measure. needs_own_relay: can't be done to a relay that others use."""

    run: Callable[[Bench], Section]
    needs_own_relay: bool = False


SCENARIOS: Final = {
    "writes": Scenario(writes.run_writes),
    "latency": Scenario(writes.run_latency),
    "backlog": Scenario(subscriptions.run_backlog),
    "fanout": Scenario(subscriptions.run_fanout, needs_own_relay=True),
    "memory": Scenario(memory.run, needs_own_relay=True),
    "large-shop": Scenario(large_shops.run_large_shop, needs_own_relay=True),
    "guests": Scenario(large_shops.run_guests, needs_own_relay=True),
    "steps": Scenario(steps.run),
    "checkout": Scenario(checkout.run),
    "orders": Scenario(orders.run, needs_own_relay=True),
    "hanging-chain": Scenario(hanging_chain.run, needs_own_relay=True),
    "poller": Scenario(poller.run),
    "uploads": Scenario(uploads.run, needs_own_relay=True),
    "disk": Scenario(disk.run, needs_own_relay=True),
}


def run(bench: Bench, names: Sequence[str] = ()) -> Report:
    """Run these scenarios, all that are possible if none is named, in the order of `SCENARIOS`.

    The machine is calibrated before and after, since what else runs on it changes every figure. Raises
    BenchError.
    """
    chosen = [name for name in SCENARIOS if name in names] if names else _possible(bench)
    machine = describe(bench.directory)
    bench.tell("calibrating")
    sections = [calibrate("before", bench.plan.step_seconds, bench.directory)]
    for name in chosen:
        if SCENARIOS[name].needs_own_relay and bench.running is not None:
            raise BenchError(f"{name} needs a relay that the benchmark starts itself; leave --url out")
        sections.append(SCENARIOS[name].run(bench))
    sections.append(calibrate("after", bench.plan.step_seconds, bench.directory))
    return Report(machine, tuple(sections))


def _possible(bench: Bench) -> list[str]:
    return [
        name for name, scenario in SCENARIOS.items() if bench.running is None or not scenario.needs_own_relay
    ]
