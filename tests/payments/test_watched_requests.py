"""Which requests are watched, and how they are found; `test_watcher.py` has what becomes of them."""

from msgspec.structs import replace

from minirelay.chain.findings import FoundBalance
from minirelay.payments.watched_requests import WatchedRequests
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.messages import ShopRow
from minirelay.store.payment_records import WatchedRequest
from tests.payments.model_chain import ModelTarget, address_of
from tests.shop.issued import CHAIN, issued
from tests.shop.patching import TOKEN, number

SHOP = ShopRow(3, 1, 0)


def watching(*, is_open: bool = True) -> WatchedRequests:
    return WatchedRequests(CHAIN, ModelTarget(is_open=is_open))


def changed(*rows: IssuedRequest, new: bool = False, closed: tuple[int, ...] = ()) -> RecordChanges:
    ids = frozenset(row.id for row in rows)
    return RecordChanges(
        requests={row.id: row for row in rows},
        issued=ids if new else frozenset(),
        closed=tuple(map(number, closed)),
    )


def at(one: IssuedRequest) -> FoundBalance:
    return FoundBalance(TOKEN, address_of(one.request), 1)


def test_what_is_issued_is_watched_and_found_by_id_and_address() -> None:
    ones, one = watching(), issued(1)
    ones.changed(SHOP, changed(one, new=True))
    found = ones.get(one.id)
    assert found is not None
    assert found.issued == one.without_listings()
    assert (ones.at(at(one)), ones.shop_id(found)) == (found, 1)
    assert ones.schedule.open_count == 1
    assert ones.get(None) is ones.get(b"x") is ones.at(FoundBalance(TOKEN, b"", 1)) is None


def test_a_month_of_watching_does_not_keep_what_was_sold() -> None:
    ones, large = watching(), replace(issued(1), listing_hashes=(bytes(32),) * 1000)
    loaded = replace(issued(2), listing_hashes=(bytes(32),) * 1000)
    ones.changed(SHOP, changed(large, new=True))
    ones.load([WatchedRequest(3, loaded)], (), 0)
    assert [one.issued.listing_hashes for one in ones] == [(), ()]
    ones.changed(SHOP, changed(replace(large, state=RequestState.SHORT, received=1)))
    ones.changed(SHOP, changed(closed=(5,)))
    assert [one.issued.listing_hashes for one in ones] == [(), ()]
    found = ones.get(large.id)
    assert found is not None
    assert (found.issued.state, found.issued.received, found.is_closed) == (RequestState.SHORT, 1, True)


def test_requests_on_other_chains_are_anothers() -> None:
    ones = watching()
    other = replace(issued(1), request=replace(issued(1).request, chain_id=CHAIN + 1))
    ones.changed(SHOP, changed(other, new=True))
    ones.load([WatchedRequest(3, other)], (), 0)
    assert len(ones) == 0


def test_what_is_changed_and_not_known_was_let_go_before() -> None:
    ones = watching()
    ones.changed(SHOP, changed(issued(1)))
    assert len(ones) == 0


def test_what_settles_nothing_any_more_waits_for_its_turn() -> None:
    ones, one = watching(), issued(1)
    ones.changed(SHOP, changed(one, new=True))
    ones.changed(SHOP, changed(replace(one, state=RequestState.WITHDRAWN)))
    assert (len(ones.schedule), ones.schedule.open_count) == (1, 0)


def test_all_requests_of_an_order_hear_that_it_is_closed() -> None:
    ones, first, second, other = watching(), issued(1), issued(2), issued(3, 6)
    ones.changed(SHOP, changed(first, second, other, new=True))
    ones.touched.clear()
    ones.changed(SHOP, changed(closed=(5,)))
    assert list(ones.touched) == [first.id, second.id]
    assert ones.schedule.open_count == 1
    ones.changed(ShopRow(4, 2, 0), changed(closed=(6,)))
    assert ones.schedule.open_count == 1


def test_what_is_dismissed_or_watched_no_more_is_forgotten() -> None:
    ones, first, second = watching(), issued(1), issued(2)
    ones.changed(SHOP, changed(first, second, new=True))
    ones.changed(SHOP, changed(replace(first, state=RequestState.DISMISSED)))
    ones.changed(SHOP, changed(replace(second, is_watched=False)))
    ones.changed(SHOP, changed(closed=(5,)))
    assert len(ones) == len(ones.schedule) == len(ones.touched) == 0
    assert ones.at(at(first)) is None


def test_a_paid_order_is_watched_until_its_block_is_final() -> None:
    ones, one = watching(), issued(1)
    ones.changed(SHOP, changed(one, new=True))
    ones.changed(SHOP, changed(replace(one, state=RequestState.PAID), closed=(5,)))
    assert list(ones.unfinal) == [one.id]
    assert ones.schedule.open_count == 1


async def test_addresses_are_computed_when_it_is_known_of_what() -> None:
    target = ModelTarget()
    ones, rows = WatchedRequests(CHAIN, target), [issued(n, amount=n) for n in range(1, 100)]
    ones.load([WatchedRequest(3, one) for one in rows], (), 0)
    await ones.give_addresses()
    assert ones.at(at(rows[0])) is None
    target.is_open = True
    await ones.give_addresses()
    assert all(ones.at(at(one)) is ones.get(one.id) for one in rows)
