"""What the database holds is counted once for all who ask, and seldom."""

import asyncio

from minirelay.operations.totals import FRESH_S, KnownTotals
from minirelay.store.totals import Totals
from tests.relay.house import House
from tests.web.admin.clocks import Clock


async def test_all_who_ask_get_one_answer_for_a_while(house: House) -> None:
    clock = Clock()
    known = KnownTotals(house.store.reader, 10, clock)
    first, second = await asyncio.gather(known.get(), known.get())
    assert first is not None
    assert second is first
    await house.enrol()
    assert await known.get() is first
    clock.now += FRESH_S
    later = await known.get()
    assert later is not None
    assert (first.shops, later.shops) == (0, 1)


async def test_who_leaves_takes_nobodys_answer_along(house: House) -> None:
    known = KnownTotals(house.store.reader, 10, Clock())
    leaving = asyncio.create_task(known.get())
    await asyncio.sleep(0)
    staying = asyncio.create_task(known.get())
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying is not None


async def test_a_database_that_cannot_be_asked_is_unknown_and_asked_again(house: House) -> None:
    clock = Clock()
    known = KnownTotals(house.store.reader, 10, clock)
    assert isinstance(await known.get(), Totals)
    await house.store.close()
    clock.now += FRESH_S
    assert await known.get() is None
