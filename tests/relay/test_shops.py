"""The shops in use: each is opened once, whoever asks at the same time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from minirelay.metrics import Histogram
from minirelay.relay.clock import utc_now
from minirelay.relay.facts_source import NoChains
from minirelay.relay.live_cards import LiveCards
from minirelay.relay.shops import Shops
from minirelay.relay.write_turns import FACTS_TIMEOUT_S
from minirelay.store.database import Store
from minirelay.store.errors import StoreClosed
from minirelay.store.messages import ShopRow
from tests.raw_client import payload
from tests.relay.house import (
    SHOP,
    TIMEOUT_S,
    House,
    listing,
    relay_limits,
    running_relay,
    until,
)

UNKNOWN = 99


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Yield a store with one shop, which has a log of two sets."""
    async with running_relay(tmp_path) as house:
        await house.enrol()
        await house.enrol()
    async with await Store.open(tmp_path) as store:
        yield store


async def idle(house: House) -> None:
    for hosted in house.relay.shops:
        await hosted.sequencer.wait_idle()


def shops_of(store: Store) -> Shops:
    return Shops(
        store,
        5,
        LiveCards(),
        NoChains(),
        memory_bytes=10**9,
        facts_timeout_s=FACTS_TIMEOUT_S,
        now=utc_now,
        push_latency=Histogram(),
    )


async def test_a_shop_is_found_with_the_durable_end_of_its_log(store: Store) -> None:
    hosted = await shops_of(store).find(SHOP)
    assert hosted is not None
    assert (hosted.feed.seq, hosted.feed.counts.accounts, hosted.feed.shop) == (2, 2, hosted.row.row_id)
    assert hosted.row.shop_id == SHOP
    assert (await hosted.sequencer.opened()).seq == 2


async def test_a_shop_that_is_not_served_is_not_found_and_costs_nothing(store: Store) -> None:
    shops = shops_of(store)
    assert await shops.find(UNKNOWN) is None
    assert not await shops.is_known(UNKNOWN)
    assert await shops.find_row(77) is None
    assert list(shops) == []


async def test_a_shop_is_opened_once(store: Store) -> None:
    shops = shops_of(store)
    found = await asyncio.gather(*(shops.find(SHOP) for _ in range(10)), shops.find_or_start(SHOP))
    assert len({id(one) for one in found}) == 1
    assert list(shops) == [found[0]]
    assert (shops.in_use, shops.is_in_use(SHOP), shops.is_in_use(UNKNOWN)) == ([SHOP], True, False)


async def test_a_new_shop_is_started_once_and_not_found_before_it_has_a_log(store: Store) -> None:
    shops = shops_of(store)
    started = await asyncio.gather(*(shops.find_or_start(UNKNOWN) for _ in range(10)))
    assert len({id(one) for one in started}) == 1
    assert started[0].row == ShopRow(5, UNKNOWN, 0)
    assert await shops.find(UNKNOWN) is None
    assert await shops.is_known(UNKNOWN)
    assert (await started[0].sequencer.opened()).is_new
    assert shops.by_row(5) is started[0]


async def test_new_shops_have_rows_of_their_own(store: Store) -> None:
    shops = shops_of(store)
    rows = [(await shops.find_or_start(UNKNOWN + number)).row.row_id for number in range(3)]
    assert rows == [5, 6, 7]


async def test_a_shop_is_found_by_its_row(store: Store) -> None:
    shops = shops_of(store)
    row = await store.reader.shop(SHOP)
    assert row is not None
    assert shops.by_row(row.row_id) is None
    hosted = await shops.find_row(row.row_id)
    assert hosted is await shops.find(SHOP)
    assert shops.by_row(row.row_id) is hosted


async def test_a_store_that_cannot_be_asked_is_an_error_not_a_no(store: Store) -> None:
    shops = shops_of(store)
    await store.close()
    with pytest.raises(StoreClosed):
        await shops.find(SHOP)
    with pytest.raises(StoreClosed):
        await shops.find_or_start(UNKNOWN)
    assert list(shops) == []


