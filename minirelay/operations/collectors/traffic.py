"""Sessions, messages, writes, latencies."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from minirelay.metrics import Families, Meters, Series
from minirelay.protocol import envelope as wire
from minirelay.relay.relay import Relay
from minirelay.shop.access import Role

SESSIONS: Final = Series("minirelay_sessions", "gauge", "Open sessions.", ("role",))
SUBSCRIPTIONS: Final = Series("minirelay_subscriptions", "gauge", "Subscriptions of all sessions.")
READING: Final = Series(
    "minirelay_subscriptions_reading", "gauge", "Subscriptions that read the log: they are not live yet."
)
UNSENT: Final = Series("minirelay_unsent_bytes", "gauge", "Bytes that sessions have not taken.")
UNANSWERED: Final = Series(
    "minirelay_unanswered_messages", "gauge", "Requests and pushes whose answers are awaited."
)
MEMORY: Final = Series("minirelay_session_memory_bytes", "gauge", "What clients make the relay hold.")
MEMORY_LIMIT: Final = Series(
    "minirelay_session_memory_limit_bytes", "gauge", "Beyond it those that hold most are closed."
)
RECEIVED: Final = Series("minirelay_messages_received", "counter", "Messages of clients.", ("kind",))
SENT: Final = Series("minirelay_messages_sent", "counter", "Messages to clients.", ("kind",))
ENDED: Final = Series(
    "minirelay_sessions_ended", "counter", "Sessions that the relay ended, by close code.", ("code",)
)
WRITES: Final = Series(
    "minirelay_writes", "counter", "Writes of clients: accepted, or the code of the error.", ("outcome",)
)
ACK: Final = Series("minirelay_ack_seconds", "histogram", "From a write's arrival to its answer.")
PUSH: Final = Series(
    "minirelay_push_seconds", "histogram", "From when sets are durable until all live followers have them."
)
SERIES: Final = (
    SESSIONS,
    SUBSCRIPTIONS,
    READING,
    UNSENT,
    UNANSWERED,
    MEMORY,
    MEMORY_LIMIT,
    RECEIVED,
    SENT,
    ENDED,
    WRITES,
    ACK,
    PUSH,
)

SESSIONS_PER_TURN: Final = 200
CLIENTS: Final = (Role.VISITOR, Role.GUEST, Role.CLERK)

KINDS: Final[dict[type, str]] = {
    wire.AuthenticateRequest: "authenticate",
    wire.ChallengeSolvedRequest: "challenge_solved",
    wire.PatchSetWriteRequest: "write",
    wire.SubscriptionRequest: "subscribe",
    wire.SubscriptionCancelRequest: "cancel",
    wire.GetBlobUploadURLRequest: "upload_url",
    wire.Success: "answer",
    wire.Failure: "error",
}
OTHER_KIND: Final = "other"


@dataclass(slots=True)
class HeldBySessions:
    """What all sessions together have. reading: subscriptions that are not live."""

    roles: Counter[Role] = field(default_factory=Counter)
    subscriptions: int = 0
    reading: int = 0
    unsent_bytes: int = 0
    unanswered: int = 0


async def count_sessions(relay: Relay) -> HeldBySessions:
    """Add it up, some sessions in each turn of the loop."""
    held = HeldBySessions()
    for number, one in enumerate(relay.connections, 1):
        held.roles[one.account.role] += 1
        if count := len(one.subscriptions):
            held.subscriptions += count
            held.reading += one.subscriptions.reading
        held.unsent_bytes += one.outbox.size_bytes
        held.unanswered += one.session.pending
        if number % SESSIONS_PER_TURN == 0:
            await asyncio.sleep(0)
    return held


class TrafficCollector:
    """What clients do."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    @property
    def series(self) -> tuple[Series, ...]:
        """List what it collects."""
        return SERIES

    async def collect(self) -> Families:
        """Collect it: some microseconds a session, none of them on the way of a message."""
        relay = self._relay
        meters = relay.meters
        held = await count_sessions(relay)
        return [
            SESSIONS.by({(role.name.lower(),): held.roles[role] for role in CLIENTS}),
            SUBSCRIPTIONS.of(held.subscriptions),
            READING.of(held.reading),
            UNSENT.of(held.unsent_bytes),
            UNANSWERED.of(held.unanswered),
            MEMORY.of(relay.memory.size_bytes),
            MEMORY_LIMIT.of(relay.memory.limit_bytes),
            *_counted(meters),
        ]


def _counted(meters: Meters) -> Families:
    messages = meters.messages
    received: Counter[str] = Counter()
    for kind, count in messages.received.items():
        received[KINDS.get(kind, OTHER_KIND)] += count
    received["violation"] = messages.violations
    sent = {
        "answer": messages.answers,
        "error": messages.errors,
        "push": messages.pushes,
        "sync_status": messages.statuses,
        "ping": messages.pings,
    }
    return [
        RECEIVED.by({(kind,): count for kind, count in received.items()}),
        SENT.by({(kind,): count for kind, count in sent.items()}),
        ENDED.by({(str(code),): count for code, count in meters.ended.items()}),
        WRITES.by({(outcome,): count for outcome, count in meters.writes.items()}),
        ACK.of_histogram(meters.ack),
        PUSH.of_histogram(meters.push),
    ]
