"""Which events are posted to the webhook next: without I/O, a clock or randomness (spec 09 "Alerts").

Events of one stream, a payment's say, are posted one after the other, and one that fails holds back the
later ones of its stream. Streams know nothing of each other. How often one failed is not stored: after a
restart all are tried again at once.
"""

import heapq
from collections import deque
from typing import Final

import msgspec

FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 600.0
"""How long a stream rests after its event failed: twice as long each time."""

_MOST_DOUBLINGS: Final = 16


class _Stream(msgspec.Struct):
    """ids: of its events, in their order. due_at: when the first may be posted, monotonic.

    failures: of the first, in a row. is_busy: one of its events is under way.
    """

    due_at: float
    ids: deque[int] = msgspec.field(default_factory=deque)
    failures: int = 0
    is_busy: bool = False

    @property
    def is_retry(self) -> bool:
        """Return whether its first event has failed before."""
        return self.failures > 0


class WebhookSchedule:
    """The events that wait, and those under way."""

    def __init__(self, *, most_at_once: int, most_per_second: int) -> None:
        """Start empty. most_at_once: posts under way. most_per_second: of posts that begin."""
        self._most = most_at_once
        self._gap_s = 1 / most_per_second
        self._next_start = float("-inf")
        self._streams: dict[str, _Stream] = {}
        self._names: dict[int, str] = {}
        self._under_way: dict[int, tuple[str, bool]] = {}
        # Each a heap: when it is due, which event, and its stream. What holds no more is left out when met.
        self._queues: dict[bool, list[tuple[float, int, str]]] = {False: [], True: []}

    def __len__(self) -> int:
        """Count the events."""
        return len(self._names)

    def __contains__(self, event_id: int) -> bool:
        """Return whether an event is one of them."""
        return event_id in self._names

    def add(self, event_id: int, stream: str, now: float) -> None:
        """Enter an event behind those of its stream. Ids rise. now: monotonic."""
        self._names[event_id] = stream
        known = self._streams.setdefault(stream, _Stream(now))
        known.ids.append(event_id)
        if len(known.ids) == 1:
            self._queue(stream, known)

    def begin(self, now: float) -> int | None:
        """Return the event to post now, which is under way then; None: there is none yet.

        First tries never take all places, nor do retries: neither waits for those of the other that hang.
        """
        if now < self._next_start:
            return None
        for is_retry in (False, True):
            name = self._take(is_retry, now) if self._has_place(is_retry) else None
            if name is not None:
                stream = self._streams[name]
                stream.is_busy = True
                self._under_way[stream.ids[0]] = name, is_retry
                self._next_start = now + self._gap_s
                return stream.ids[0]
        return None

    def succeeded(self, event_id: int, now: float) -> None:
        """Note that an event was taken, and is none any more. now: monotonic."""
        name, _ = self._under_way.pop(event_id)
        stream = self._streams[name]
        stream.is_busy, stream.failures, stream.due_at = False, 0, now
        if self._names.pop(event_id, None) is not None:
            stream.ids.popleft()
        self._go_on(name, stream)

    def failed(self, event_id: int, now: float, jitter: float, wish_s: float = 0.0) -> int:
        """Let the stream of an event rest; return how often the event failed in a row.

        now: monotonic. jitter: between 0 and 1, random. wish_s: how long the receiver wants to rest.
        """
        name, _ = self._under_way.pop(event_id)
        stream = self._streams[name]
        stream.is_busy = False
        if event_id in self._names:
            stream.failures += 1
            doubled = FIRST_PAUSE_S * 2 ** min(stream.failures - 1, _MOST_DOUBLINGS)
            pause_s = min(doubled, LONGEST_PAUSE_S) * (0.5 + jitter / 2)
            stream.due_at = now + max(pause_s, wish_s)
        self._go_on(name, stream)
        return stream.failures

    def drop(self, event_id: int, now: float) -> None:
        """Forget an event. If it is under way, what becomes of that makes no difference any more."""
        name = self._names.pop(event_id, None)
        if name is None:
            return
        stream = self._streams[name]
        if stream.ids[0] == event_id:
            stream.failures, stream.due_at = 0, now
        stream.ids.remove(event_id)
        if not stream.is_busy:
            self._go_on(name, stream)

    def wait_s(self, now: float) -> float:
        """Return in how many seconds the next post may begin, as far as it waits for time; or infinity."""
        firsts = [self._first(is_retry) for is_retry in self._queues if self._has_place(is_retry)]
        due = [one[0] for one in firsts if one is not None]
        return max(min(due) - now, self._next_start - now, 0.0) if due else float("inf")

    def _has_place(self, is_retry: bool) -> bool:
        alike = sum([one == is_retry for _, one in self._under_way.values()])
        return len(self._under_way) < self._most and alike < max(1, self._most - 1)

    def _take(self, is_retry: bool, now: float) -> str | None:
        first = self._first(is_retry)
        if first is None or first[0] > now:
            return None
        return heapq.heappop(self._queues[is_retry])[2]

    def _first(self, is_retry: bool) -> tuple[float, int, str] | None:
        queue = self._queues[is_retry]
        while queue and not self._holds(is_retry, queue[0][0], queue[0][2]):
            heapq.heappop(queue)
        return queue[0] if queue else None

    def _holds(self, is_retry: bool, due_at: float, name: str) -> bool:
        stream = self._streams.get(name)
        if stream is None or stream.is_busy or not stream.ids:
            return False
        return (stream.is_retry, stream.due_at) == (is_retry, due_at)

    def _go_on(self, name: str, stream: _Stream) -> None:
        if stream.ids:
            self._queue(name, stream)
        else:
            del self._streams[name]

    def _queue(self, name: str, stream: _Stream) -> None:
        if not stream.is_busy:
            heapq.heappush(self._queues[stream.is_retry], (stream.due_at, stream.ids[0], name))
