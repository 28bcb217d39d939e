from random import Random

import pytest

from minirelay.store.checkout_records import MOST_SET_BACK_S
from minirelay.store.database import Store
from tests.shop.checkouts import HOUR, buy, item
from tests.store.checkouts import assert_same, random_write, stored_shop
from tests.store.examples import GUEST

ORDERS = 80


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_read_back_is_what_the_writes_left(store: Store, seed: int) -> None:
    random, shop = Random(seed), stored_shop()
    for _ in range(60):
        commits = [commit for _ in range(8) if (commit := random_write(random, shop, ORDERS)) is not None]
        for one in [store.writer.commit(commit) for commit in commits]:
            await one
        assert_same(await shop.load(store), shop.shop.records, ORDERS, shop.shop.now)
    states = {one.state for outcome in shop.written for one in outcome.records.requests.values()}
    assert len(states) >= 2
    assert any(outcome.records.closed for outcome in shop.written)


async def test_reservations_of_one_shop_come_in_steps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = stored_shop()
    for order in range(1, 30):
        await store.writer.commit(shop.write(GUEST, *buy(order, *[item(one) for one in (1, 2, 3)])))
    for name, value in (("STEP_OBJECTS", 7), ("STEP_BYTES", 40)):
        monkeypatch.setattr(f"minirelay.store.objects.{name}", value)
    monkeypatch.setattr("minirelay.store.checkout_records.STEP_OBJECTS", 7)
    assert_same(await shop.load(store), shop.shop.records, 30, shop.shop.now)


@pytest.mark.parametrize(("back", "held"), [(600, 1), (MOST_SET_BACK_S + 1, 2)])
async def test_what_lapsed_before_a_request_was_issued_stays_lapsed_when_the_clock_was_set_back(
    store: Store, back: int, held: int
) -> None:
    shop = stored_shop()
    await store.writer.commit(shop.write(GUEST, *buy(1, item(2))))
    shop.shop.now += HOUR
    await store.writer.commit(shop.write(GUEST, *buy(2, item(2))))
    shop.shop.now -= back

    rows = (await shop.load(store)).reservations.rows().values()
    assert sum(bool(row.units) for row in rows) == held
