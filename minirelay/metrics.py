"""What is counted while a relay runs, as plain numbers, and how they become Prometheus series (spec 09).

Rooms count into what is given to them here: an addition, or one observation. Nothing is made of it before
somebody asks (`operations/collectors/`). Each relay has counts of its own: there is no global registry.
"""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from prometheus_client import Metric

LATENCIES_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
BATCH_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
ACCEPTED: Final = "accepted"

Labels = tuple[str, ...]


class Histogram:
    """How often something was how large. counts: by bucket, the last one beyond all bounds."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float] = LATENCIES_S) -> None:
        """bounds: the buckets' upper ends, rising."""
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """Count all values."""
        return sum(self.counts)


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """Estimate the value below which this share of a histogram's values lies; None if it has none.

    Within a bucket they are taken to be spread evenly; beyond the last bound it is that.
    """
    wanted = share * sum(counts)
    if not wanted:
        return None
    start = 0.0
    for end, count in zip(bounds, counts, strict=False):
        if count >= wanted:
            return start + (end - start) * wanted / count
        wanted -= count
        start = end
    return start


class MessageCounts:
    """The messages of all sessions. received: by the message's type. violations: they ended sessions."""

    __slots__ = ("answers", "errors", "pings", "pushes", "received", "statuses", "violations")

    def __init__(self) -> None:
        self.received: defaultdict[type, int] = defaultdict(int)
        self.violations = self.answers = self.errors = self.pushes = self.statuses = self.pings = 0


class ProxySigns:
    """What lately looked as if a reverse proxy in front of the relay were not set up. Times are monotonic.

    Strangers can cause each of them, so only the last one of a kind is kept.
    """

    __slots__ = ("forwarded_at", "no_upgrade_at", "untrusted_peer")

    def __init__(self) -> None:
        self.untrusted_peer: str | None = None
        self.forwarded_at: float | None = None
        self.no_upgrade_at: float | None = None

    def note_forwarded(self, peer: str) -> None:
        """Note that a peer forwarded for others, and is not in trusted_proxies."""
        self.untrusted_peer = peer
        self.forwarded_at = time.monotonic()

    def note_no_upgrade(self) -> None:
        """Note that a session was asked for without a WebSocket."""
        self.no_upgrade_at = time.monotonic()


class Meters:
    """All that one relay counts. writes: of clients, by outcome. ended: sessions that it ended, by code.

    ack: from a write's arrival to its answer. push: from when sets are durable until all who follow live
    have them. Both in seconds, as commit is. commit_writes: writes of one transaction.
    """

    def __init__(self) -> None:
        self.messages = MessageCounts()
        self.writes: defaultdict[str, int] = defaultdict(int)
        self.ended: defaultdict[int, int] = defaultdict(int)
        self.ack = Histogram()
        self.push = Histogram()
        self.commit = Histogram()
        self.commit_writes = Histogram(BATCH_SIZES)
        self.commit_rows = 0
        self.loop_delay = Histogram()
        self.proxy_signs = ProxySigns()
        self.started_at = time.monotonic()

    def write_settled(self, outcome: str, took_s: float) -> None:
        """Count a client's write. outcome: ACCEPTED, or the name of an error's code."""
        self.writes[outcome] += 1
        self.ack.observe(took_s)

    def batch_stored(self, writes: int, rows: int, took_s: float) -> None:
        """Count a transaction."""
        self.commit.observe(took_s)
        self.commit_writes.observe(writes)
        self.commit_rows += rows


class Series(msgspec.Struct, frozen=True):
    """A series, as docs/metrics.md has it. name: a counter's without `_total`. labels: what tells its values.

    No label is a text that strangers choose.
    """

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    labels: tuple[str, ...] = ()

    @property
    def shown_name(self) -> str:
        """Return the name under which it is found."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def of(self, value: float | None) -> "Metric":
        """Make the family of one value; None: not known now."""
        return self.by({} if value is None else {(): value})

    def by(self, values: Mapping[Labels, float]) -> "Metric":
        """Make the family of values by what their labels say."""
        family = self._family()
        for said, value in values.items():
            family.add_sample(self.shown_name, dict(zip(self.labels, said, strict=True)), value)
        return family

    def of_histogram(self, histogram: Histogram) -> "Metric":
        """Make the family of a histogram."""
        family = self._family()
        total = 0
        for bound, count in zip([*histogram.bounds, "+Inf"], histogram.counts, strict=True):
            total += count
            family.add_sample(f"{self.name}_bucket", {"le": str(bound)}, total)
        family.add_sample(f"{self.name}_count", {}, total)
        family.add_sample(f"{self.name}_sum", {}, histogram.sum)
        return family

    def _family(self) -> "Metric":
        # Imported when somebody asks for series: it takes 4 MiB, and few relays are watched.
        from prometheus_client import Metric

        return Metric(self.name, self.help, self.kind)


Families = Iterable["Metric"]
