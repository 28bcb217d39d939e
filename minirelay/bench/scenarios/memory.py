"""How much memory the relay takes: at rest, and with many sessions that follow its shop."""

import selectors
import time
from collections.abc import Iterator
from contextlib import ExitStack

from minirelay.bench import goals
from minirelay.bench.bare_node import bare_node
from minirelay.bench.bench import Bench
from minirelay.bench.meters import ProcessMeter
from minirelay.bench.report import Figure, Goal, Section
from minirelay.bench.scenarios.writes import drain
from minirelay.bench.selling import CHAIN
from minirelay.bench.session import TIMEOUT_S, BenchError, LoadSession
from minirelay.bench.target import OwnRelay, Target, own_relay
from minirelay.bench.workload import Author, fill, frames_of

LISTINGS = 100
SETTLING_S = 1.0
"""Until what belongs to the start, or to a burst of work, is over."""

_MIB = 1024 * 1024
_KIB = 1024
_MS_PER_S = 1000


def run(bench: Bench) -> Section:
    """Start a relay; let sessions of guests subscribe; write one listing that all of them get."""
    if bench.running is not None:
        raise BenchError("memory: only measured on relays that the benchmark starts itself")
    count = bench.plan.subscribers
    bench.tell(f"memory: at rest, then with {count:,} subscribed sessions")
    with own_relay(bench.directory, guests=count) as relay:
        figures = [_watching(relay)]
        target = relay.start()
        meter = _meter_of(target)
        time.sleep(SETTLING_S)
        figures.append(_resident("at rest, freshly started", meter, goals.IDLE_MIB))
        figures += _crowd(target, meter)
    notes = (f"Each session is a guest's, authenticated, subscribed to a shop of {LISTINGS} listings.",)
    return Section("memory", "Memory of the relay", tuple(figures), notes)


def _watching(relay: OwnRelay) -> Figure:
    with bare_node(CHAIN) as node:
        meter = _meter_of(relay.start(payment_endpoints=[node.url]))
        deadline = time.monotonic() + TIMEOUT_S
        while not node.requests and time.monotonic() < deadline:
            time.sleep(SETTLING_S / 10)
        time.sleep(SETTLING_S)
        figure = _resident("at rest, with one chain watched", meter, goals.WATCHING_MIB)
        relay.stop()
    return figure


def _meter_of(target: Target) -> ProcessMeter:
    if target.meter is None:
        raise BenchError("memory: this system does not say how much memory a process takes")
    return target.meter


def _crowd(target: Target, meter: ProcessMeter) -> Iterator[Figure]:
    author = Author(target.writer, target.shop_id)
    with ExitStack() as stack:
        writer = stack.enter_context(target.session(target.writer))
        fill(writer, author, range(LISTINGS))
        before = meter.resident_bytes()
        readers = []
        for guest in target.guests:
            reader = stack.enter_context(target.session(guest))
            reader.subscribe(target.shop_id)
            drain(reader)
            readers.append(reader)
        (frame,) = frames_of(writer, [author.seal(author.change_price(0, 1))])
        seconds = _push_to_all(writer, readers, frame)
        time.sleep(SETTLING_S)
        goal = goals.SUBSCRIBED_MIB if len(readers) == goals.SUBSCRIBERS else None
        yield _resident(f"with {len(readers):,} subscribed sessions", meter, goal)
        each = (meter.resident_bytes() - before) / max(1, len(readers))
        yield Figure("  for each session", each / _KIB, "KiB")
        yield Figure("a write until all of them have it", seconds * _MS_PER_S, "ms")


def _push_to_all(writer: LoadSession, readers: list[LoadSession], frame: bytes) -> float:
    """Write once; give the seconds until every reader has the push."""
    missing = len(readers)
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader.socket, selectors.EVENT_READ, reader)
        begin = time.perf_counter()
        writer.send(frame)
        while missing:
            ready = selector.select(TIMEOUT_S)
            if not ready:
                raise BenchError(f"{missing} of {len(readers)} sessions never got a push")
            for key, _ in ready:
                missing -= key.data.acknowledge(key.data.receive_some())[0]
        return time.perf_counter() - begin


def _resident(name: str, meter: ProcessMeter, goal: Goal | None) -> Figure:
    return Figure(name, meter.resident_bytes() / _MIB, "MiB", goal)
