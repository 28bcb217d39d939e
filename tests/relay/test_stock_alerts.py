"""The operator is told of stock that unpaid orders hold for long, and by whom."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from minirelay.relay.own_write import Decide
from minirelay.relay.stock_alerts import StockAlerts
from minirelay.store.database import open_readonly
from minirelay.store.errors import StoreUnavailable
from tests.relay.house import House, running_relay, until
from tests.relay.selling import CAP, Selling, known_facts, write
from tests.shop.checkouts import buy, item

MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.begin = self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time

    def is_at(self, minutes: int) -> None:
        self.time = self.begin + minutes * MINUTE


async def hold_most(house: House, clock: Clock, alerts: StockAlerts) -> None:
    """Let three guests, one after the other, hold six of ten caps for an hour each; look in between."""
    for order, minutes in enumerate((0, 61, 122), 1):
        clock.is_at(minutes)
        guest = await house.guest()
        await write(guest, buy(order, item(CAP, 6)))
        await alerts.look()
        clock.is_at(minutes + 59)
        if order < 3:
            await alerts.look()


async def test_stock_that_is_held_for_long_is_told_once_and_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    caplog.set_level(logging.WARNING, "minirelay.relay.stock_alerts")
    async with running_relay(tmp_path, facts=known_facts(), now=clock) as house:
        await Selling.start(house)
        alerts = StockAlerts(house.relay)
        await hold_most(house, clock, alerts)
        await alerts.look()
    (record,) = caplog.records
    told = vars(record)
    assert (told["listing"], told["stock"], told["reserved"]) == (CAP, 10, 6)
    async with await open_readonly(tmp_path) as store:
        assert await store.reader.find_damage() is None
        cards = [one.row_id for one in await store.reader.cards(1)]
        assert told["key_cards"] == f"{cards[-1]}: 6"


async def test_what_can_not_be_stored_is_told_at_the_next_look(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_shop_id: int, _decide: Decide) -> None:
        raise StoreUnavailable("the disk is full")

    clock = Clock()
    caplog.set_level(logging.WARNING, "minirelay.relay.stock_alerts")
    async with running_relay(tmp_path, facts=known_facts(), now=clock) as house:
        shop = await Selling.start(house)
        alerts = StockAlerts(house.relay)
        clock.is_at(0)
        await write(await house.guest(), buy(1, item(CAP, 6)))
        await alerts.look()
        clock.is_at(61)
        await write(await house.guest(), buy(2, item(CAP, 6)))
        await alerts.look()
        clock.is_at(122)
        await write(shop.clerk, buy(3, item(CAP, 6)))
        with monkeypatch.context() as patched:
            patched.setattr(house.relay, "write_own", fail)
            await alerts.look()
        assert "could not be looked for" in caplog.records[-1].message
        await alerts.look()
    assert [vars(one).get("key_cards") for one in caplog.records] == [None, "0: 6"]


async def test_it_looks_again_and_again_and_reads_no_shop_for_it(tmp_path: Path) -> None:
    async with running_relay(tmp_path, facts=known_facts()) as house:
        shop = await Selling.start(house)
        await house.relay.drain(5)
        (hosted,) = house.relay.shops
        hosted.unload()
        alerts = StockAlerts(house.relay)
        looking = asyncio.create_task(alerts.run(0.001))
        await alerts.look()
        assert hosted.sequencer.head is None
        await shop.head()
        looks = 0

        async def look() -> None:
            nonlocal looks
            looks += 1

        alerts.look = look  # type: ignore[method-assign]
        await until(lambda: looks >= 3)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