def loaded(house: House) -> set[int]:
    return {hosted.row.shop_id for hosted in house.relay.shops if hosted.size_bytes}


def memory_used(house: House) -> int:
    return sum(hosted.size_bytes for hosted in house.relay.shops)


async def test_beyond_their_budget_the_least_recently_used_shops_are_unloaded(tmp_path: Path) -> None:
    # A description is in the head, and in the recent sets.
    async with running_relay(tmp_path, relay_limits(shop_memory_bytes=120_000)) as house:
        clerks = [await house.clerk(shop_id) for shop_id in (1, 2, 3)]
        large = listing(1, Metadata={"Title": "t", "Description": "x" * 15_000})
        roots = {}
        for clerk in clerks:
            await clerk.write(large)
            roots[clerk.shop_id] = await clerk.write(listing(2))
        await idle(house)
        assert loaded(house) == {1, 2, 3}
        # A fourth comes and grows: the first has not been used for longest, but it writes meanwhile.
        await clerks[0].write(("replace", ("Listings", 2, "Price"), 1))
        await idle(house)
        fourth = await house.clerk(4)
        await fourth.write(large)
        await idle(house)
        assert loaded(house) == {1, 3, 4}
        # Nobody asks for more, one only writes more: the others make room for it.
        await fourth.write(listing(2, Metadata={"Title": "t", "Description": "x" * 20_000}))
        await idle(house)
        assert loaded(house) == {1, 4}
        assert memory_used(house) <= 120_000
        # Nobody notices: whoever follows goes on, whoever writes finds the shop as it was.
        await clerks[1].subscribe(3)
        await clerks[1].write(("replace", ("Listings", 2, "Price"), 1))
        assert await clerks[1].write(("replace", ("Listings", 2, "Price"), 100)) == roots[2]
        assert [one.seq for one in await clerks[1].sets_until(5)] == [4, 5]
        await clerks[2].subscribe()
        assert [one.seq for one in await clerks[2].sets_until(3)] == [1, 2, 3]


async def test_a_shop_that_is_opened_to_be_asked_counts_as_used(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        for shop_id in (1, 2, 3):
            await house.enrol(shop_id=shop_id)
        await idle(house)
        first = await house.relay.shops.find(1)
        assert first is not None
        first.unload()
        await first.sequencer.opened()
        assert [hosted.row.shop_id for hosted in house.relay.shops] == [2, 3, 1]


async def test_a_shop_that_is_unloaded_while_somebody_waits_for_it_is_opened_again(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        await house.enrol()
        await idle(house)
        hosted = await house.relay.shops.find(SHOP)
        assert hosted is not None
        hosted.unload()
        asked = asyncio.create_task(hosted.sequencer.consult(lambda head: head.seq))
        before = asyncio.all_tasks()
        await asyncio.sleep(0)
        (opening,) = asyncio.all_tasks() - before
        was_open = []

        def unload(_: object) -> None:
            was_open.append(hosted.sequencer.head is not None and hosted.sequencer.is_idle)
            hosted.unload()

        # The head is there, but who asked does not run before the next turn.
        opening.add_done_callback(unload)
        assert await asyncio.wait_for(asked, TIMEOUT_S) == 1
        assert was_open == [True]


async def test_a_shop_with_work_under_way_is_not_unloaded(tmp_path: Path) -> None:
    async with running_relay(tmp_path, relay_limits(shop_memory_bytes=1)) as house:
        busy = await house.clerk(1)
        await house.enrol(shop_id=2)
        await idle(house)
        async with house.disk_held():
            answer = await busy.start_write(listing(1))
            hosted = await house.relay.shops.find(1)
            assert hosted is not None
            await until(lambda: not hosted.sequencer.is_idle)
            # What is under way at first is that its head is read.
            await hosted.sequencer.opened()
            other = await house.relay.shops.find(2)
            assert other is not None
            other.unload()
            await other.sequencer.opened()
            assert hosted.sequencer.head is not None
        payload(await asyncio.wait_for(answer, TIMEOUT_S))
