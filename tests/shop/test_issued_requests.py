"""The payment requests of a shop's orders, as far as checkout asks for them."""

from msgspec.structs import replace

from minirelay.shop.issued_requests import DAY_S, IssuedRequests, RequestState, priced
from tests.shop.issued import CARD, CHAIN, NOW, ids, issued
from tests.shop.patching import PAYEE, number


def test_a_closed_order_has_no_requests_but_its_seconds_stay_taken() -> None:
    request = issued(1)
    requests = IssuedRequests([request])
    requests.enter({}, closed=[request.order_id])

    assert requests.of_order(request.order_id) == ()
    assert requests.get(request.id) is None
    assert ids(requests.open_for_payee((CHAIN, PAYEE))) == []
    assert requests.first_free(priced(request.request), NOW + DAY_S) == NOW + DAY_S + 1
    assert requests.issued_since(CARD, NOW - 1) == 1


def test_what_becomes_of_requests_of_closed_orders_changes_nothing() -> None:
    request = issued(1)
    requests = IssuedRequests([request], is_live=lambda _order_id: False)
    requests.clear(request.request.ttl + 1)
    requests.enter({request.id: replace(request, state=RequestState.LATE)})

    assert requests.of_order(request.order_id) == ()
    assert requests.issued_since(CARD, 0) == 0


def test_what_time_made_meaningless_is_cleared_in_bounded_steps() -> None:
    rows = [issued(n, n % 3, ttl=NOW + DAY_S + n, at=NOW + n) for n in range(1, 31)]
    requests = IssuedRequests(rows)
    requests.enter({row.id: replace(row, state=RequestState.EXPIRED) for row in rows[:15]})
    later = NOW + DAY_S + 40
    requests.clear(later, most=10)
    assert sum(len(requests.of_order(number(order))) for order in range(3)) == 20
    requests.clear(later)

    left = sorted(one for order in range(3) for one in ids(requests.of_order(number(order))))
    assert left == [*range(16, 31)]
    assert requests.first_free(priced(rows[0].request), NOW + DAY_S + 1) == NOW + DAY_S + 1
    assert requests.issued_since(CARD, later - DAY_S) == 0


def test_a_second_that_passes_frees_no_later_one() -> None:
    rows = [issued(1, 1), issued(2, 2, ttl=NOW + DAY_S + 2)]
    requests = IssuedRequests(rows)
    requests.clear(NOW + DAY_S + 1)

    wanted = priced(rows[0].request)
    assert requests.first_free(wanted, NOW + DAY_S) == NOW + DAY_S
    assert requests.first_free(wanted, NOW + DAY_S + 2) == NOW + DAY_S + 3


def test_what_may_still_settle_its_order_is_kept_beyond_its_ttl() -> None:
    rows = [issued(1, 1), replace(issued(2, 2), state=RequestState.UNPROVEN)]
    requests = IssuedRequests(rows)
    requests.clear(NOW + DAY_S + 1)

    assert [requests.of_order(row.order_id) for row in rows] == [(rows[0],), (rows[1],)]


def test_what_is_not_past_is_not_cleared() -> None:
    row = replace(issued(1), state=RequestState.SUPERSEDED)
    requests = IssuedRequests([row])
    requests.clear(row.request.ttl)

    assert requests.of_order(row.order_id) == (row,)
    assert requests.first_free(priced(row.request), row.request.ttl) == row.request.ttl + 1


def test_the_same_request_gives_the_same_details() -> None:
    details = issued(1).details

    assert (details.payment_id, details.total, details.ttl) == ((1).to_bytes(32), 10, NOW + DAY_S)
    assert details.listing_hashes == [bytes(32)]
    assert details.shop_signature == bytes(65)


def test_what_is_stored_comes_back_as_if_it_was_entered() -> None:
    rows = [
        issued(name, name % 4, ttl=NOW + DAY_S - name // 2, at=NOW - name, card=name % 3)
        for name in range(1, 30)
    ]
    opened, entered = IssuedRequests(rows), IssuedRequests()
    for row in rows:
        entered.enter({row.id: row}, {row.id})
    assert opened.size_bytes == entered.size_bytes
    for second in (NOW, NOW + DAY_S - 8):
        for one in (opened, entered):
            one.clear(second)
        for order in range(4):
            assert opened.of_order(number(order)) == entered.of_order(number(order))
        for card in range(3):
            since = [[one.issued_since(card, NOW - at) for at in range(30)] for one in (opened, entered)]
            assert since[0] == since[1]
        assert ids(opened.open_for_payee((CHAIN, PAYEE))) == ids(entered.open_for_payee((CHAIN, PAYEE)))
        wanted = priced(rows[0].request)
        free = [[one.first_free(wanted, NOW + DAY_S - at) for at in range(30)] for one in (opened, entered)]
        assert free[0] == free[1]


def test_all_but_what_was_sold_can_be_kept() -> None:
    one = issued(1)
    assert one.without_listings() == replace(one, listing_hashes=())
    assert one.without_listings().size_bytes < one.size_bytes


def test_the_requests_of_an_order_share_the_list_of_what_was_sold() -> None:
    """A guest's ten requests for a thousand items would take most of a megabyte otherwise."""
    sold, other = (b"a" * 32, b"b" * 32), (b"a" * 32, b"c" * 32)
    rows = [replace(issued(n), listing_hashes=(*sold[:1], *sold[1:])) for n in (1, 2)]
    last = replace(issued(3), listing_hashes=other)
    assert rows[0].listing_hashes is not rows[1].listing_hashes
    entered = IssuedRequests()
    for row in (*rows, last):
        entered.enter({row.id: row}, {row.id})
    for known in (IssuedRequests([*rows, last]), entered):
        first, second, third = known.of_order(rows[0].order_id)
        assert first.listing_hashes is second.listing_hashes
        assert (first, second, third) == (*rows, last)
