"""Alerts that last as long as something is the matter."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from minirelay.operations.lasting_alerts import MOST_WAITING, LastingAlerts, Trouble
from minirelay.store.alerts import Alert, AlertAcknowledgement
from minirelay.store.database import Store
from minirelay.store.errors import StoreUnavailable
from minirelay.store.operator_alerts import CHAIN_STUCK, LOW_DISK

LOW = Trouble(LOW_DISK, "", "10 MiB are free")
STUCK = Trouble(CHAIN_STUCK, "1", "chain 1 is stuck", is_urgent=True)


@dataclass
class Watched:
    """A relay with which a test says what is the matter. at: the clock, in epoch seconds."""

    store: Store
    troubles: list[Trouble] = field(default_factory=list)
    at: int = 1000

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget all that is only in memory."""
        self.alerts = LastingAlerts(
            self.store, [lambda: self.troubles], lambda: datetime.fromtimestamp(self.at, UTC)
        )

    async def look(self, *troubles: Trouble, at: int) -> None:
        self.troubles, self.at = list(troubles), at
        await self.alerts.look()

    async def stored(self) -> list[Alert]:
        page = await self.store.reader.alerts(with_acknowledged=True)
        return sorted(page.alerts, key=lambda one: one.id)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with await Store.open(tmp_path) as store:
        yield Watched(store)


async def test_it_is_raised_once_and_ends_by_itself(watched: Watched) -> None:
    for at in (1, 2, 3):
        await watched.look(LOW, at=at)
    (alert,) = await watched.stored()
    assert (alert.kind, alert.detail, alert.raised_at, alert.count) == (LOW_DISK, "10 MiB are free", 1, 1)
    assert (alert.ended_at, alert.acknowledged_at, alert.is_urgent) == (None, None, False)
    for at in (4, 5):
        await watched.look(at=at)
    (alert,) = await watched.stored()
    # Nobody has seen it yet, so it stays.
    assert (alert.ended_at, alert.acknowledged_at) == (4, None)
    assert (await watched.store.reader.alerts()).total == 1


async def test_what_comes_back_is_to_be_seen_to_again(watched: Watched) -> None:
    await watched.look(LOW, at=1)
    await watched.look(at=2)
    await watched.store.writer.commit(AlertAcknowledgement(1, 3))
    await watched.look(replace(LOW, detail="5 MiB are free"), at=4)
    (alert,) = await watched.stored()
    assert (alert.detail, alert.count, alert.raised_at) == ("5 MiB are free", 2, 4)
    assert (alert.ended_at, alert.acknowledged_at) == (None, None)


async def test_acknowledging_what_lasts_does_not_end_or_repeat_it(watched: Watched) -> None:
    await watched.look(LOW, at=1)
    await watched.store.writer.commit(AlertAcknowledgement(1, 2))
    await watched.look(LOW, at=3)
    watched.restart()
    await watched.look(LOW, at=4)
    (alert,) = await watched.stored()
    assert (alert.acknowledged_at, alert.ended_at, alert.count) == (2, None, 1)
    await watched.look(at=5)
    assert (await watched.stored())[0].ended_at == 5


async def test_what_gets_urgent_is_told_again(watched: Watched) -> None:
    await watched.look(LOW, at=1)
    for at in (2, 3):
        await watched.look(replace(LOW, detail="1 MiB is free", is_urgent=True), at=at)
    await watched.look(LOW, at=4)
    (alert,) = await watched.stored()
    assert (alert.is_urgent, alert.count, alert.detail, alert.ended_at) == (True, 2, "1 MiB is free", None)


async def test_each_thing_of_a_kind_has_its_own(watched: Watched) -> None:
    other = replace(STUCK, about="2", detail="chain 2 is stuck")
    await watched.look(STUCK, other, LOW, at=1)
    await watched.look(other, LOW, at=2)
    assert [(one.detail, one.ended_at) for one in await watched.stored()] == [
        ("chain 1 is stuck", 2),
        ("chain 2 is stuck", None),
        ("10 MiB are free", None),
    ]


async def test_a_restart_raises_nothing_again_and_ends_what_is_over(watched: Watched) -> None:
    await watched.look(LOW, STUCK, at=1)
    watched.restart()
    await watched.look(LOW, at=2)
    low, stuck = await watched.stored()
    assert (low.count, low.ended_at) == (1, None)
    assert (stuck.count, stuck.ended_at) == (1, 2)


async def test_what_is_not_known_yet_stays_as_it_was(watched: Watched) -> None:
    unknown = replace(STUCK, detail=None)
    await watched.look(unknown, at=1)
    assert await watched.stored() == []
    await watched.look(STUCK, at=2)
    watched.restart()
    await watched.look(unknown, at=3)
    assert [one.ended_at for one in await watched.stored()] == [None]
    await watched.look(at=4)
    assert [one.ended_at for one in await watched.stored()] == [4]


async def test_what_could_not_be_stored_is_stored_when_it_can_though_it_is_over(watched: Watched) -> None:
    connection = watched.store.writer.connection
    await connection.run(lambda db: db.execute("PRAGMA query_only = ON"))
    with pytest.raises(StoreUnavailable):
        await watched.look(LOW, at=1)
    with pytest.raises(StoreUnavailable):
        await watched.look(at=2)
    await connection.run(lambda db: db.execute("PRAGMA query_only = OFF"))
    await watched.look(at=3)
    (alert,) = await watched.stored()
    assert (alert.raised_at, alert.ended_at) == (1, 2)


async def test_a_disk_that_takes_nothing_makes_no_heap_of_it(watched: Watched) -> None:
    connection = watched.store.writer.connection
    await connection.run(lambda db: db.execute("PRAGMA query_only = ON"))
    for at in range(2 * MOST_WAITING):
        with pytest.raises(StoreUnavailable):
            await watched.look(*([LOW] if at % 2 == 0 else []), at=at)
    await connection.run(lambda db: db.execute("PRAGMA query_only = OFF"))
    await watched.look(at=9999)
    (alert,) = await watched.stored()
    assert alert.count == MOST_WAITING // 2


async def test_it_goes_on_when_the_disk_takes_nothing_for_a_while(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = watched.store.writer.connection
    await connection.run(lambda db: db.execute("PRAGMA query_only = ON"))
    watched.troubles = [LOW]
    running = asyncio.create_task(watched.alerts.run(every_s=0.001))
    async with asyncio.timeout(20):
        while "could not be stored yet" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await connection.run(lambda db: db.execute("PRAGMA query_only = OFF"))
        while not await watched.stored():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.wait([running])


async def test_they_are_no_damage(watched: Watched) -> None:
    await watched.look(LOW, STUCK, at=1)
    await watched.look(at=2)
    assert await watched.store.reader.find_damage() is None
