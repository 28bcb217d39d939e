"""How far logs go, before and after a restart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from minirelay.mirror.log_ends import LogEnds
from tests.relay.house import SHOP, House, listing, running_relay


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running_relay(tmp_path) as running:
        yield running


async def test_the_end_of_a_log_and_the_root_hash_behind_it(house: House) -> None:
    clerk = await house.session(await house.enrol())
    ends = LogEnds(house.relay)
    (before,) = await ends.ends()
    _, first = await ends.root_hash(SHOP)
    assert before.shop_id == SHOP
    await clerk.write(listing(1))
    (after,) = await ends.ends()
    seq, second = await ends.root_hash(SHOP)
    assert after.seq == seq == before.seq + 1
    assert first != second


async def test_shops_that_nobody_used_since_the_start_have_theirs(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk = await house.session(await house.enrol())
        await clerk.write(listing(1))
        ends, behind = await LogEnds(house.relay).ends(), await LogEnds(house.relay).root_hash(SHOP)
    async with running_relay(tmp_path) as house:
        logs = LogEnds(house.relay)
        assert await logs.ends() == ends
        assert house.relay.shops.in_use == []
        assert await logs.root_hash(SHOP) == behind
        await house.enrol()
        assert (await logs.ends())[0].seq > ends[0].seq
