"""Issued requests as one write finds and leaves them."""

import pytest

from minirelay.shop.issued_request_changes import IssuedRequestChanges
from minirelay.shop.issued_requests import DAY_S, IssuedRequests, RequestState, priced
from minirelay.shop.work import Work, WorkExceeded
from tests.shop.issued import CARD, CHAIN, NOW, ids, issued
from tests.shop.patching import NATIVE, OTHER_PAYEE, PAYEE, TOKEN, number


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


def test_each_request_that_is_looked_at_or_moved_is_work() -> None:
    rows = [issued(name, name) for name in range(1, 101)]

    def spent(count: int) -> tuple[int, int]:
        work = Work()
        changes = IssuedRequestChanges(IssuedRequests(rows[:count]), work)
        found = changes.open_for_payee((CHAIN, PAYEE))
        looked = work.spent
        for row in found:
            changes.put(row, RequestState.WITHDRAWN)
        return looked, work.spent

    few, many = spent(10), spent(100)
    assert 0 < few[0] < few[1]
    assert many == (10 * few[0], 10 * few[1])
    with pytest.raises(WorkExceeded):
        IssuedRequestChanges(IssuedRequests(rows), Work(few[0])).open_in_currency((CHAIN, TOKEN))
