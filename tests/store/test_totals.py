"""How much there is of everything."""

from pathlib import Path

from minirelay.store.database import Store
from minirelay.store.totals import count_totals
from tests.operations.alerts_raised import raise_alert
from tests.shop.checkouts import buy, item
from tests.store.checkouts import stored_shop
from tests.store.examples import GUEST, ShopLog, listing, shop_row


async def test_an_empty_database_has_nothing(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "empty") as store:
        totals = await store.reader.totals(10)
    assert (totals.shops, totals.longest, totals.clerk_cards, totals.guest_cards) == (0, {}, 0, 0)
    assert (totals.blobs, totals.blob_bytes, totals.payments, totals.alerts) == (0, 0, {}, {})


async def test_everything_is_counted(store: Store) -> None:
    log = ShopLog()
    await store.writer.commit(log.add(listing(1)))
    await store.writer.commit(log.add(listing(2)))
    await store.writer.commit(stored_shop().write(GUEST, *buy(5, item(1))))
    await raise_alert(store, 1)
    await raise_alert(store, 2, is_urgent=True)
    totals = await store.reader.totals(10)
    assert (totals.shops, totals.longest) == (1, {shop_row().shop_id: 2})
    assert (totals.clerk_cards, totals.guest_cards) == (1, 2)
    assert totals.payments == {"waiting": 1}
    assert totals.alerts == {("late", False): 1, ("late", True): 1}


async def test_of_the_shops_so_many_are_named(store: Store) -> None:
    await store.writer.commit(ShopLog().add(listing(1)))
    totals = await store.writer.connection.run(lambda db: count_totals(db, 0))
    assert (totals.shops, totals.longest) == (1, {})
