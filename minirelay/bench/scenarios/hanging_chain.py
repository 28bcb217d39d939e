"""Writes while every endpoint of a payment chain accepts connections and never answers."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.frames import RESPONSE, is_refusal, kind_of
from minirelay.bench.report import Figure, Section, percentile
from minirelay.bench.selling import add_order, choose, opening
from minirelay.bench.session import BenchError, LoadSession
from minirelay.bench.target import Target, own_relay
from minirelay.bench.workload import Author, fill, frames_of
from minirelay.shop.order_states import OrderState

LISTINGS: Final = 100
ENDPOINTS: Final = 3
PAUSE_S: Final = 0.001
WAITS_S: Final = 5.0
"""So long a choice waits for facts (spec 07, the end of "Prices")."""

_MS_PER_S: Final = 1000


def run(bench: Bench) -> Section:
    """Let customers choose, and a clerk go on writing while their choices wait."""
    if bench.running is not None:
        raise BenchError("hanging-chain: only measured on relays that the benchmark starts itself")
    choices, writes = bench.plan.waiting_choices, bench.plan.lone_writes
    bench.tell(f"hanging-chain: {choices} payment choices wait for a chain, {writes:,} writes go on")
    with hanging_endpoints(ENDPOINTS) as urls, own_relay(bench.directory, guests=choices) as relay:
        target = relay.start(payment_endpoints=urls)
        with target.session(target.writer) as writer, ExitStack() as sessions:
            author = Author(target.writer, target.shop_id)
            fill(writer, author, range(LISTINGS))
            listing = author.listing_id(0)
            writer.write_all(frames_of(writer, [author.seal(*opening(listing, choices))]), in_flight=1)
            quiet = write_alone(writer, author, writes)
            customers = [sessions.enter_context(target.session(key)) for key in target.guests]
            begin = _choose(target, customers, listing)
            acks = write_alone(writer, author, writes, until=begin + WAITS_S)
            waited = [_until_refused(session) - begin for session in customers]
    figures = (
        Figure("write to answer, p99, while nobody waits", percentile(quiet, 0.99), "ms"),
        Figure(f"  while {choices} choices wait, p50", percentile(acks, 0.5), "ms"),
        Figure("  while they wait, p99", percentile(acks, 0.99), "ms", goals.P99_OF_OTHERS_MS),
        Figure("choices refused after", min(waited), "s"),
        Figure("  the last of them", max(waited), "s"),
    )
    notes = (f"Each of the chain's {ENDPOINTS} endpoints accepts connections and never answers.",)
    return Section("hanging-chain", "Writes while a payment chain hangs", figures, notes)


@contextmanager
def hanging_endpoints(count: int) -> Iterator[list[str]]:
    """Yield the URLs of so many endpoints that accept connections and never say anything."""
    with ExitStack() as parts:
        yield [parts.enter_context(_hanging_endpoint()) for _ in range(count)]


@contextmanager
def _hanging_endpoint() -> Iterator[str]:
    accepted: list[socket.socket] = []

    def accept_all() -> None:
        # Until the listener is shut down.
        with suppress(OSError):
            while True:
                accepted.append(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        thread = threading.Thread(target=accept_all)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in accepted:
                one.close()


def _choose(target: Target, customers: list[LoadSession], listing: int) -> float:
    """Let each customer order, then all choose how to pay; give the moment before the first choice."""
    choices = []
    for number, (session, key) in enumerate(zip(customers, target.guests, strict=True), 1):
        author = Author(key, target.shop_id)
        order = add_order(number, listing, OrderState.COMMITTED)
        session.write_all(frames_of(session, [author.seal(order)]), in_flight=1)
        choices += frames_of(session, [author.seal(*choose(number))])
    begin = time.perf_counter()
    for session, frame in zip(customers, choices, strict=True):
        session.send(frame)
    return begin


def write_alone(writer: LoadSession, author: Author, count: int, until: float | None = None) -> list[float]:
    """Write one set at a time; give the milliseconds until each answer. until: begin none after that."""
    acks: list[float] = []
    for frame in frames_of(writer, author.price_changes(LISTINGS, count)):
        time.sleep(PAUSE_S)
        begin = time.perf_counter()
        if until is not None and begin >= until:
            break
        writer.write_all([frame], in_flight=1)
        acks.append((time.perf_counter() - begin) * _MS_PER_S)
    return acks


def _until_refused(session: LoadSession) -> float:
    """Wait until a choice is refused; give the moment. Raises BenchError if it was not."""
    while True:
        for envelope in session.receive():
            if kind_of(envelope) == RESPONSE:
                if not is_refusal(envelope):
                    raise BenchError("a payment choice was answered though its chain can't be read")
                return time.perf_counter()
