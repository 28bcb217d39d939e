"""A day by minutes, in memory, never more."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from minirelay.operations.disk_guard import DiskGuard
from minirelay.operations.history import SERIES, STEPS, History, HistoryRecorder
from tests.raw_client import Refused
from tests.relay.house import House, listing

AT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


def series(history: History) -> dict[str, list[float | None]]:
    found: Any = history.document()["series"]
    return dict(found)


def test_the_oldest_steps_are_overwritten() -> None:
    history = History(3)
    assert history.document()["ended_at"] == ""
    for number in range(5):
        history.note({"sessions": number}, AT)
    assert series(history)["sessions"] == [2, 3, 4]
    assert series(history)["writes"] == [None, None, None]
    assert history.document()["ended_at"] == "2027-01-15T08:00:00Z"
    newest: Any = history.document(2)["series"]
    assert newest["sessions"] == [3, 4]


def test_a_day_has_a_size() -> None:
    history = History()
    for number in range(STEPS + 7):
        history.note({"sessions": number}, AT)
    assert {len(values) for values in series(history).values()} == {STEPS}
    assert series(history)["sessions"][0] == 7


async def test_each_step_has_what_came_in_it(house: House, tmp_path: Path) -> None:
    disk = DiskGuard(tmp_path, 7, lambda _: 1234)
    await disk.look()
    history = History()
    recorder = HistoryRecorder(history, house.relay, disk)
    clerk = await house.clerk()
    await clerk.write(listing(1))
    await clerk.write(listing(2))
    await recorder.look()
    with pytest.raises(Refused):
        await clerk.write(listing(1))
    await recorder.look()
    await recorder.look()
    found = series(history)
    assert set(found) == set(SERIES)
    assert found["sessions"] == [1, 1, 1]
    assert (found["writes"], found["refused_writes"]) == ([2, 0, 0], [0, 1, 0])
    assert [value is not None for value in found["ack_p50_ms"]] == [True, True, False]
    assert found["disk_free_bytes"] == [1234] * 3
    assert all(value is not None and value > 0 for value in found["resident_bytes"])
