"""`GET /ready`: 200 when all is there, else 503 and each reason."""

from collections.abc import Sequence
from typing import Any

from aiohttp import ClientSession

from minirelay.errors import StoreError
from minirelay.web.health import HealthEndpoint
from minirelay.web.ready import ChainReadiness, ReadyEndpoint
from tests.web.edge import Backend, broken, serving

READ = ChainReadiness(chain_id=1, head=10, scanned=8, final=3, lag_blocks=2, lag_s=4.25, most_lag_s=300.0)
STUCK = ChainReadiness(
    chain_id=137, head=None, scanned=None, final=None, lag_blocks=None, lag_s=300.5, most_lag_s=300.0
)


async def ask(client: ClientSession) -> tuple[int, Any]:
    async with client.get("/ready") as response:
        assert response.content_type == "application/json"
        return response.status, await response.json()


async def document(*chains: ChainReadiness) -> tuple[int, dict[str, Any]]:
    async with serving(Backend(chains=lambda: chains)) as client:
        return await ask(client)


async def test_ready_with_each_chain() -> None:
    status, found = await document(READ)
    assert status == 200
    assert found == {
        "ready": True,
        "reasons": [],
        "chains": {"1": {"head": 10, "scanned": 8, "final": 3, "lag_blocks": 2, "lag_seconds": 4.2}},
    }


async def test_a_chain_that_was_not_read_for_too_long_is_a_reason() -> None:
    status, found = await document(READ, STUCK)
    assert status == 503
    assert found["ready"] is False
    (reason,) = found["reasons"]
    assert "chain 137" in reason
    assert found["chains"]["137"]["head"] is None


async def test_a_chain_within_its_limit_is_none() -> None:
    status, _ = await document(ChainReadiness(1, None, None, None, None, 300.0, 300.0))
    assert status == 200


async def test_a_database_that_fails_is_a_reason_beside_the_chains() -> None:
    backend = Backend(probe=broken(StoreError("disk full at /var/lib/minirelay")), chains=lambda: [STUCK])
    async with serving(backend) as client:
        status, found = await ask(client)
    assert status == 503
    assert len(found["reasons"]) == 2
    assert "/var/lib" not in str(found)


async def test_a_loop_that_stalls_is_a_reason() -> None:
    times = iter([0.0, 100.0, 100.0])

    async def check() -> None:
        return None

    endpoint = ReadyEndpoint(HealthEndpoint(check, clock=lambda: next(times)), _no_chains)
    response = await endpoint.get(None)  # type: ignore[arg-type]
    assert response.status == 503
    assert "event loop" in str(response.text)


def _no_chains() -> Sequence[ChainReadiness]:
    return []


async def test_what_else_there_is_against_it_is_a_reason() -> None:
    reasons: list[str] = []
    async with serving(Backend(other_reasons=lambda: reasons)) as client:
        assert (await ask(client))[0] == 200
        reasons.append("the disk is nearly full")
        status, found = await ask(client)
    assert (status, found["reasons"]) == (503, ["the disk is nearly full"])
