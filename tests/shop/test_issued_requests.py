"""The payment requests of a shop's orders, as far as checkout asks for them."""

from msgspec.structs import replace

from minirelay.shop.issued_requests import (
    DAY_S,
    IssuedRequest,
    IssuedRequestChanges,
    IssuedRequests,
    RequestState,
    priced,
)
from minirelay.shop.payment_request import PaymentRequest
from tests.shop.patching import NATIVE, OTHER_PAYEE, PAYEE, TOKEN, number

NOW = 1_800_000_000
CHAIN = 1337
CARD = 7


def issued(
    name: int, order: int = 5, *, ttl: int = NOW + DAY_S, at: int = NOW, card: int = CARD, **more: object
) -> IssuedRequest:
    fields = {"currency": TOKEN, "amount": 10, "payee": PAYEE} | more
    request = PaymentRequest(chain_id=CHAIN, ttl=ttl, shop_id=1, **fields)  # type: ignore[arg-type]
    return IssuedRequest(
        id=name.to_bytes(32),
        order_id=number(order),
        card=card,
        request=request,
        pricing=(CHAIN, TOKEN),
        price=10,
        region="x",
        listing_hashes=(bytes(32),),
        issued_at=at,
        issued_at_block=1,
    )


def ids(rows: object) -> list[int]:
    return [int.from_bytes(row.id) for row in rows]  # type: ignore[attr-defined]


def test_an_order_has_its_requests_in_the_order_of_their_issue() -> None:
    requests = IssuedRequests([issued(3), issued(1, ttl=NOW + 2 * DAY_S), issued(2, 6)])
    changes = IssuedRequestChanges(requests)
    changes.issue(issued(9))
    changes.put(issued(3), RequestState.SUPERSEDED)

    assert ids(requests.of_order(number(5))) == [3, 1]
    assert ids(changes.of_order(number(5))) == [3, 1, 9]
    assert [row.is_open for row in changes.of_order(number(5))] == [False, True, True]
    assert all(row.is_open for row in requests.of_order(number(5)))
    requests.enter(changes.changed, changes.issued)
    assert ids(requests.of_order(number(5))) == [3, 1, 9]


def test_open_requests_are_found_by_payee_and_by_currency() -> None:
    requests = IssuedRequests([issued(1), issued(2, payee=OTHER_PAYEE), issued(3, currency=NATIVE)])
    assert ids(requests.open_for_payee((CHAIN, PAYEE))) == [1, 3]
    assert ids(requests.open_in_currency((CHAIN, TOKEN))) == [1, 2]
    changes = IssuedRequestChanges(requests)
    changes.put(issued(1), RequestState.WITHDRAWN)
    changes.issue(issued(4, 6))
    assert ids(changes.open_for_payee((CHAIN, PAYEE))) == [3, 4]
    assert ids(changes.open_in_currency((CHAIN, TOKEN))) == [2, 4]
    requests.enter(changes.changed, changes.issued)

    assert ids(requests.open_for_payee((CHAIN, PAYEE))) == [3, 4]
    assert ids(requests.open_for_payee((5, PAYEE))) == []


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


def test_seconds_are_taken_by_requests_of_this_and_of_earlier_writes() -> None:
    first = issued(1)
    changes = IssuedRequestChanges(IssuedRequests([first, issued(2, ttl=NOW + DAY_S + 2)]))
    wanted = priced(first.request)
    assert changes.first_free(wanted, NOW + DAY_S) == NOW + DAY_S + 1
    changes.issue(issued(3, ttl=NOW + DAY_S + 1))

    assert changes.first_free(wanted, NOW + DAY_S) == NOW + DAY_S + 3
    assert changes.first_free(priced(issued(4, amount=11).request), NOW + DAY_S) == NOW + DAY_S


def test_a_cards_requests_are_counted_for_a_day() -> None:
    requests = IssuedRequests([issued(n, ttl=NOW + DAY_S + n, at=NOW + n) for n in range(1, 6)])
    changes = IssuedRequestChanges(requests)
    changes.issue(issued(9, at=NOW + 9))

    assert [requests.issued_since(CARD, NOW + n) for n in (0, 2, 5)] == [5, 3, 0]
    assert changes.issued_since(CARD, NOW + 5) == 1
    assert changes.issued_since(8, NOW) == 0


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
