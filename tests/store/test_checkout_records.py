from random import Random

import pytest

from minirelay.shop.state import inventory_key
from minirelay.store.checkout_records import MOST_SET_BACK_S
from minirelay.store.database import Store
from tests.shop.checkouts import COMMITTED, HOUR, add_order, buy, item, move
from tests.shop.patching import number
from tests.store.checkouts import STOCK, assert_same, random_write, stored_shop
from tests.store.examples import GUEST, OTHER_GUEST

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


@pytest.mark.parametrize("back", [1, 600, MOST_SET_BACK_S + 1, 400 * 24 * HOUR])
@pytest.mark.parametrize("is_chosen", [False, True])
async def test_what_lapsed_before_a_write_stays_lapsed_when_the_clock_is_set_back_over_a_restart(
    store: Store, back: int, is_chosen: bool
) -> None:
    shop = stored_shop()
    await store.writer.commit(shop.write(GUEST, *buy(1, item(2, STOCK))))
    shop.shop.now += HOUR
    # It is sold out, but that the first has lapsed.
    steps = buy(2, item(2, STOCK)) if is_chosen else [add_order(2, item(2, STOCK)), move(2, COMMITTED)]
    await store.writer.commit(shop.write(GUEST, *steps))
    shop.shop.now -= back

    records = await shop.load(store)
    assert [row.units for row in records.reservations.rows().values() if row.units] == [
        ((inventory_key(2), STOCK),)
    ]
    assert records.reservations.of_stock(inventory_key(2), shop.shop.now) == STOCK
    assert records.reservations.rows()[number(2)].units


async def test_the_latest_second_that_was_judged_at_is_kept_when_others_follow(store: Store) -> None:
    shop = stored_shop()
    await store.writer.commit(shop.write(GUEST, *buy(1, item(2, STOCK))))
    shop.shop.now += 400 * 24 * HOUR
    await store.writer.commit(shop.write(GUEST, *buy(2, item(2, STOCK))))
    shop.shop.now -= 400 * 24 * HOUR
    shop.shop.records = await shop.load(store)
    await store.writer.commit(shop.write(OTHER_GUEST, *buy(3, item(3))))

    again = await shop.load(store)
    assert again.reservations.of_stock(inventory_key(2), shop.shop.now) == STOCK
    # A clock that was that far ahead is not believed, and later reservations end by the present one.
    assert again.reservations.rows()[number(3)].ends_at == shop.shop.now + HOUR
