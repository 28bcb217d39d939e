"""Shops, key cards, payment requests, alerts."""

from minirelay.operations.collectors.shops import ShopsCollector
from minirelay.operations.totals import KnownTotals
from minirelay.operations.webhook_delivery import tell_of
from tests.operations.alerts_raised import raise_alert
from tests.operations.collectors.samples import samples
from tests.relay.house import SHOP, House, listing


def collector(house: House, most_shops: int = 5) -> ShopsCollector:
    return ShopsCollector(house.relay.shops, KnownTotals(house.store.reader, most_shops))


async def test_a_shop_has_its_log_and_its_root(house: House) -> None:
    clerk = await house.clerk()
    root = await clerk.write(listing(1))
    assert (await samples(collector(house)))["minirelay_webhook_events"] == 0
    await tell_of(house.store, frozenset({"alerts"}))
    await raise_alert(house.store, 1)
    found = await samples(collector(house))
    assert found["minirelay_shops"] == found["minirelay_shops_in_memory"] == 1
    assert found["minirelay_shop_memory_bytes"] > 0
    assert found[f"minirelay_shop_log_end{{{SHOP}}}"] == await house.durable_seq()
    assert found[f"minirelay_shop_root_info{{{SHOP},{root.hex()}}}"] == 1
    assert (found["minirelay_key_cards{clerk}"], found["minirelay_key_cards{guest}"]) == (1, 0)
    assert found["minirelay_alerts{late,false}"] == 1
    assert found["minirelay_webhook_events"] == 1


async def test_however_many_shops_there_are_few_have_series(house: House) -> None:
    for number in range(1, 6):
        await house.enrol(shop_id=number)
    found = await samples(collector(house, 2))
    assert found["minirelay_shops"] == 5
    assert sum(name.startswith("minirelay_shop_log_end") for name in found) == 2
    assert sum(name.startswith("minirelay_shop_root_info") for name in found) <= 2


async def test_without_the_database_only_memory_is_known(house: House) -> None:
    await house.enrol()
    await house.store.close()
    found = await samples(collector(house))
    assert set(found) == {"minirelay_shops_in_memory", "minirelay_shop_memory_bytes"}
