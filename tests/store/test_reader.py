"""The questions themselves are tested with the modules that answer them; here: that each reaches its own."""

import asyncio
import inspect
from hashlib import sha256

import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.store.alerts import AlertPage
from minirelay.store.database import Store
from minirelay.store.errors import StoreClosed, StoreUnavailable
from minirelay.store.high_water import HighWater
from minirelay.store.messages import (
    Counts,
    NextRows,
    ObjectRow,
    SelectedPage,
    SelectedSet,
    Selection,
    StoredObject,
    TypedSet,
    TypesSeen,
    WireSet,
)
from minirelay.store.payment_list import PaymentFilter
from minirelay.store.payment_records import Rests
from minirelay.store.reader import Reader
from minirelay.store.webhook_events import WebhookBacklog
from tests.relay.fixed_facts import CHAIN
from tests.shop.checkouts import buy, item
from tests.store import second_reading
from tests.store.checkouts import SHOP, stored_shop
from tests.store.examples import CARD, GUEST, OTHER_GUEST, ShopLog, key_card, listing, order, shop_row

ALL = 10**9


async def test_every_question_gets_its_answer(store: Store) -> None:
    log = ShopLog()
    change = ObjectRow(ObjectType.ORDER, b"key", b"value", GUEST)
    await store.writer.commit(log.add(listing(1), relay_signer=b"\x02" * 33))
    await store.writer.commit(log.add(listing(2), order(1, GUEST), changes=(change,)))
    await store.writer.put_meta("note", b"remembered")
    reader = store.reader
    assert await reader.shop(shop_row().shop_id) == shop_row()
    assert await reader.shop_of_row(1) == shop_row()
    assert await reader.shops() == [shop_row()]
    cards = [key_card(CARD), key_card(GUEST, 1, True), key_card(OTHER_GUEST, 1, True)]
    assert await reader.cards(1) == cards
    assert await reader.key_card(cards[1].public_key) == cards[1]
    assert await reader.count_guest_cards(1) == 2
    assert await reader.relay_signers() == [b"\x02" * 33]
    assert await reader.next_rows() == NextRows(2, 4)
    assert await reader.get_meta("note") == b"remembered"
    assert await reader.load_objects(1) == [StoredObject(ObjectType.ORDER, b"key", b"value", GUEST)]
    assert await reader.gaps(1) == ()
    shop = stored_shop()
    await store.writer.commit(shop.write(GUEST, *buy(5, item(1))))
    checkout = await reader.load_checkout(SHOP, shop.objects(), shop.shop.now)
    (request,) = shop.shop.requests(5)
    assert checkout.requests.of_order(request.order_id) == (request,)
    assert await reader.payment_requests(SHOP, ids=[request.id]) == {1: request}
    assert await reader.payment_requests(SHOP, orders=[request.order_id]) == {1: request}
    assert await reader.payment_request_rows(1) == [1]
    (watched,) = await reader.watched_requests(Rests(CHAIN))
    assert (watched.shop, watched.issued.id) == (1, request.id)
    assert await reader.watched_counts() == {CHAIN: 1}
    assert await reader.find_watched([request.id]) == [watched]
    assert await reader.resting_requests(Rests(CHAIN), (0, 0), 9) == ([], (0, 0))
    assert await reader.resting_prefixes(Rests(CHAIN)) == b""
    assert await reader.payment_transfers([request.id]) == []
    assert await reader.unsearched_requests(CHAIN, now=0, since=0, most=9) == []
    assert await reader.unread_chains([request.id]) == {}
    assert await reader.stray_candidates(CHAIN + 1) == []
    assert await reader.settled_requests(SHOP) == []
    (found,) = await reader.find_payment_requests(request.id, request.id)
    assert found.issued.id == request.id
    assert await reader.payment_decisions([request.id]) == []
    (candidate,) = await reader.sweep_candidates(request.request.chain_id)
    assert candidate.id == request.id
    (listed,) = await reader.list_payments(PaymentFilter())
    assert listed.row == 1
    assert await reader.chain_progress(1) is None
    assert await reader.blob(bytes(32)) is None
    with pytest.raises(StoreUnavailable):
        await reader.blob_part(1, 0, 0, 1)
    assert await reader.unfinished_blobs() == []
    assert await reader.next_blob() == 1
    assert (await reader.count_blocks(1), await reader.blob_bytes(1)) == (0, 0)
    assert await reader.shop_blobs() == []
    assert not await reader.shop_has_blob(1, bytes(32))
    assert await reader.blobs() == []
    assert await reader.blob_places(1) == {}
    assert await reader.stray_block() is None
    assert await reader.blobs_in_others() == []
    ((kept_row, kept),) = await reader.kept_blocks(0, 10)
    assert (kept_row, sha256(kept).digest()) == (1, request.listing_hashes[0])
    assert await reader.alerts() == AlertPage((), 0)
    assert await reader.told_alerts(0) == []
    assert await reader.alert(1) is None
    assert await reader.lasting_alerts() == {}
    assert await reader.missing_until() == 0
    assert await reader.unknown_payments(1) == []
    assert await reader.webhook_topics() == frozenset()
    assert await reader.webhook_waiting(0, 10) == []
    assert await reader.webhook_least(10) == []
    assert await reader.webhook_backlog() == WebhookBacklog(0, None)
    assert await reader.webhook_event(1) is None
    assert await reader.account_checks() == []
    assert await reader.accounts(shop_row().shop_id, [bytes(20)]) == set()
    assert await reader.reservations(1) == dict(shop.shop.records.reservations.rows())
    assert (await reader.totals(1)).longest == {shop_row().shop_id: 2}
    assert await reader.tail(1) == (2, log.counts)
    assert await reader.counts_at(1, 1) == Counts(listings=1, size_bytes=300)
    limits = {"max_patches": ALL, "max_bytes": ALL}
    assert await reader.page(1, after_seq=0, upto_seq=2, **limits) == log.sets
    assert await reader.page(1, after_seq=0, upto_seq=2, max_patches=1, max_bytes=ALL) == log.sets[:1]
    second = WireSet(2, 2, log.sets[1].wire)
    assert await reader.page_wire(1, after_seq=1, upto_seq=2, **limits) == [second]
    listings = TypesSeen(frozenset({ObjectType.LISTING}), frozenset())
    seen = [TypedSet(2, 2, False, log.sets[1].leaves, log.sets[1].wire)]
    assert await reader.page_of_types(1, listings, after_seq=1, upto_seq=2, **limits) == seen
    own = [Selection(ObjectType.ORDER, None, GUEST)]
    expected = SelectedPage((SelectedSet(2, (1,), log.sets[1].wire),), 2)
    owned = second_reading.sees(own)
    assert await reader.index_page(1, own, owned, after_seq=0, upto_seq=2, **limits) == expected
    assert await reader.count_index(1, own, after_seq=0, upto_seq=2) == 1
    assert await reader.find_difference(1, log.sets) is None
    assert await reader.find_surplus(1, 3) is None
    assert await reader.find_loss(HighWater()) is None
    assert await reader.find_damage() is None
    assert await reader.size_bytes() > 4096


def test_every_question_is_in_that_test() -> None:
    questions = {name for name, one in inspect.getmembers(Reader) if inspect.iscoroutinefunction(one)}
    source = inspect.getsource(test_every_question_gets_its_answer)
    assert len(questions) >= 14
    assert {name for name in questions if f"await reader.{name}(" not in source} == set()


async def test_an_answer_holds_what_was_committed_before_the_question(store: Store) -> None:
    log = ShopLog()
    for seq in range(1, 51):
        await store.writer.commit(log.add())
        tails = await asyncio.gather(*[store.reader.tail(1) for _ in range(4)])
        assert tails == [(seq, log.counts)] * 4


async def test_a_closed_store_answers_nothing(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreClosed):
        await store.reader.shops()
