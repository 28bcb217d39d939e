"""How a relay is at the moment, in one document for the operator's page."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from minirelay import __version__
from minirelay.chain.chain import Chain
from minirelay.metrics import ACCEPTED, Histogram, quantile
from minirelay.operations.alert_advice import ADVICE
from minirelay.operations.collectors.process import resident_bytes
from minirelay.operations.collectors.storage import file_sizes
from minirelay.operations.collectors.traffic import CLIENTS, count_sessions
from minirelay.operations.disk_guard import DiskGuard
from minirelay.operations.totals import KnownTotals
from minirelay.payments.polling import Polling
from minirelay.relay.relay import Relay

_MS: Final = 1000.0

Document = dict[str, Any]


class Status:
    """Says whether all is well, or what is not, with the numbers that matter."""

    def __init__(
        self,
        relay: Relay,
        disk: DiskGuard,
        totals: KnownTotals,
        polling: Polling,
        chains: Sequence[Chain],
        problems: Callable[[], Sequence[str]],
    ) -> None:
        """problems: why the relay is not ready, in sentences, from memory."""
        self._relay = relay
        self._disk = disk
        self._totals = totals
        self._polling = polling
        self._chains = chains
        self._problems = problems

    async def document(self) -> Document:
        """Describe it."""
        relay = self._relay
        problems = list(self._problems())
        totals = await self._totals.get()
        alerts: Mapping[tuple[str, bool], int] = {} if totals is None else totals.alerts
        unacknowledged = sum(alerts.values())
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "version": __version__,
            "uptime_s": int(time.monotonic() - relay.meters.started_at),
            "is_well": not problems and not unacknowledged,
            "problems": problems,
            "alerts": {
                "unacknowledged": unacknowledged,
                "urgent": sum(count for (_, is_urgent), count in alerts.items() if is_urgent),
                "by_kind": dict(_by_kind(alerts)),
                "advice": {kind: ADVICE[kind] for kind, _ in alerts if kind in ADVICE},
            },
            "sessions": await self._sessions(),
            "since_start": self._since_start(),
            "storage": await self._storage() | {"blob_bytes": None if totals is None else totals.blob_bytes},
            "memory": self._memory(),
            "shops": None if totals is None else totals.shops,
            "payments": {} if totals is None else dict(totals.payments),
            "chains": self._describe_chains(),
            "proxy": self._describe_proxy(),
        }

    async def _sessions(self) -> Document:
        held = await count_sessions(self._relay)
        return {
            **{role.name.lower(): held.roles[role] for role in CLIENTS},
            "subscriptions": held.subscriptions,
        }

    def _since_start(self) -> Document:
        meters = self._relay.meters
        accepted = meters.writes[ACCEPTED]
        return {
            "writes": accepted,
            "refused_writes": sum(meters.writes.values()) - accepted,
            "pushes": meters.messages.pushes,
            "ack_ms": _latencies(meters.ack),
            "push_ms": _latencies(meters.push),
            "commit_ms": _latencies(meters.commit),
            "loop_delay_ms": _latencies(meters.loop_delay),
        }

    def _describe_proxy(self) -> Document:
        signs, now = self._relay.meters.proxy_signs, time.monotonic()
        return {
            "untrusted_peer": signs.untrusted_peer,
            "forwarded_s": None if signs.forwarded_at is None else round(now - signs.forwarded_at),
            "no_upgrade_s": None if signs.no_upgrade_at is None else round(now - signs.no_upgrade_at),
        }

    async def _storage(self) -> Document:
        database, wal = await asyncio.to_thread(file_sizes, self._relay.store.path)
        return {
            "database_bytes": database,
            "wal_bytes": wal,
            "disk_free_bytes": self._disk.free_bytes,
            "disk_floor_bytes": self._disk.floor_bytes,
            "is_disk_low": self._disk.is_low(),
        }

    def _memory(self) -> Document:
        relay = self._relay
        return {
            "resident_bytes": resident_bytes(),
            "session_bytes": relay.memory.size_bytes,
            "session_limit_bytes": relay.memory.limit_bytes,
            "shop_bytes": sum(hosted.size_bytes for hosted in relay.shops),
        }

    def _describe_chains(self) -> list[Document]:
        endpoints = {one.chain_id: one.health() for one in self._chains}
        return [
            {
                "chain": one.chain_id,
                "head": one.head,
                "scanned": one.scanned,
                "final": one.final,
                "lag_blocks": one.lag_blocks,
                "lag_s": round(one.lag_s, 1),
                "endpoints": [
                    {"name": it.name, "is_up": not it.rest_s, "reason": it.reason, "rest_s": round(it.rest_s)}
                    for it in endpoints.get(one.chain_id, ())
                ],
            }
            for one in self._polling.statuses()
        ]


def _by_kind(alerts: Mapping[tuple[str, bool], int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (kind, _), count in alerts.items():
        found[kind] += count
    return found


def _latencies(histogram: Histogram) -> Document:
    found = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    values = {name: quantile(histogram.bounds, histogram.counts, share) for name, share in found.items()}
    return {name: None if value is None else round(value * _MS, 2) for name, value in values.items()}
