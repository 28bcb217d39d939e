"""`GET /health`: 200 when the database takes writes and the loop turns, else 500 and which of them failed."""

import asyncio

import pytest

from minirelay.errors import StoreError
from minirelay.web.health import DEADLINE_S, FRESH_S, HealthEndpoint
from tests.web.edge import Backend, broken, serving


class Clock:
    """A clock that stands still, or makes a jump whenever it is asked."""

    def __init__(self, step: float = 0.0) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Probe:
    """Counts writes; waits for `open` if it is to."""

    def __init__(self) -> None:
        self.calls = 0
        self.called = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> None:
        self.calls += 1
        self.called.set()
        await self.open.wait()


async def ask(endpoint: HealthEndpoint) -> tuple[int, str]:
    response = await endpoint.check()
    assert isinstance(response.text, str)
    return response.status, response.text


async def test_healthy() -> None:
    async with serving() as client, client.get("/health") as response:
        assert response.status == 200
        assert await response.text() == "health OK"


async def test_a_database_that_fails() -> None:
    backend = Backend(probe=broken(StoreError("disk full at /var/lib/minirelay")))
    async with serving(backend) as client, client.get("/health") as response:
        assert response.status == 500
        text = await response.text()
    assert "database" in text
    assert "/var/lib" not in text


async def test_a_database_that_hangs() -> None:
    probe = Probe()
    probe.open.clear()
    endpoint = HealthEndpoint(probe, clock=Clock(), deadline_s=0.02)
    status, text = await ask(endpoint)
    assert status == 500
    assert "database did not take a write within 0.02 s" in text


async def test_a_loop_that_does_not_turn_in_time() -> None:
    status, text = await ask(HealthEndpoint(Probe(), clock=Clock(step=DEADLINE_S + 0.1)))
    assert status == 500
    assert "event loop took 5.1 s" in text
    assert "database" not in text


async def test_a_loop_that_is_slow_but_turns() -> None:
    assert await ask(HealthEndpoint(Probe(), clock=Clock(step=DEADLINE_S - 0.1))) == (200, "health OK")


async def test_all_who_ask_at_a_time_share_one_write() -> None:
    probe, clock = Probe(), Clock()
    probe.open.clear()
    endpoint = HealthEndpoint(probe, clock=clock)
    asking = [asyncio.create_task(ask(endpoint)) for _ in range(50)]
    await probe.called.wait()
    asking[0].cancel()
    probe.open.set()
    assert await asyncio.gather(*asking[1:]) == [(200, "health OK")] * 49
    assert probe.calls == 1


async def test_a_result_stands_for_a_moment_only() -> None:
    probe, clock = Probe(), Clock()
    endpoint = HealthEndpoint(probe, clock=clock)
    await ask(endpoint)
    clock.now += FRESH_S / 2
    await ask(endpoint)
    assert probe.calls == 1
    clock.now += FRESH_S
    await ask(endpoint)
    assert probe.calls == 2


async def test_it_recovers() -> None:
    clock = Clock()
    failing = True

    async def probe() -> None:
        if failing:
            raise StoreError("no")

    endpoint = HealthEndpoint(probe, clock=clock)
    assert (await ask(endpoint))[0] == 500
    failing = False
    clock.now += FRESH_S
    assert (await ask(endpoint))[0] == 200


async def test_a_failure_and_its_end_are_a_line_each_however_often_it_is_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    clock = Clock()
    failing = True

    async def check() -> None:
        if failing:
            raise StoreError("no")

    endpoint = HealthEndpoint(check, clock=clock)
    for _ in range(5):
        clock.now += FRESH_S
        assert (await ask(endpoint))[0] == 500
    failing = False
    for _ in range(5):
        clock.now += FRESH_S
        assert (await ask(endpoint))[0] == 200
    assert [record.message for record in caplog.records] == [
        "the database does not take writes",
        "the database takes writes again",
    ]
