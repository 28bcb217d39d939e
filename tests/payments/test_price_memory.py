"""Accepted prices are remembered over restarts, and jumps are told."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from minirelay.errors import StoreError
from minirelay.payments.price_memory import MOST_ALERTS, StoredPrices
from minirelay.store.database import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
COIN, OTHER = (1, bytes(20)), (1, b"\x70" * 20)


async def alerts(store: Store) -> list[tuple[str, str]]:
    return await store.writer.connection.run(
        lambda db: db.execute("SELECT kind, told_of FROM alert").fetchall()
    )


async def test_price_is_there_after_a_restart(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        memory = StoredPrices(store, lambda: START)
        assert await memory.load(COIN) is None
        await memory.accept(COIN, Fraction(3000))
    async with await Store.open(tmp_path) as store:
        memory = StoredPrices(store, lambda: START)
        assert await memory.load(COIN) == 3000
        assert await memory.load(OTHER) is None


async def test_small_changes_are_not_written(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        memory = StoredPrices(store, lambda: START)
        for price, stored in ((3000, 3000), (3001, 3000), (2971, 3000), (2970, 2970), (3000, 3000)):
            await memory.accept(COIN, Fraction(price))
            assert await StoredPrices(store, lambda: START).load(COIN) == stored


async def test_jump_is_told_once_an_hour_and_currency(tmp_path: Path) -> None:
    now = START
    async with await Store.open(tmp_path) as store:
        memory = StoredPrices(store, lambda: now)
        for place in (COIN, COIN, OTHER):
            await memory.tell_jump(place, Fraction(3000), Fraction(1, 3))
        first, second = await alerts(store)
        assert first[0] == second[0] == "price jumped"
        assert "1/coin was 3000 dollars, and is said to be 0.333333" in first[1]
        assert "minirelay prices accept 1/coin 0.333333" in first[1]
        now += timedelta(hours=1)
        await memory.tell_jump(COIN, Fraction(3000), Fraction(1))
        assert len(await alerts(store)) == 3
        for number in range(100):
            await memory.tell_jump((number, bytes(20)), Fraction(1), Fraction(5))
        assert len(await alerts(store)) == 2 + MOST_ALERTS


async def test_alert_is_one_that_verify_knows(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        await StoredPrices(store, lambda: START).tell_jump(COIN, Fraction(1), Fraction(5))
        assert await store.reader.find_damage() is None


async def test_database_that_fails_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with await Store.open(tmp_path) as store:
        memory = StoredPrices(store, lambda: START)
    await memory.accept(COIN, Fraction(1))
    await memory.tell_jump(COIN, Fraction(1), Fraction(5))
    assert caplog.text.count("could not be remembered") == 2
    with pytest.raises(StoreError):
        await memory.load(COIN)
