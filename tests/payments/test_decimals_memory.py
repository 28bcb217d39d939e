"""Decimals are remembered over restarts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from minirelay.payments import decimals_memory
from minirelay.payments.decimals_memory import StoredDecimals
from minirelay.store.database import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN, OTHER = (1337, b"\x70" * 20), (1337, b"\x71" * 20)


async def alerts(directory: Path) -> list[str]:
    async with await Store.open(directory) as store:
        rows = await store.writer.connection.run(
            lambda db: db.execute("SELECT told_of FROM alert").fetchall()
        )
    return [told_of for (told_of,) in rows]


async def test_a_change_over_a_restart_is_told_once(tmp_path: Path) -> None:
    found = []
    for decimals in (2, 2, 6, 6):
        async with await Store.open(tmp_path) as store:
            memory = StoredDecimals(store, lambda: NOW)
            found.append([await memory.note(TOKEN, decimals), await memory.note(TOKEN, decimals)])
    assert found == [[None, 2], [2, 2], [2, 6], [6, 6]]
    assert await alerts(tmp_path) == [f"decimals changed:1337:{'70' * 20}:2:6"]


async def test_a_day_brings_so_many_new_tokens_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decimals_memory, "MOST_NEW_A_DAY", 1)
    now = NOW
    async with await Store.open(tmp_path) as store:
        memory = StoredDecimals(store, lambda: now)
        for token in (TOKEN, OTHER):
            await memory.note(token, 2)
        assert [await memory.note(token, 2) for token in (TOKEN, OTHER)] == [2, None]
        # Of what is known, a change is told all the same.
        assert await memory.note(TOKEN, 3) == 2
        now += timedelta(days=1)
        await memory.note(OTHER, 2)
        assert await memory.note(OTHER, 2) == 2


async def test_a_database_that_fails_keeps_no_token_from_being_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Store.open(tmp_path) as store:
        memory = StoredDecimals(store, lambda: NOW)
    assert await memory.note(TOKEN, 2) is None
    assert "could not be remembered" in caplog.text
