"""Backups as the operator's page lists them; one is begun at a time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from minirelay.operations.backup_schedule import BackupSchedule
from minirelay.operations.backup_views import BackupViews
from minirelay.operations.operator import OperatorError
from minirelay.relay.clock import utc_now
from tests.relay.house import House


async def test_a_backup_that_is_begun_is_listed(house: House, tmp_path: Path) -> None:
    await house.enrol()
    target = tmp_path / "backups" / "minirelay.backup"
    target.parent.mkdir()
    schedule = BackupSchedule(house.store.path.parent, target, utc_now, interval_s=3600, keep=2)
    views = BackupViews(schedule, target, 2)
    found = await views.document()
    assert (found["backups"], found["is_running"], found["due_in_s"]) == ([], False, 0)
    views.start()
    await asyncio.sleep(0)
    assert (await views.document())["is_running"]
    with pytest.raises(OperatorError, match="is being made"):
        views.start()
    async with asyncio.timeout(60):
        while (await views.document())["is_running"]:  # noqa: ASYNC110 (the process has no event)
            await asyncio.sleep(0.05)
    found = await views.document()
    assert found["failure"] is None
    (one,) = found["backups"]
    assert (one["file"], one["shops"]) == (str(target), 1)
    assert one["made_at"].endswith("Z")
    await views.close()


async def test_without_a_schedule_none_is_made(tmp_path: Path) -> None:
    views = BackupViews(None, None, 7)
    assert await views.document() == {"is_configured": False, "backups": []}
    with pytest.raises(OperatorError, match=r"set backup\.file"):
        views.start()
    await views.close()


async def test_a_file_without_a_manifest_is_listed_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "b"
    target.write_bytes(b"x" * 5)
    (tmp_path / "b.1").write_bytes(b"y")
    (tmp_path / "b.1.json").write_text("{")
    schedule = BackupSchedule(tmp_path, target, utc_now, interval_s=3600, keep=3)
    found: Any = await BackupViews(schedule, target, 3).document()
    assert [(one["size_bytes"], one["made_at"]) for one in found["backups"]] == [(5, None), (1, None)]
