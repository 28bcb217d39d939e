"""The payments of all chains, as a relay begins with them."""

import logging
from pathlib import Path

import pytest

from minirelay.payments.look_progress import SLACK_S
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.watcher import PaymentWatch
from minirelay.store.chain_rows import looked_at_key
from minirelay.store.payment_records import Rests
from tests.payments.model_chain import ModelChain
from tests.payments.settling import Settling, settling
from tests.relay.fixed_facts import CHAIN
from tests.relay.selling import CAP, write
from tests.shop.checkouts import buy, item


def watch_of(shop: Settling, chain_id: int) -> PaymentWatch:
    chain = ModelChain(1)
    return PaymentWatch(chain_id, chain.target, shop.terms, shop.house.relay.write_own, clock=lambda: 0)


async def test_each_chain_watches_its_own_requests_from_the_start(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        await write(shop.guest, buy(6, item(CAP)))
        here, elsewhere = watch_of(shop, CHAIN), watch_of(shop, CHAIN + 1)
        watches = PaymentWatches([here, elsewhere])
        await shop.house.store.writer.put_meta(looked_at_key(CHAIN), (1000).to_bytes(8))
        await watches.load(shop.house.store.reader)
        assert (len(here.requests), len(elsewhere.requests)) == (2, 0)
        assert {one.balance.looked_at for one in here.requests} == {1000 - SLACK_S}
        assert watches.of_chain(CHAIN) is here
        assert watches.of_chain(CHAIN + 2) is None


async def test_an_imported_shops_payments_were_looked_at_when_their_relay_did(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        here, store = watch_of(shop, CHAIN), shop.house.store
        note, earlier = (5000).to_bytes(8), (1000).to_bytes(8)
        await store.writer.put_meta(looked_at_key(CHAIN), note)
        await store.writer.put_meta(looked_at_key(CHAIN, 1), earlier + note)
        await PaymentWatches([here]).load(store.reader)
        assert {one.balance.looked_at for one in here.requests} == {1000 - SLACK_S}
        # Until all of them were looked at here.
        await store.writer.put_meta(looked_at_key(CHAIN), (5001).to_bytes(8))
        later = watch_of(shop, CHAIN)
        await PaymentWatches([later]).load(store.reader)
        assert {one.balance.looked_at for one in later.requests} == {5001 - SLACK_S}


async def test_what_writes_change_is_heard_of(tmp_path: Path) -> None:
    async with settling(tmp_path) as shop:
        here = watch_of(shop, CHAIN)
        watches = PaymentWatches([here, watch_of(shop, CHAIN + 1)])
        shop.house.relay.follow_checkout(watches)
        await write(shop.guest, buy(6, item(CAP)))
        assert [one.issued.order_id for one in here.requests] == [(6).to_bytes(8)]


async def test_requests_on_a_chain_that_is_configured_no_more_are_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with settling(tmp_path) as shop:
        await PaymentWatches([]).load(shop.house.store.reader)
        assert [record.getMessage() for record in caplog.records] == [
            "payments on a chain that is not configured are not watched"
        ]
        assert len(await shop.house.store.reader.watched_requests(Rests(CHAIN))) == 1
