"""`GET /ready`: is all that the relay stands on there, the chains included? (spec 08, 09)"""

from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from minirelay.web.health import HealthEndpoint


class ChainReadiness(msgspec.Struct, frozen=True):
    """How far a chain is read: up to which block, and up to which nothing will vanish. None: not yet.

    lag_s: since when it was not read up to its head. most_lag_s: beyond it, the relay is not ready.
    """

    chain_id: int
    head: int | None
    scanned: int | None
    final: int | None
    lag_blocks: int | None
    lag_s: float
    most_lag_s: float


class ReadyEndpoint:
    """Says what is not as it should be."""

    def __init__(
        self,
        health: HealthEndpoint,
        chains: Callable[[], Sequence[ChainReadiness]],
        other_reasons: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """chains, other_reasons: from memory."""
        self._health = health
        self._chains = chains
        self._other_reasons = other_reasons

    async def get(self, _request: web.Request) -> web.Response:
        """Answer 200 or 503, and what there is to know."""
        reasons = await self._health.failures()
        reasons += self._other_reasons()
        chains = self._chains()
        reasons += lag_reasons(chains)
        document = {
            "ready": not reasons,
            "reasons": reasons,
            "chains": {str(one.chain_id): _members(one) for one in chains},
        }
        return web.json_response(document, status=503 if reasons else 200)


def lag_reasons(chains: Sequence[ChainReadiness]) -> list[str]:
    """Say which chains were not read for too long."""
    return [
        f"chain {one.chain_id} was not read up to its head for {one.lag_s:.0f} s"
        for one in chains
        if one.lag_s > one.most_lag_s
    ]


def _members(one: ChainReadiness) -> dict[str, object]:
    return {
        "head": one.head,
        "scanned": one.scanned,
        "final": one.final,
        "lag_blocks": one.lag_blocks,
        "lag_seconds": round(one.lag_s, 1),
    }
