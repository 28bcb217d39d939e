"""How long a lone writer waits for its answer, and how long until a subscriber has what was written."""

import selectors
import time
from dataclasses import dataclass

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.report import Figure, Section, percentile
from minirelay.bench.session import TIMEOUT_S, BenchError, LoadSession
from minirelay.bench.workload import Author, fill, frames_of

LISTINGS = 100
PAUSE_S = 0.001
"""Between two writes: each is to find the relay at rest."""

_MS_PER_S = 1000


@dataclass(frozen=True, slots=True)
class Reaction:
    """Seconds from sending a write to its answer, and to its push."""

    ack_s: float
    push_s: float


def run(bench: Bench) -> Section:
    """Write one set at a time; wait for answer and push of each."""
    count = bench.plan.lone_writes
    bench.tell(f"latency: {count:,} writes, one at a time")
    with bench.target() as target, target.session(target.writer) as writer:
        author = Author(target.writer, target.shop_id)
        fill(writer, author, range(LISTINGS))
        frames = frames_of(writer, author.price_changes(LISTINGS, count))
        with target.session(target.reader) as reader:
            reader.subscribe(target.shop_id)
            drain(reader)
            reactions = [react(writer, reader, frame) for frame in frames]
    acks = [reaction.ack_s * _MS_PER_S for reaction in reactions]
    pushes = [reaction.push_s * _MS_PER_S for reaction in reactions]
    figures = (
        Figure("write to answer, p50", percentile(acks, 0.5), "ms", goals.ACK_P50_MS, goals.ACK_ELSEWHERE),
        Figure("write to answer, p99", percentile(acks, 0.99), "ms", goals.P99_MS),
        Figure("write to push, p50", percentile(pushes, 0.5), "ms", goals.PUSH_P50_MS, goals.PUSH_ELSEWHERE),
        Figure("write to push, p99", percentile(pushes, 0.99), "ms", goals.P99_MS),
    )
    notes = (f"{count:,} writes to a shop of {LISTINGS} listings; the push goes to another session.",)
    return Section("latency", "A lone writer", figures, notes)


def drain(reader: LoadSession) -> None:
    """Take the backlog of a fresh subscription, as much as its sync status says."""
    left = reader.unpushed()
    while left > 0:
        left -= reader.acknowledge(reader.receive())[0]


def react(writer: LoadSession, reader: LoadSession, frame: bytes) -> Reaction:
    """Send one write; take the time until its answer and until its push."""
    time.sleep(PAUSE_S)
    ack_s = push_s = 0.0
    with selectors.DefaultSelector() as selector:
        for session in (writer, reader):
            selector.register(session.socket, selectors.EVENT_READ, session)
        begin = time.perf_counter()
        writer.send(frame)
        while not (ack_s and push_s):
            ready = selector.select(TIMEOUT_S)
            moment = time.perf_counter() - begin
            if not ready:
                raise BenchError(f"a write without an answer or a push for {TIMEOUT_S:g} s")
            for key, _ in ready:
                envelopes = key.data.receive_some()
                if key.data is writer:
                    ack_s = ack_s or moment * writer.count_answers(envelopes)
                elif reader.acknowledge(envelopes)[0]:
                    push_s = push_s or moment
    return Reaction(ack_s, push_s)
