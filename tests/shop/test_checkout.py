"""Spec 06: what a client's patch set causes."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from massmarket.cbor.order import Order as ReferenceOrder
from massmarket.cbor.order import OrderState as ReferenceState
from msgspec.structs import replace

from minirelay.errors import Code, Refusal
from minirelay.protocol.patch_set import Patch
from minirelay.shop.checkout import AlertKind, choose_again
from minirelay.shop.checkout_facts import ChainHead
from minirelay.shop.checkout_records import CheckoutChanges
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.order_states import OrderState
from minirelay.shop.ownership import RELAY_ITSELF
from minirelay.shop.relay_sets import relay_sets
from minirelay.shop.reservations import Hold
from minirelay.shop.state import inventory_key
from tests.shop.checkouts import (
    ADDRESS,
    CANCELED,
    CHAIN,
    CHOSEN,
    CLERK,
    COMMITTED,
    DAY,
    GUEST,
    HOUR,
    INV,
    MANIFEST,
    NOW,
    OPEN,
    OTHER_GUEST,
    PAID,
    UNPAID,
    CheckoutShop,
    a_shop,
    add_order,
    address,
    apply,
    buy,
    cancel,
    choose,
    currency,
    item,
    listing,
    move,
    nf,
    oos,
    ops,
    payee,
    what,
)
from tests.shop.patching import NATIVE, OTHER_PAYEE, PAYEE, TOKEN, number, patch

SHIRT = 1
ANSWERS_AGAIN = [("replace", "PaymentDetails"), ("replace", "State")]
CANCELS = [("add", "CanceledAt"), ("replace", "State")]
RED = inventory_key(SHIRT, ("red",))


def a_checkout(stock: int = 10) -> CheckoutShop:
    """A shirt in two colours, the red one in stock."""
    return CheckoutShop(a_shop([listing(SHIRT, 1000, "red", "blue")], {RED: stock}))


def reds(quantity: int = 1) -> dict[str, object]:
    return item(SHIRT, quantity, "red")


# -- a purchase, in the ways in which existing clients go about it


def test_everything_in_one_set() -> None:
    shop = a_checkout()
    outcome = shop.write(GUEST, *buy(5, reds(2)))

    (patches,) = outcome.patches
    assert ops(patches) == [("add", "PaymentDetails"), ("replace", "State")]
    assert shop.order_state(5) is UNPAID
    assert shop.details(5)["Total"] == 2000
    assert shop.details(5)["TTL"] == NOW + DAY
    assert shop.reserved(RED) == 2


def test_the_same_in_five_sets() -> None:
    shop = a_checkout()
    commit, chosen = move(5, COMMITTED), choose(5)
    for patches in ([add_order(5, reds(2)), commit], [address(5)], chosen[:1], chosen[1:2]):
        assert shop.write(GUEST, *patches).patches == ()
    shop.write(GUEST, *chosen[2:])

    assert shop.order_state(5) is UNPAID
    assert shop.reserved(RED) == 2


def added(order: int) -> list[Patch]:
    """Currency, payee and invoice address by `add`, then the choice."""
    return [
        patch("add", "Orders", order, "ChosenCurrency", value=currency()),
        patch("add", "Orders", order, "ChosenPayee", value=payee()),
        patch("add", "Orders", order, "InvoiceAddress", value=ADDRESS),
        move(order, CHOSEN),
    ]


COMPLETE = {
    "ChosenPayee": payee(),
    "ChosenCurrency": currency(),
    "ShippingAddress": ADDRESS,
    "TxDetails": {"BlockHash": bytes(32)},
}
SEQUENCES: dict[str, list[list[Patch]]] = {
    "one set": [buy(5, reds(2))],
    "a set for each patch": [[one] for one in buy(5, reds(2))],
    "by add": [[add_order(5, reds(2))], [move(5, COMMITTED)], added(5)],
    "a new order already committed": [[add_order(5, reds(2), state=3)], added(5)],
    "a whole order with inert details": [[add_order(5, reds(2), state=3, **COMPLETE)], [move(5, CHOSEN)]],
    "committed, reopened, committed": [
        [add_order(5, reds(2)), move(5, COMMITTED)],
        [move(5, OPEN), move(5, COMMITTED)],
        added(5),
    ],
    "half canceled": [[add_order(5, reds(2)), move(5, COMMITTED)], cancel(5)[:1], added(5)],
}


@pytest.mark.parametrize("sets", SEQUENCES.values(), ids=SEQUENCES)
def test_existing_clients_sequences_reach_unpaid(sets: list[list[Patch]]) -> None:
    shop = a_checkout()
    for patches in sets:
        shop.write(GUEST, *patches)
    order = ReferenceOrder.from_cbor_dict(shop.order(5))

    assert order.state == ReferenceState.UNPAID
    details = order.payment_details
    assert (int(details.total), details.ttl) == (2000, NOW + DAY)
    assert details.payment_id == shop.requests(5)[0].id
    assert shop.reserved(RED) == 2


def test_a_choice_may_come_before_its_currency_in_the_set() -> None:
    shop = a_checkout()
    chosen = {"ChosenPayee": payee(), "ChosenCurrency": currency(), "InvoiceAddress": ADDRESS}
    order = add_order(5, reds(), state=3, **chosen)
    late = patch("replace", "Orders", 5, "ChosenCurrency", value=currency(NATIVE))
    shop.write(GUEST, order, move(5, CHOSEN), late)

    (request,) = shop.requests(5)
    assert request.currency == (CHAIN, NATIVE)
    assert shop.details(5)["Total"] == 6666666666666600


def test_a_new_order_that_is_committed_holds_no_stock_before_its_choice() -> None:
    shop = a_checkout(stock=1)
    shop.write(GUEST, add_order(5, reds(), state=3))
    assert shop.reserved(RED) == 0
    shop.write(OTHER_GUEST, add_order(6, reds()), move(6, COMMITTED))

    assert what(shop.refused(GUEST, address(5), *choose(5))) == oos(SHIRT)


def test_a_currency_and_its_choice_come_in_one_set_of_a_clerk() -> None:
    shop = CheckoutShop(
        a_shop(
            [listing(SHIRT, 1000, "red")],
            {RED: 1},
            MANIFEST | {"AcceptedCurrencies": {CHAIN: {NATIVE: {}}}},
        )
    )
    accept = patch("add", "Manifest", "AcceptedCurrencies", CHAIN, TOKEN, value={})
    shop.write(CLERK, accept, *buy(5, reds()))

    assert shop.order_state(5) is UNPAID


MOVES = {
    OPEN: {OPEN: OPEN, COMMITTED: COMMITTED, CANCELED: CANCELED},
    COMMITTED: {OPEN: OPEN, COMMITTED: COMMITTED, CHOSEN: UNPAID, CANCELED: CANCELED},
    UNPAID: {CHOSEN: UNPAID, CANCELED: CANCELED},
    CANCELED: {},
    PAID: {},
}


@pytest.mark.parametrize("by", [GUEST, CLERK])
@pytest.mark.parametrize("to", OrderState)
@pytest.mark.parametrize("state", MOVES)
def test_clients_move_an_order_as_it_is_drawn(state: OrderState, to: OrderState, by: int) -> None:
    """The arrows of the spec, and nothing else; what is not drawn is refused, for a clerk, too."""
    shop = an_order_in(state)
    before = shop.order(5)
    patches = [move(5, to)] if to is not CANCELED else [one for one in cancel(5) if state is not CANCELED]
    ends_in = MOVES[state].get(to)
    if ends_in is None:
        assert what(shop.refused(by, *patches or [move(5, to)])) == INV
        assert shop.order(5) == before
    else:
        shop.write(by, *patches)
        assert shop.order_state(5) is ends_in
    assert shop.reserved(RED) == int((ends_in or state) in (COMMITTED, UNPAID))


def an_order_in(state: OrderState) -> CheckoutShop:
    """A shop with an order that has everything, come to this state as orders do."""
    shop = a_checkout()
    ready = [add_order(5, reds()), address(5), *choose(5)[:-1]]
    way = {
        OPEN: [],
        COMMITTED: [COMMITTED],
        UNPAID: [COMMITTED, CHOSEN],
        PAID: [COMMITTED, CHOSEN],
        CANCELED: [],
    }
    shop.write(GUEST, *ready, *[move(5, one) for one in way[state]])
    if state is CANCELED:
        shop.write(GUEST, *cancel(5))
    elif state is PAID:
        pay(shop, 5)
    return shop


def pay(shop: CheckoutShop, order: int) -> None:
    """Let the relay write that an order is paid."""
    found = patch("add", "Orders", order, "TxDetails", value={"BlockHash": bytes(32)})
    shop.state = apply(shop.state, shop.owners, RELAY_ITSELF, [found, move(order, PAID)]).state
    changes = CheckoutChanges(shop.records, shop.now, shop.limits)
    changes.close(number(order))
    shop.records.enter(changes.finish())


@pytest.mark.parametrize("to", OrderState)
def test_a_choice_is_the_last_move_of_its_set(to: OrderState) -> None:
    shop = an_order_in(COMMITTED)

    assert (
        what(shop.refused(GUEST, move(5, CHOSEN), *(cancel(5) if to is CANCELED else [move(5, to)]))) == INV
    )


# -- choosing again


def test_reloading_the_payment_page_gives_the_same_details() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds(), coin=NATIVE))
    first = shop.details(5)
    for _ in range(5):
        shop.now += HOUR
        shop.rate = type(shop.rate)(shop.rate.numerator, shop.rate.denominator + 1)
        outcome = shop.write(GUEST, *choose(5, NATIVE))
        (patches,) = outcome.patches
        assert ops(patches) == ANSWERS_AGAIN
        assert shop.details(5) == first
        assert outcome.records.requests == {}

    assert len(shop.requests(5)) == 1
    assert shop.order_state(5) is UNPAID


def test_reloading_asks_for_no_stock_and_not_for_what_a_new_request_needs() -> None:
    shop = a_checkout(stock=1)
    shop.write(GUEST, *buy(5, reds()))
    shop.now += HOUR
    shop.write(OTHER_GUEST, add_order(6, reds()), move(6, COMMITTED))
    shop.chains, shop.tokens = {CHAIN: None}, {}

    shop.write(GUEST, *choose(5))
    assert len(shop.requests(5)) == 1


def test_the_time_of_a_request_passes_on_its_chain_as_well() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    (first,) = shop.requests(5)
    for timestamp, requests in ((first.request.ttl - DAY // 2, 1), (first.request.ttl - DAY // 2 + 1, 2)):
        shop.chains[CHAIN] = ChainHead(2000, timestamp, shop.now)
        shop.write(GUEST, *choose(5))
        assert len(shop.requests(5)) == requests


def test_a_request_with_less_than_half_of_its_time_is_not_handed_out_again() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    shop.now += DAY // 2
    shop.write(GUEST, *choose(5))
    assert len(shop.requests(5)) == 1
    shop.now += 1
    shop.write(GUEST, *choose(5))

    first, second = shop.requests(5)
    assert shop.details(5)["PaymentID"] == second.id != first.id
    assert first.is_open


@pytest.mark.parametrize("change", [{"is_dead": True}, {"state": RequestState.UNPROVEN}])
def test_what_nobody_may_be_sent_to_is_not_handed_out_again(change: dict[str, Any]) -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    (request,) = shop.requests(5)
    shop.records.requests.enter({request.id: replace(request, **change)})
    shop.write(GUEST, *choose(5))

    assert [one.id for one in shop.requests(5)] == [request.id, shop.details(5)["PaymentID"]]


def test_a_request_on_a_chain_that_is_watched_no_more_is_not_handed_out_again() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    shop.without_chains = True

    assert "takes no payments on chain" in shop.refused(GUEST, *choose(5)).message


def test_another_price_payee_or_pricing_currency_gives_a_new_request() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    shop.write(CLERK, patch("replace", "Listings", SHIRT, "Price", value=1001))
    shop.write(GUEST, *choose(5))
    shop.write(GUEST, *choose(5, to=OTHER_PAYEE))
    shop.write(CLERK, patch("replace", "Manifest", "PricingCurrency", value=currency(NATIVE)))
    shop.write(GUEST, *choose(5, to=OTHER_PAYEE))

    requests = shop.requests(5)
    assert [one.price for one in requests] == [1000, 1001, 1001, 1001]
    assert len({one.id for one in requests}) == 4
    assert all(one.is_open for one in requests)


def test_the_newest_of_several_is_handed_out_again() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    for price in (2000, 1000):
        shop.write(CLERK, patch("replace", "Listings", SHIRT, "Price", value=price))
        shop.now += 60
        shop.write(GUEST, *choose(5))
    first, second = shop.requests(5)

    assert [first.price, second.price] == [1000, 2000]
    assert shop.details(5)["PaymentID"] == first.id


def test_two_identical_orders_in_one_second_have_two_payment_ids() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()), *buy(6, reds()))
    shop.write(OTHER_GUEST, *buy(7, reds()))
    details = [shop.details(order) for order in (5, 6, 7)]

    assert [one["TTL"] for one in details] == [NOW + DAY, NOW + DAY + 1, NOW + DAY + 2]
    assert len({one["PaymentID"] for one in details}) == 3


def test_a_canceled_order_keeps_its_payment_id_for_itself() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    first = shop.details(5)["PaymentID"]
    shop.write(GUEST, *cancel(5))
    shop.write(GUEST, *buy(6, reds()))

    assert shop.requests(5) == ()
    assert shop.details(6)["PaymentID"] != first


# -- addresses while unpaid


def unpaid_shop() -> CheckoutShop:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    return shop


def test_another_country_is_priced_anew_in_the_same_breath() -> None:
    shop = unpaid_shop()
    outcome = shop.write(GUEST, patch("replace", "Orders", 5, "ShippingAddress", "Country", value="NZ"))

    (patches,) = outcome.patches
    assert ops(patches) == ANSWERS_AGAIN
    first, second = shop.requests(5)
    assert first.state is RequestState.SUPERSEDED
    assert outcome.alerts == ()
    assert (second.state, second.region, second.price) == (RequestState.WAITING, "far", 1500)
    assert shop.details(5)["Total"] == 1500
    assert shop.order_state(5) is UNPAID


def test_a_set_that_chooses_again_itself_supersedes_likewise() -> None:
    shop = unpaid_shop()
    shop.write(GUEST, address(5, "replace", Country="NZ"), *choose(5, NATIVE))

    first, second = shop.requests(5)
    assert first.state is RequestState.SUPERSEDED
    assert second.region == "far"
    assert second.currency == (CHAIN, NATIVE)


def test_an_address_that_comes_behind_the_state_counts_as_well() -> None:
    shop = unpaid_shop()
    shop.write(GUEST, *choose(5), address(5, "replace", Country="NZ"))

    assert [(one.region, one.state) for one in shop.requests(5)] == [
        ("home", RequestState.SUPERSEDED),
        ("far", RequestState.WAITING),
    ]
    assert shop.details(5)["Total"] == 1500


def test_a_corrected_name_keeps_the_request_whatever_prices_and_regions_do() -> None:
    shop = unpaid_shop()
    before = shop.order(5)["PaymentDetails"]
    shop.write(CLERK, patch("replace", "Listings", SHIRT, "Price", value=9999))
    shop.write(CLERK, patch("remove", "Manifest", "ShippingRegions", "home"))
    outcome = shop.write(GUEST, patch("replace", "Orders", 5, "ShippingAddress", "Name", value="Ada L."))

    assert outcome.patches == ()
    assert shop.order(5)["PaymentDetails"] == before
    assert [one.state for one in shop.requests(5)] == [RequestState.WAITING]


def test_another_town_of_the_same_region_keeps_the_request() -> None:
    shop = unpaid_shop()
    outcome = shop.write(GUEST, address(5, "replace", City="Köln", PostalCode="50667"))

    assert outcome.patches == ()
    assert [one.state for one in shop.requests(5)] == [RequestState.WAITING]


@pytest.mark.parametrize("changed", [{"City": "Köln"}, {"PostalCode": "50667"}])
def test_another_town_of_another_region_is_priced_anew(changed: dict[str, str]) -> None:
    shop = unpaid_shop()
    region = {"Country": "DE", "PostalCode": "53111", "City": ""} | changed
    shop.write(CLERK, patch("add", "Manifest", "ShippingRegions", "town", value=region))
    shop.write(GUEST, address(5, "replace", **changed))

    assert [(one.region, one.state) for one in shop.requests(5)] == [
        ("home", RequestState.SUPERSEDED),
        ("town", RequestState.WAITING),
    ]


def test_what_settles_nothing_any_more_is_not_superseded() -> None:
    shop = unpaid_shop()
    shop.write(CLERK, patch("remove", "Manifest", "Payees", CHAIN, PAYEE))
    assert shop.write(GUEST, address(5, "replace", Country="NZ")).patches == ()
    shop.write(GUEST, *choose(5, to=OTHER_PAYEE))
    shop.write(GUEST, address(5, "replace", Country="DE"))

    assert [(one.region, one.state) for one in shop.requests(5)] == [
        ("home", RequestState.WITHDRAWN),
        ("far", RequestState.SUPERSEDED),
        ("home", RequestState.WAITING),
    ]


def test_a_shipping_address_added_to_an_invoice_address_decides() -> None:
    shop = a_checkout()
    invoice = patch("add", "Orders", 5, "InvoiceAddress", value=ADDRESS)
    shop.write(GUEST, add_order(5, reds()), invoice, move(5, COMMITTED), *choose(5))
    shop.write(GUEST, address(5, Country="NZ"))
    assert [one.region for one in shop.requests(5)] == ["home", "far"]
    shop.write(GUEST, patch("remove", "Orders", 5, "ShippingAddress"))

    assert [(one.region, one.state) for one in shop.requests(5)] == [
        ("home", RequestState.SUPERSEDED),
        ("far", RequestState.SUPERSEDED),
        ("home", RequestState.WAITING),
    ]


def test_an_address_that_no_region_matches_is_refused() -> None:
    shop = unpaid_shop()
    shop.write(CLERK, patch("remove", "Manifest", "ShippingRegions", "default"))

    assert what(shop.refused(GUEST, address(5, "replace", Country="FR"))) == INV
    assert [one.state for one in shop.requests(5)] == [RequestState.WAITING]


def test_pricing_anew_asks_for_no_reservation() -> None:
    shop = unpaid_shop()
    shop.now += HOUR
    shop.write(OTHER_GUEST, add_order(6, reds(10)), move(6, COMMITTED))
    shop.write(GUEST, address(5, "replace", Country="NZ"))

    assert len(shop.requests(5)) == 2
    assert shop.reserved(RED) == 10


def test_pricing_anew_is_refused_for_what_is_not_sold_any_more() -> None:
    shop = unpaid_shop()
    shop.write(CLERK, patch("replace", "Listings", SHIRT, "ViewState", value=2))

    assert what(shop.refused(GUEST, address(5, "replace", Country="NZ"))) == nf(SHIRT)
    shop.write(CLERK, patch("remove", "Manifest", "ShippingRegions", "default"))
    assert what(shop.refused(GUEST, address(5, "replace", Country="FR"))) == nf(SHIRT)


def test_money_for_a_superseded_request_is_told() -> None:
    shop = unpaid_shop()
    (request,) = shop.requests(5)
    shop.records.requests.enter({request.id: replace(request, state=RequestState.SEEN)})
    outcome = shop.write(GUEST, address(5, "replace", Country="NZ"))

    (alert,) = outcome.alerts
    assert (alert.kind, alert.request_ids) == (AlertKind.SUPERSEDED_WITH_MONEY, (request.id,))


def test_an_event_that_proves_nothing_does_not_keep_the_price_of_another_region() -> None:
    shop = unpaid_shop()
    (request,) = shop.requests(5)
    shop.records.requests.enter({request.id: replace(request, state=RequestState.UNPROVEN)})
    shop.write(GUEST, address(5, "replace", Country="NZ"))

    assert [(one.region, one.state) for one in shop.requests(5)] == [
        ("home", RequestState.SUPERSEDED),
        ("far", RequestState.WAITING),
    ]


@pytest.mark.parametrize("state", [RequestState.SEEN, RequestState.SHORT])
@pytest.mark.parametrize("goes", ["region", "payee"])
def test_money_that_settles_nothing_any_more_holds_no_stock(state: RequestState, goes: str) -> None:
    shop = unpaid_shop()
    (request,) = shop.requests(5)
    shop.records.requests.enter({request.id: replace(request, state=state)})
    changes = CheckoutChanges(shop.records, shop.now, shop.limits)
    changes.reservations.hold(number(5), GUEST, Hold[state.name])
    shop.records.enter(changes.finish())
    shop.now += 2 * HOUR
    assert shop.reserved(RED) == 1
    if goes == "region":
        shop.write(GUEST, address(5, "replace", Country="NZ"))
    else:
        shop.write(CLERK, patch("remove", "Manifest", "Payees", CHAIN, PAYEE))

    # What was seen for a payee that goes still settles.
    assert shop.reserved(RED) == int(goes == "payee" and state is RequestState.SEEN)


def test_a_dead_address_is_replaced_by_a_new_request() -> None:
    shop = unpaid_shop()
    (request,) = shop.requests(5)
    shop.records.requests.enter({request.id: replace(request, is_dead=True)})
    outcome = choose_again(shop.records, shop.state, number(5), GUEST, shop.facts, shop.limits)
    shop.records.enter(outcome.records)

    assert [ops(patches) for patches in outcome.patches] == [ANSWERS_AGAIN]
    assert [one.is_dead for one in shop.requests(5)] == [True, False]
    with pytest.raises(Refusal):
        choose_again(shop.records, shop.state, number(6), GUEST, shop.facts, shop.limits)


def test_addresses_of_orders_that_are_not_unpaid_change_nothing_else() -> None:
    shop = a_checkout()
    shop.write(GUEST, add_order(5, reds()), address(5), move(5, COMMITTED))

    assert shop.write(GUEST, address(5, "replace", Country="NZ")).patches == ()


# -- payees and currencies that go


def test_a_payee_that_goes_withdraws_its_open_requests() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()), *buy(6, reds()))
    shop.write(OTHER_GUEST, *buy(7, reds())[:-3], *choose(7, to=OTHER_PAYEE))
    outcome = shop.write(CLERK, patch("remove", "Manifest", "Payees", CHAIN, PAYEE))

    states = {order: [one.state for one in shop.requests(order)] for order in (5, 6, 7)}
    assert states == {5: [RequestState.WITHDRAWN], 6: [RequestState.WITHDRAWN], 7: [RequestState.WAITING]}
    (alert,) = outcome.alerts
    assert (alert.kind, alert.place) == (AlertKind.WITHDRAWN_PAYEE, (CHAIN, PAYEE))
    assert len(alert.request_ids) == 2
    assert shop.order_state(5) is UNPAID


def test_withdrawing_many_requests_is_work() -> None:
    """One patch of a few bytes, for as many requests as customers have made."""

    def spent(orders: int) -> int:
        shop = a_checkout()
        for order in range(1, orders + 1):
            shop.write(GUEST, *buy(order, reds()))
        shop.write(CLERK, patch("remove", "Manifest", "Payees", CHAIN, PAYEE))
        states = [shop.requests(order)[0].state for order in range(1, orders + 1)]
        assert states == [RequestState.WITHDRAWN] * orders
        return shop.work.spent

    assert spent(5) >= spent(1) + 4 * 150


def test_a_currency_that_goes_withdraws_all_but_what_was_seen() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()), *buy(6, reds()))
    (request,) = shop.requests(5)
    shop.records.requests.enter({request.id: replace(request, state=RequestState.SEEN)})
    left = MANIFEST | {"AcceptedCurrencies": {CHAIN: {NATIVE: {}}}}
    outcome = shop.write(CLERK, patch("replace", "Manifest", value=left))

    assert [shop.requests(order)[0].state for order in (5, 6)] == [RequestState.SEEN, RequestState.WITHDRAWN]
    assert [alert.kind for alert in outcome.alerts] == [AlertKind.WITHDRAWN_CURRENCY]


def test_a_payee_that_is_back_after_the_whole_set_withdraws_nothing() -> None:
    shop = unpaid_shop()
    back = patch("add", "Manifest", "Payees", CHAIN, PAYEE, value={"CallAsContract": True})
    outcome = shop.write(CLERK, patch("remove", "Manifest", "Payees", CHAIN, PAYEE), back)

    assert outcome.alerts == ()
    assert [one.state for one in shop.requests(5)] == [RequestState.WAITING]


@pytest.mark.parametrize("gone", [("Payees", PAYEE), ("AcceptedCurrencies", TOKEN)])
def test_what_goes_between_its_choice_and_the_state_is_refused(gone: tuple[str, bytes]) -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds())[:-1])
    shop.write(CLERK, patch("remove", "Manifest", gone[0], CHAIN, gone[1]))

    assert what(shop.refused(GUEST, move(5, CHOSEN))) == INV


# -- reservations and their ends


def test_an_hour_from_the_commit_then_an_hour_from_the_first_choice() -> None:
    shop = a_checkout()
    shop.write(GUEST, add_order(5, reds()), address(5), move(5, COMMITTED))
    shop.now += HOUR - 1
    assert shop.reserved(RED) == 1
    shop.write(GUEST, *choose(5))
    shop.now += HOUR - 1
    assert shop.reserved(RED) == 1
    shop.write(GUEST, *choose(5, NATIVE))
    shop.now += 1

    assert shop.reserved(RED) == 0


def test_a_lapsed_reservation_is_made_again_for_a_new_request_if_there_is_stock() -> None:
    shop = a_checkout(stock=1)
    shop.write(GUEST, *buy(5, reds()))
    shop.now += HOUR
    shop.write(OTHER_GUEST, add_order(6, reds()), move(6, COMMITTED))
    assert what(shop.refused(GUEST, *choose(5, NATIVE))) == oos(SHIRT)
    shop.write(OTHER_GUEST, *cancel(6))
    shop.write(GUEST, *choose(5, NATIVE))

    assert shop.reserved(RED) == 1
    shop.now += HOUR - 1
    assert shop.reserved(RED) == 1


def test_reopening_gives_the_stock_back_and_starts_no_new_hour() -> None:
    shop = a_checkout(stock=1)
    shop.write(GUEST, add_order(5, reds()), move(5, COMMITTED))
    shop.now += 1800
    shop.write(GUEST, move(5, OPEN))
    assert shop.reserved(RED) == 0
    shop.write(GUEST, move(5, COMMITTED))
    shop.now += 1800

    assert shop.reserved(RED) == 0
    shop.write(GUEST, move(5, OPEN), move(5, COMMITTED))
    shop.now += HOUR - 1
    assert shop.reserved(RED) == 1


def test_committing_a_committed_order_prolongs_nothing() -> None:
    shop = a_checkout(stock=1)
    shop.write(GUEST, add_order(5, reds()), move(5, COMMITTED))
    shop.now += 1800
    shop.write(GUEST, move(5, COMMITTED))
    shop.now += 1800

    assert shop.reserved(RED) == 0
    shop.write(GUEST, move(5, COMMITTED))
    assert shop.reserved(RED) == 0


@pytest.mark.parametrize("by", [GUEST, CLERK])
def test_canceling_gives_the_stock_back(by: int) -> None:
    shop = a_checkout(stock=1)
    shop.write(GUEST, *buy(5, reds()))
    shop.write(by, *cancel(5))

    assert shop.reserved(RED) == 0


def test_a_commit_takes_effect_at_its_patch() -> None:
    shop = a_checkout(stock=1)
    order = [add_order(5, reds(2)), move(5, COMMITTED)]
    more = patch("increment", "Inventory", SHIRT, "red", value=1)
    assert what(shop.refused(CLERK, *order, more)) == oos(SHIRT)
    shop.write(CLERK, more, *order)

    assert shop.reserved(RED) == 2


def test_orders_of_one_set_do_not_share_stock() -> None:
    shop = a_checkout(stock=3)
    orders = [one for order in (5, 6) for one in (add_order(order, reds(2)), move(order, COMMITTED))]

    assert what(shop.refused(GUEST, *orders)) == oos(SHIRT)
    assert shop.reserved(RED) == 0


def test_a_refused_set_leaves_no_trace() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    shop.refused(GUEST, *buy(6, reds(5)), move(5, PAID))

    assert shop.reserved(RED) == 1
    assert shop.requests(6) == ()
    shop.write(GUEST, *buy(6, reds(9)))
    assert shop.details(6)["TTL"] == NOW + DAY


# -- bounds of a guest


def test_a_guest_has_so_many_live_orders_at_most() -> None:
    shop = a_checkout()
    shop.write(GUEST, *[add_order(order, reds()) for order in range(1, 101)])

    assert what(shop.refused(GUEST, add_order(101, reds()))) == INV
    shop.write(OTHER_GUEST, add_order(101, reds()))
    shop.write(CLERK, add_order(102, reds()))
    shop.write(GUEST, *cancel(1), add_order(103, reds()))
    shop.write(GUEST, patch("remove", "Orders", 2), add_order(104, reds()))
    assert what(shop.refused(GUEST, add_order(105, reds()))) == INV


def test_units_are_counted_over_all_orders_of_a_set() -> None:
    shop = a_checkout()
    reservations = replace(shop.limits.reservations, units_per_card=3)
    shop.limits = replace(shop.limits, reservations=reservations)
    orders = [one for order in (5, 6) for one in (add_order(order, reds(2)), move(order, COMMITTED))]
    assert what(shop.refused(GUEST, *orders)) == INV
    # What one of them gives back, another may have.
    shop.write(GUEST, *orders[:2], move(5, OPEN), *orders[2:])

    assert shop.reserved(RED) == 2


def test_a_guest_has_so_many_units_reserved_at_most() -> None:
    shop = a_checkout(stock=30_000)
    shop.write(GUEST, add_order(5, reds(9_999)), move(5, COMMITTED), add_order(6, reds(2)))

    assert what(shop.refused(GUEST, move(6, COMMITTED))) == INV
    shop.write(CLERK, add_order(7, reds(20_000)), move(7, COMMITTED))
    shop.now += HOUR
    shop.write(GUEST, move(6, COMMITTED))
    assert shop.reserved(RED) == 2


# -- what vanishes


def test_a_variation_that_vanishes_cancels_the_orders_in_checkout_that_contain_it() -> None:
    shop = a_checkout()
    blue = inventory_key(SHIRT, ("blue",))
    shop.write(CLERK, patch("add", "Inventory", SHIRT, "blue", value=5))
    shop.write(GUEST, *buy(5, reds()), add_order(6, reds()), move(6, COMMITTED), add_order(7, reds()))
    shop.write(GUEST, *buy(8, item(SHIRT, 1, "blue")), *buy(9, item(SHIRT, 0, "red"), item(SHIRT, 1, "blue")))
    outcome = shop.write(CLERK, patch("remove", "Listings", SHIRT, "Options", "o", "Variations", "red"))

    states = {order: shop.order_state(order) for order in range(5, 10)}
    assert states == {5: CANCELED, 6: CANCELED, 7: OPEN, 8: UNPAID, 9: UNPAID}
    assert [ops(patches) for patches in outcome.patches] == [CANCELS] * 2
    assert shop.reserved(RED) == 0
    assert shop.reserved(blue) == 2


def test_what_a_customer_took_out_of_the_cart_takes_no_order_with_it_when_it_vanishes() -> None:
    cap = 2
    stock = {RED: 10, inventory_key(cap): 10}
    shop = CheckoutShop(a_shop([listing(SHIRT, 1000, "red"), listing(cap)], stock))
    # As web shops do: it stays in the order, with a quantity of 0.
    taken_out = item(SHIRT, 0, "red")
    shop.write(GUEST, *buy(5, item(cap), taken_out), add_order(6, item(cap), taken_out), move(6, COMMITTED))
    before = shop.order(5)["PaymentDetails"]
    outcome = shop.write(CLERK, patch("remove", "Listings", SHIRT))

    assert outcome.patches == ()
    assert (shop.order_state(5), shop.order_state(6)) == (UNPAID, COMMITTED)
    # It can still be paid, and the page that says so be loaded again.
    shop.write(GUEST, *choose(5))
    assert shop.order(5)["PaymentDetails"] == before
    # A new request would have to name the listing's hash; the customer is told which one is the matter.
    assert what(shop.refused(GUEST, address(6), *choose(6))) == nf(SHIRT)
    shop.write(GUEST, move(6, OPEN), patch("remove", "Orders", 6, "Items", 1), move(6, COMMITTED))
    shop.write(GUEST, address(6), *choose(6))
    assert shop.order_state(6) is UNPAID


@pytest.mark.parametrize(
    "gone",
    [
        patch("remove", "Listings", SHIRT),
        patch("replace", "Listings", SHIRT, value=listing(SHIRT, 1000, "blue")),
        patch("replace", "Listings", SHIRT, "Options", value={}),
        patch("replace", "Listings", SHIRT, "Options", "o", value={"Title": "o"}),
        patch("remove", "Listings", SHIRT, "Options", "o"),
    ],
    ids=lambda one: "-".join(map(str, (one.op, *one.path[2:]))),
)
def test_whatever_makes_it_vanish(gone: Patch) -> None:
    shop = unpaid_shop()
    shop.write(CLERK, gone)

    assert shop.order_state(5) is CANCELED


def test_a_half_canceled_order_is_canceled_as_a_client_began_it() -> None:
    shop = unpaid_shop()
    shop.write(GUEST, cancel(5)[0])
    at = shop.order(5)["CanceledAt"]
    assert shop.order_state(5) is UNPAID
    outcome = shop.write(CLERK, patch("remove", "Listings", SHIRT))

    assert [ops(patches) for patches in outcome.patches] == [[("replace", "State")]]
    assert shop.order(5)["CanceledAt"] == at


def test_what_an_order_is_made_of_can_be_bought_no_more_by_others() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds())[:-1])
    remove = patch("remove", "Listings", SHIRT, "Options", "o", "Variations", "red")
    outcome = shop.write(CLERK, move(5, CHOSEN), remove)

    assert shop.order_state(5) is CANCELED
    assert [len(patches) for patches in outcome.patches] == [2]
    assert shop.requests(5) == ()


def test_an_order_that_is_canceled_is_not_priced_anew() -> None:
    shop = unpaid_shop()
    outcome = shop.write(CLERK, address(5, "replace", Country="NZ"), patch("remove", "Listings", SHIRT))

    assert [ops(patches) for patches in outcome.patches] == [CANCELS]
    assert outcome.records.requests == {}
    assert outcome.records.closed == (number(5),)


def test_five_thousand_orders_are_canceled_by_looking_at_no_other() -> None:
    costs = {}
    for others in (0, 2000):
        shop = CheckoutShop(a_shop([listing(SHIRT, 1000, "red", "blue")], {}))
        for start in range(1, 5001, 250):
            shop.write(CLERK, *[add_order(order, reds(), state=3) for order in range(start, start + 250)])
        for start in range(10_000, 10_000 + others, 250):
            blues = [add_order(one, item(SHIRT, 1, "blue"), state=3) for one in range(start, start + 250)]
            shop.write(CLERK, *blues)
        outcome = shop.write(CLERK, patch("remove", "Listings", SHIRT, "Options", "o", "Variations", "red"))
        costs[others] = shop.work.spent
        assert len(outcome.patches) == 5000
        sets = relay_sets(outcome.patches)
        assert [len(one) for one in sets] == [1024] * 9 + [784]
        assert {shop.order_state(order) for order in range(1, 5001)} == {CANCELED}

    assert costs[2000] == costs[0]


# -- the log alone


def test_a_replay_of_the_log_needs_nothing_else() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, reds()))
    shop.write(GUEST, *choose(5, NATIVE))
    shop.write(GUEST, address(5, "replace", Country="NZ"))
    shop.write(OTHER_GUEST, *buy(6, reds(2)), cancel(6)[0])
    shop.write(CLERK, patch("remove", "Listings", SHIRT))

    assert shop.replayed().root_hash == shop.state.root_hash


def test_errors_have_the_codes_of_the_spec() -> None:
    assert (INV[0], nf(1)[0], oos(1)[0]) == (Code.INVALID, Code.NOT_FOUND, Code.OUT_OF_STOCK)


# -- requests against a naive model


@dataclass
class Asked:
    """A request as the model has it."""

    region: str
    price: int
    payee: bytes
    ttl: int
    state: RequestState = RequestState.WAITING


@dataclass
class Buyer:
    """An unpaid order as the model has it. shown: the place of the request that its details are of."""

    country: str
    payee: bytes
    asked: list[Asked] = field(default_factory=list)
    shown: int = 0


PAYEES = [PAYEE, OTHER_PAYEE]
COUNTRIES = ["DE", "NZ", "FR"]
OPEN_STATES = (RequestState.WAITING, RequestState.SHORT, RequestState.SEEN)


class Requests(RuleBasedStateMachine):
    """Unpaid orders of a shop whose payees, regions and prices come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = CheckoutShop(a_shop([listing(SHIRT, 1000, "red")], {RED: 10**6}))
        self.price = 1000
        self.payees, self.regions = set(PAYEES), {"default", "home", "far"}
        self.buyers: dict[int, Buyer] = {}

    def region(self, country: str) -> str | None:
        name = {"DE": "home", "NZ": "far"}.get(country, "default")
        return next((one for one in (name, "default") if one in self.regions), None)

    def answer(self, buyer: Buyer) -> Buyer | None:
        """The buyer as a choice leaves it, None if it is refused."""
        region = self.region(buyer.country)
        if buyer.payee not in self.payees or region is None:
            return None
        price, now = self.price + 500 * (region == "far"), self.shop.now
        for place in reversed(range(len(buyer.asked))):
            one = buyer.asked[place]
            same = (one.region, one.price, one.payee) == (region, price, buyer.payee)
            if same and one.state in OPEN_STATES and one.ttl - now >= DAY // 2:
                return dataclasses.replace(buyer, shown=place)
        if sum(one.ttl >= now for one in buyer.asked) >= 10:
            return None
        return dataclasses.replace(
            buyer, asked=[*buyer.asked, Asked(region, price, buyer.payee, 0)], shown=len(buyer.asked)
        )

    def relocate(self, buyer: Buyer, country: str) -> tuple[Buyer, bool]:
        """The buyer with the requests that another country supersedes, and whether there are any."""
        region = self.region(country)
        asked = [dataclasses.replace(one) for one in buyer.asked]
        settling = (*OPEN_STATES, RequestState.UNPROVEN)
        others = [one for one in asked if one.state in settling and one.region != region]
        if country == buyer.country:
            others = []
        for one in others:
            one.state = RequestState.SUPERSEDED
        return dataclasses.replace(buyer, country=country, asked=asked), bool(others)

    def expect(self, order: int, after: Buyer | None, *patches: Patch) -> None:
        if after is None:
            assert what(self.shop.refused(CLERK, *patches)) == INV
            return
        self.shop.write(CLERK, *patches)
        for one, request in zip(after.asked, self.shop.requests(order), strict=True):
            one.ttl = one.ttl or request.request.ttl
        self.buyers[order] = after

    def some(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.buyers)))

    @rule(country=st.sampled_from(COUNTRIES), payee=st.sampled_from(PAYEES))
    @precondition(lambda self: len(self.buyers) < 3)
    def buy(self, country: str, payee: bytes) -> None:
        order = len(self.buyers) + 1
        if payee in self.payees:
            patches = [add_order(order, reds()), address(order, Country=country), move(order, COMMITTED)]
            self.expect(order, self.answer(Buyer(country, payee)), *patches, *choose(order, to=payee))

    @rule(data=st.data(), payee=st.sampled_from(PAYEES), again=st.booleans())
    @precondition(lambda self: self.buyers)
    def choose(self, data: st.DataObject, payee: bytes, again: bool) -> None:
        order = self.some(data)
        buyer = self.buyers[order]
        if again:
            self.expect(order, self.answer(buyer), move(order, CHOSEN))
        elif payee in self.payees:
            self.expect(order, self.answer(dataclasses.replace(buyer, payee=payee)), *choose(order, to=payee))

    @rule(data=st.data(), country=st.sampled_from(COUNTRIES), chooses=st.booleans())
    @precondition(lambda self: self.buyers)
    def move_house(self, data: st.DataObject, country: str, chooses: bool) -> None:
        order = self.some(data)
        after, is_superseded = self.relocate(self.buyers[order], country)
        patches = [address(order, "replace", Country=country), *[move(order, CHOSEN)] * chooses]
        self.expect(order, self.answer(after) if is_superseded or chooses else after, *patches)

    @rule(data=st.data())
    @precondition(lambda self: self.buyers)
    def rename(self, data: st.DataObject) -> None:
        order = self.some(data)
        name = patch("replace", "Orders", order, "ShippingAddress", "Name", value="B")
        self.expect(order, self.buyers[order], name)

    @rule(price=st.sampled_from([1000, 2000]))
    def reprice(self, price: int) -> None:
        self.price = price
        self.shop.write(CLERK, patch("replace", "Listings", SHIRT, "Price", value=price))

    @rule(payee=st.sampled_from(PAYEES))
    def turn_payee(self, payee: bytes) -> None:
        path = ("Manifest", "Payees", CHAIN, payee)
        if payee in self.payees:
            self.shop.write(CLERK, patch("remove", *path))
            for one in [one for buyer in self.buyers.values() for one in buyer.asked]:
                if one.payee == payee and one.state in (RequestState.WAITING, RequestState.SHORT):
                    one.state = RequestState.WITHDRAWN
        else:
            self.shop.write(CLERK, patch("add", *path, value={}))
        self.payees ^= {payee}

    @rule(name=st.sampled_from(["default", "home", "far"]))
    def turn_region(self, name: str) -> None:
        path = ("Manifest", "ShippingRegions", name)
        is_there = name in self.regions
        if is_there and len(self.regions) > 1:
            self.shop.write(CLERK, patch("remove", *path))
            self.regions.remove(name)
        elif not is_there:
            self.shop.write(CLERK, patch("add", *path, value=MANIFEST["ShippingRegions"][name]))
            self.regions.add(name)

    @rule(
        data=st.data(), state=st.sampled_from([RequestState.SHORT, RequestState.SEEN, RequestState.UNPROVEN])
    )
    @precondition(lambda self: self.buyers)
    def money(self, data: st.DataObject, state: RequestState) -> None:
        order = self.some(data)
        place = data.draw(st.integers(0, len(self.buyers[order].asked) - 1))
        if self.buyers[order].asked[place].state in OPEN_STATES:
            request = self.shop.requests(order)[place]
            self.shop.records.requests.enter({request.id: replace(request, state=state)})
            self.buyers[order].asked[place].state = state

    @rule(seconds=st.sampled_from([1, DAY // 2 - 5, DAY // 2]))
    def wait(self, seconds: int) -> None:
        self.shop.now += seconds

    @invariant()
    def requests_are_those_of_the_model(self) -> None:
        for order, buyer in self.buyers.items():
            requests = self.shop.requests(order)
            found = [
                Asked(one.region, one.price, one.request.payee, one.request.ttl, one.state)
                for one in requests
            ]
            assert found == buyer.asked
            assert self.shop.details(order)["PaymentID"] == requests[buyer.shown].id
            assert self.shop.order_state(order) is UNPAID

    def teardown(self) -> None:
        assert self.shop.replayed().root_hash == self.shop.state.root_hash


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
