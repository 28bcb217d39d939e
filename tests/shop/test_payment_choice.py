"""Spec 06 "Payment choice": what is checked, in which order, and what a choice is answered with."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from minirelay.errors import Code
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.shop.checkout_facts import (
    UNKNOWN,
    ChainHead,
    FactsMissing,
    HeadOf,
    PayeeOf,
    RateOf,
    TokenFacts,
    TokenOf,
)
from minirelay.shop.payment_request import PaymentRequest, payment_id
from minirelay.shop.quote import Rate
from minirelay.shop.state import id_key, inventory_key
from tests.shop.checkouts import (
    CHAIN,
    CLERK,
    COMMITTED,
    DAY,
    GUEST,
    HOUR,
    INV,
    LIMITS,
    MANIFEST,
    NOW,
    OTHER_GUEST,
    UNPAID,
    CheckoutShop,
    a_shop,
    add_order,
    address,
    buy,
    choose,
    item,
    listing,
    move,
    nf,
    oos,
    what,
)
from tests.shop.patching import NATIVE, OTHER_PAYEE, PAYEE, TOKEN, patch

CAP, MUG = 1, 2
PLAIN = inventory_key(CAP)
OTHER_CHAIN = 5
ZERO = bytes(20)


def a_checkout(stock: int = 10, **world: Any) -> CheckoutShop:
    """A cap in stock; the manifest has a payee and a currency on a second chain, and the zero address."""
    manifest = MANIFEST | {
        "Payees": {CHAIN: {one: {} for one in (PAYEE, OTHER_PAYEE, ZERO)}, OTHER_CHAIN: {PAYEE: {}}},
        "AcceptedCurrencies": {CHAIN: {NATIVE: {}, TOKEN: {}}, OTHER_CHAIN: {TOKEN: {}}, 324: {TOKEN: {}}},
    }
    manifest["Payees"][324] = {PAYEE: {}}
    return CheckoutShop(a_shop([listing(CAP, 1000), listing(MUG, 1)], {PLAIN: stock}, manifest), **world)


def committed(shop: CheckoutShop, **changed: str) -> CheckoutShop:
    shop.write(GUEST, add_order(5, item(CAP, 2)), address(5, **changed), move(5, COMMITTED))
    return shop


# -- every check, and that those before it come first

Break = Callable[[CheckoutShop], Iterable[Patch]]


def manifest_without(*path: Any) -> Break:
    def take(shop: CheckoutShop) -> Iterable[Patch]:
        shop.write(CLERK, patch("remove", "Manifest", *path))
        return ()

    return take


def lose_stock(shop: CheckoutShop) -> Iterable[Patch]:
    shop.now += HOUR
    shop.write(OTHER_GUEST, add_order(6, item(CAP, 10)), move(6, COMMITTED))
    return ()


def lose_listing(shop: CheckoutShop) -> Iterable[Patch]:
    shop.write(CLERK, patch("replace", "Listings", CAP, "ViewState", value=2))
    return ()


def lose_regions(shop: CheckoutShop) -> Iterable[Patch]:
    shop.write(CLERK, patch("replace", "Manifest", "ShippingRegions", value={}))
    return ()


def lose_chain(shop: CheckoutShop) -> Iterable[Patch]:
    shop.chains[CHAIN] = ChainHead(1, shop.now, shop.now - 601)
    return ()


def stop_chain(shop: CheckoutShop) -> Iterable[Patch]:
    shop.chains[CHAIN] = ChainHead(1, shop.now - HOUR - 1, shop.now)
    return ()


def refuse_payee(shop: CheckoutShop) -> Iterable[Patch]:
    shop.payees[CHAIN, PAYEE] = False
    return ()


def break_token(shop: CheckoutShop) -> Iterable[Patch]:
    shop.tokens[CHAIN, TOKEN] = TokenFacts(19)
    return ()


def raise_price(shop: CheckoutShop) -> Iterable[Patch]:
    shop.write(CLERK, patch("replace", "Listings", CAP, "Price", value=2**255))
    return ()


def allow_no_request(shop: CheckoutShop) -> Iterable[Patch]:
    shop.limits = replace(shop.limits, requests_per_order=0, requests_per_card_a_day=0)
    return ()


CHECKS: list[tuple[str, Break, tuple[Any, ...], str]] = [
    ("payee", manifest_without("Payees", CHAIN, PAYEE), INV, "payee any more"),
    ("listing", lose_listing, nf(CAP), "not published"),
    ("region", lose_regions, INV, "does not ship"),
    ("gas", refuse_payee, INV, "this payee can't be paid in this coin"),
    ("unread chain", lose_chain, INV, "the payment chain can't be reached now, try again"),
]


@pytest.mark.parametrize("first", range(len(CHECKS)))
def test_the_first_check_that_fails_is_told(first: int) -> None:
    for second in range(first, len(CHECKS)):
        shop = committed(a_checkout())
        shop.write(GUEST, *choose(5, NATIVE)[:-1])
        for _, break_it, _, _ in reversed(CHECKS[first : second + 1]):
            break_it(shop)
        refusal = shop.refused(GUEST, choose(5)[-1])
        assert what(refusal) == CHECKS[first][2]
        assert CHECKS[first][3] in refusal.message


@pytest.mark.parametrize("first", range(5))
def test_a_tokens_checks_come_behind_those_of_its_chain_and_before_counts(first: int) -> None:
    checks: list[tuple[Break, str]] = [
        (lose_chain, "can't be reached"),
        (stop_chain, "clock is ahead"),
        (break_token, "decimals"),
        (raise_price, "256 bits"),
        (allow_no_request, "at most 0 payment requests"),
    ]
    shop = committed(a_checkout())
    for break_it, _ in reversed(checks[first:]):
        break_it(shop)

    refusal = shop.refused(GUEST, *choose(5))
    assert what(refusal) == INV
    assert checks[first][1] in refusal.message


def test_a_price_is_converted_before_requests_are_counted() -> None:
    shop = committed(a_checkout(rate=False))
    allow_no_request(shop)

    assert shop.refused(GUEST, *choose(5, NATIVE)).message == "failed to establish conversion price"


def test_a_currency_that_the_manifest_does_not_have_any_more() -> None:
    shop = committed(a_checkout())
    shop.write(GUEST, *choose(5)[:-1])
    shop.write(CLERK, patch("remove", "Manifest", "AcceptedCurrencies", CHAIN, TOKEN))

    assert "accept this currency" in shop.refused(GUEST, choose(5)[-1]).message


def test_a_choice_needs_stock_before_an_address_that_is_shipped_to() -> None:
    shop = committed(a_checkout(), Country="FR")
    lose_stock(shop)
    lose_regions(shop)

    assert what(shop.refused(GUEST, *choose(5))) == oos(CAP)


def test_a_choice_holds_to_what_is_sold_also_with_a_reservation() -> None:
    shop = committed(a_checkout())
    lose_listing(shop)

    assert what(shop.refused(GUEST, *choose(5))) == nf(CAP)


def test_a_choice_without_anything_wanted_is_refused() -> None:
    shop = a_checkout()
    shop.write(GUEST, add_order(5, item(CAP, 0), state=3), address(5))

    assert what(shop.refused(GUEST, *choose(5))) == INV


@pytest.mark.parametrize(
    ("coin", "to", "chains", "message"),
    [
        ((TOKEN, OTHER_CHAIN), (PAYEE, CHAIN), {}, "same chain"),
        ((TOKEN, OTHER_CHAIN), (PAYEE, OTHER_CHAIN), {}, "no payments on chain 5"),
        ((TOKEN, 324), (PAYEE, 324), {324: None}, "addresses of another kind"),
        ((TOKEN, CHAIN), (ZERO, CHAIN), {}, "zero address"),
    ],
)
def test_where_nothing_can_be_paid(
    coin: tuple[bytes, int], to: tuple[bytes, int], chains: dict[int, None], message: str
) -> None:
    shop = committed(a_checkout(chains=chains))
    currency = patch("replace", "Orders", 5, "ChosenCurrency", value={"ChainID": coin[1], "Address": coin[0]})
    _, payee, state = choose(5, to=to[0], chain=to[1])

    refusal = shop.refused(GUEST, currency, payee, state)
    assert what(refusal) == INV
    assert message in refusal.message


def test_a_clock_far_ahead_of_the_chain_is_refused_but_in_development() -> None:
    shop = committed(a_checkout())
    stop_chain(shop)
    assert "clock is ahead" in shop.refused(GUEST, *choose(5)).message
    shop.chains[CHAIN] = ChainHead(1, shop.now - DAY, shop.now, is_development=True)
    shop.write(GUEST, *choose(5))

    assert shop.details(5)["TTL"] == shop.now + DAY


def test_an_hour_ahead_and_ten_minutes_old_are_still_good() -> None:
    shop = committed(a_checkout())
    shop.chains[CHAIN] = ChainHead(1, shop.now - HOUR, shop.now - 600)
    shop.write(GUEST, *choose(5))

    assert shop.order_state(5) is UNPAID


def test_a_chain_that_is_ahead_of_the_clock_gives_the_ttl() -> None:
    shop = committed(a_checkout())
    shop.chains[CHAIN] = ChainHead(77, shop.now + 30, shop.now)
    shop.write(GUEST, *choose(5))

    (request,) = shop.requests(5)
    assert request.request.ttl == shop.now + 30 + DAY
    assert (request.issued_at, request.issued_at_block) == (shop.now, 77)


UNUSABLE = [TokenFacts(None), TokenFacts(0), TokenFacts(19), TokenFacts(2, is_payable=False)]


@pytest.mark.parametrize("token", UNUSABLE)
def test_a_token_that_can_not_be_paid(token: TokenFacts) -> None:
    shop = committed(a_checkout())
    shop.tokens[CHAIN, TOKEN] = token

    assert what(shop.refused(GUEST, *choose(5))) == INV


def test_no_rate_is_told_as_the_spec_has_it() -> None:
    shop = committed(a_checkout())
    shop.rate = False
    assert shop.refused(GUEST, *choose(5, NATIVE)).message == "failed to establish conversion price"
    shop.write(GUEST, *choose(5, TOKEN))

    assert shop.details(5)["Total"] == 2000


def test_what_costs_something_costs_a_unit_at_least_and_nothing_costs_nothing() -> None:
    shop = a_checkout()
    coin = {"ChainID": CHAIN, "Address": NATIVE}
    shop.write(CLERK, patch("replace", "Manifest", "PricingCurrency", value=coin))
    shop.write(CLERK, patch("replace", "Listings", CAP, "Price", value=5))
    committed(shop).rate = Rate(1500, 1)
    shop.write(GUEST, *choose(5))
    assert shop.details(5)["Total"] == 1
    shop.write(CLERK, patch("replace", "Listings", CAP, "Price", value=0))
    shop.write(GUEST, *choose(5))

    assert shop.details(5)["Total"] == 0


# -- facts that are not known yet


def test_a_choice_waits_for_everything_that_it_needs_at_once() -> None:
    shop = committed(a_checkout(chains={CHAIN: None}))
    shop.tokens, shop.payees, shop.rate = {}, {}, UNKNOWN
    before = shop.state
    with pytest.raises(FactsMissing) as caught:
        shop.write(GUEST, *choose(5, NATIVE))

    assert caught.value.facts == {
        HeadOf(CHAIN),
        TokenOf((CHAIN, TOKEN)),
        PayeeOf((CHAIN, PAYEE)),
        RateOf((CHAIN, TOKEN), (CHAIN, NATIVE)),
    }
    assert shop.state is before


def test_several_choices_wait_together() -> None:
    shop = a_checkout()
    shop.tokens, shop.payees = {}, {}
    with pytest.raises(FactsMissing) as caught:
        shop.write(GUEST, *buy(5, item(CAP), coin=NATIVE), *buy(6, item(CAP)))

    assert caught.value.facts == {TokenOf((CHAIN, TOKEN)), PayeeOf((CHAIN, PAYEE))}


def test_nothing_is_waited_for_in_vain() -> None:
    shop = committed(a_checkout())
    shop.tokens = {}
    lose_regions(shop)

    assert "does not ship" in shop.refused(GUEST, *choose(5)).message


def test_a_pricing_currency_on_a_chain_that_is_not_configured_has_no_rate() -> None:
    shop = committed(a_checkout())
    elsewhere = {"ChainID": OTHER_CHAIN, "Address": TOKEN}
    shop.write(CLERK, patch("replace", "Manifest", "PricingCurrency", value=elsewhere))

    assert shop.refused(GUEST, *choose(5)).message == "failed to establish conversion price"


# -- how many requests


def test_an_order_has_ten_requests_at_a_time() -> None:
    shop = committed(a_checkout(stock=10))
    shop.write(GUEST, *choose(5))
    for price in range(1, 10):
        shop.write(CLERK, patch("replace", "Listings", CAP, "Price", value=price))
        shop.write(GUEST, *choose(5))
    assert len(shop.requests(5)) == 10
    shop.write(CLERK, patch("replace", "Listings", CAP, "Price", value=99))
    assert what(shop.refused(GUEST, *choose(5))) == INV

    shop.write(CLERK, patch("replace", "Listings", CAP, "Price", value=9))
    shop.write(GUEST, *choose(5))
    shop.write(CLERK, patch("replace", "Listings", CAP, "Price", value=99))
    shop.now += DAY
    assert what(shop.refused(GUEST, *choose(5))) == INV
    shop.now += 1
    shop.write(GUEST, *choose(5))
    assert len(shop.requests(5)) == 11


def test_superseded_requests_count_as_well() -> None:
    shop = committed(a_checkout(), Country="NZ")
    shop.write(GUEST, *choose(5))
    for turn in range(9):
        shop.write(GUEST, address(5, "replace", Country="DE" if turn % 2 == 0 else "NZ"))

    assert [request.is_open for request in shop.requests(5)] == [False] * 9 + [True]
    assert what(shop.refused(GUEST, address(5, "replace", Country="NZ"))) == INV


def test_a_guest_has_so_many_requests_a_day() -> None:
    shop = a_checkout(limits=replace(LIMITS, requests_per_card_a_day=3))
    shop.write(GUEST, *[one for order in (5, 6, 7) for one in buy(order, item(CAP))])
    assert what(shop.refused(GUEST, *buy(8, item(CAP)))) == INV
    shop.write(OTHER_GUEST, *buy(9, item(CAP)))
    shop.write(CLERK, *buy(10, item(CAP)))
    shop.now += DAY - 1
    assert what(shop.refused(GUEST, *buy(8, item(CAP)))) == INV
    shop.now += 1

    shop.write(GUEST, *buy(8, item(CAP)))


# -- what is written


def test_details_are_those_of_the_request() -> None:
    shop = a_checkout()
    outcome = shop.write(GUEST, *buy(5, item(CAP, 2), item(MUG, 0), item(CAP, 1)))
    details, (request,) = shop.details(5), shop.requests(5)

    assert details["Total"] == 3000
    assert details["ShopSignature"] == bytes(65)
    assert (
        details["PaymentID"]
        == request.id
        == payment_id(
            PaymentRequest(
                chain_id=CHAIN,
                ttl=NOW + DAY,
                currency=TOKEN,
                amount=3000,
                payee=PAYEE,
                shop_id=MANIFEST["ShopID"],
            )
        )
    )
    hashes = {snapshot.hash: snapshot.data for snapshot in outcome.snapshots}
    cap, mug, again = details["ListingHashes"]
    assert cap == again
    assert hashes == {
        cap: shop.state.get(ObjectType.LISTING, id_key(CAP)),
        mug: shop.state.get(ObjectType.LISTING, id_key(MUG)),
    }


def test_what_an_answer_costs_is_counted_by_its_items() -> None:
    spent = []
    for items in (1, 201):
        shop = a_checkout(stock=1000)
        shop.write(GUEST, add_order(5, *[item(CAP)] * items), address(5), move(5, COMMITTED))
        for _ in ("new", "again"):
            shop.write(GUEST, *choose(5))
            spent.append(shop.work.spent)
    new, again, large_new, large_again = spent

    assert new > again > 1000
    assert large_new - new > large_again - again > 200 * 40


def test_the_flag_of_a_payee_is_not_compared() -> None:
    shop = committed(a_checkout())
    flagged = {"Address": {"ChainID": CHAIN, "Address": PAYEE}, "CallAsContract": True}
    coin, _, state = choose(5)
    shop.write(GUEST, coin, patch("replace", "Orders", 5, "ChosenPayee", value=flagged), state)

    (request,) = shop.requests(5)
    assert not request.request.is_payment_endpoint
    assert request.payee == (CHAIN, PAYEE)


def test_refusals_have_the_codes_of_the_spec() -> None:
    assert INV == (Code.INVALID, None)


def test_a_new_request_costs_the_work_of_its_id_and_a_repeated_one_does_not() -> None:
    shop = committed(a_checkout())
    shop.write(GUEST, *choose(5))
    issuing = shop.work.spent
    shop.write(GUEST, *choose(5))
    assert len(shop.requests(5)) == 1
    assert issuing - shop.work.spent >= 1000


def test_the_requests_of_an_order_share_what_was_sold() -> None:
    """A guest's ten requests of a thousand items would take megabytes otherwise."""
    shop = CheckoutShop(a_shop([listing(1)], {inventory_key(1): 10}))
    shop.write(GUEST, *buy(5, item(1)))
    shop.write(GUEST, address(5, "replace", Country="NZ"))
    first, second = shop.requests(5)
    assert first.id != second.id
    assert first.listing_hashes is second.listing_hashes
    shop.write(CLERK, patch("replace", "Listings", 1, "Metadata", "Title", value="other"))
    shop.write(GUEST, address(5, "replace"))
    third = shop.requests(5)[-1]
    assert third.listing_hashes != second.listing_hashes
    assert shop.details(5)["ListingHashes"] == list(third.listing_hashes)
