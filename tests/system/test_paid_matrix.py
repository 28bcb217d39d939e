"""Each way to pay, and what may happen to a payment: one table of both, in both variants of the contract."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pytest
from web3.exceptions import Web3Exception

from minirelay.dev.chain.process import DevChain
from minirelay.payments.alert_limits import MOST_OF_A_CARD
from minirelay.shop.order_states import OrderState
from minirelay.shop.payment_request import PaymentRequest
from tests.chain.faults import ShortRanges
from tests.chain.faulty_proxy import faulty_proxies
from tests.chain.provider_words import RANGES
from tests.chain_fixtures import rpc
from tests.system.paid_orders import CANCELED, PAID, UNPAID, PaidOrders
from tests.system.payers import ROUTES, Route

TTL_PASSES_S: Final = 86_500


@dataclass(frozen=True)
class Outcome:
    """The states of an order and its request in the end, and the alerts. is_refused: nobody can pay so."""

    order: OrderState
    request: str
    alerts: tuple[str, ...] = ()
    is_refused: bool = False


@dataclass(frozen=True)
class Case:
    """What happens. amounts: that are paid, of a total. before, after: they are.

    to_address: what comes of it where coins or tokens are transferred, which anybody can do with any amount;
    by_call: of a call of the contract.
    """

    amounts: Callable[[int], Sequence[int]]
    to_address: Outcome
    by_call: Outcome
    before: str = ""
    after: str = ""
    is_wrong: bool = False


def _all(total: int) -> Sequence[int]:
    return (total,)


def _halves(total: int) -> Sequence[int]:
    return (total // 2, total - total // 2)


PAID_WHOLE: Final = Outcome(PAID, "paid")
REFUSED: Final = Outcome(UNPAID, "waiting", is_refused=True)
EXPIRED: Final = Outcome(CANCELED, "expired", is_refused=True)
LATE: Final = Outcome(CANCELED, "late", ("late",))

CASES: Final = {
    "exact": Case(_all, PAID_WHOLE, PAID_WHOLE),
    "parts": Case(_halves, Outcome(PAID, "paid", ("short",)), REFUSED),
    "short": Case(lambda total: (total - 1,), Outcome(UNPAID, "short", ("short",)), REFUSED),
    "short for ever": Case(
        lambda total: (total - 1,),
        Outcome(CANCELED, "expired", ("short", "expired")),
        EXPIRED,
        after="the ttl passes",
    ),
    "over": Case(lambda total: (total + 5,), Outcome(PAID, "over", ("over",)), REFUSED),
    "late": Case(_all, LATE, EXPIRED, before="the ttl passes"),
    "after cancellation": Case(_all, LATE, LATE, before="it is canceled"),
    "wrong token": Case(
        _all, Outcome(CANCELED, "expired", ("stray",)), EXPIRED, after="the ttl passes", is_wrong=True
    ),
    "during a restart": Case(_all, PAID_WHOLE, PAID_WHOLE, before="the relay is down"),
}
EXCEPT: Final = {
    # The contract takes no more of a token than it is owed, whatever it is allowed to.
    ("over", "token by call"): PAID_WHOLE,
}


def outcome(name: str, route: Route) -> Outcome:
    """Look up what comes of a case where an order is paid in some way."""
    case = CASES[name]
    usual = case.to_address if route.takes_any_amount else case.by_call
    return EXCEPT.get((name, route.name), usual)


def pay_wrongly(orders: PaidOrders, route: Route, request: PaymentRequest) -> None:
    """Pay coins where a token is asked for, or the other way round."""
    payer, token = orders.payer, orders.payer.contracts.eddies
    if route.name == "token by address":
        payer.by_address(request, request.amount)
    elif route.name == "address":
        payer.send_token(token, payer.address_of(request), request.amount)
    elif route.is_token:
        payer.allow(token, 0)
        payer.by_call(request, request.amount)
    else:
        payer.allow(token, request.amount)
        route.pay(payer, request, 0)


def pay(orders: PaidOrders, name: str, route: Route, request: PaymentRequest, amount: int) -> None:
    """Pay as the case and the route are; what the contract refuses, moves nothing."""
    try:
        if CASES[name].is_wrong:
            pay_wrongly(orders, route, request)
        else:
            route.pay(orders.payer, request, amount)
    except (AssertionError, Web3Exception):
        is_refused = True
    else:
        is_refused = False
    assert is_refused is outcome(name, route).is_refused, (name, route.name)


@dataclass
class Matrix:
    """All routes of a case, on one relay."""

    orders: PaidOrders
    name: str
    made: list[tuple[Route, int, PaymentRequest]]

    @classmethod
    async def begin(cls, orders: PaidOrders, name: str) -> "Matrix":
        """Order once for each route."""
        return cls(orders, name, [(one, *await orders.order(is_token=one.is_token)) for one in ROUTES])

    async def happen(self, what: str) -> None:
        """Let something happen to all orders."""
        for _, order, _ in self.made:
            if what == "it is canceled":
                await self.orders.cancel(order)
        if what == "the ttl passes":
            self.orders.pass_time(TTL_PASSES_S)
            for route, order, _ in self.made:
                if outcome(self.name, route).order is CANCELED:
                    await self.orders.until(order, CANCELED)

    async def pay(self) -> None:
        """Pay all; each part is seen before the next one comes."""
        for route, _, request in self.made:
            for number, amount in enumerate(CASES[self.name].amounts(request.amount)):
                if number and not outcome(self.name, route).is_refused:
                    await self.orders.until_row(request, "short")
                await asyncio.to_thread(pay, self.orders, self.name, route, request, amount)

    async def check(self) -> None:
        """Compare what comes of it with the table."""
        expected = {one.name: outcome(self.name, one) for one, _, _ in self.made}
        for route, _, request in self.made:
            await self.orders.until_row(request, expected[route.name].request)
        await self.orders.polled(3)
        found = {
            route.name: (
                self.orders.clerk_state(order),
                self.orders.row(request),
                self.orders.told_of(request),
            )
            for route, order, request in self.made
        }
        told = Counter[str]()
        for name, one in expected.items():
            # One guest's payments fill nobody's list.
            alerts = [kind for kind in one.alerts if told[kind] < MOST_OF_A_CARD]
            told.update(one.alerts)
            assert found[name] == (one.order, one.request, alerts), name
        paid = [order for route, order, _ in self.made if expected[route.name].order is PAID]
        await self.orders.clerk_view.wait_for(lambda _: self.orders.sold() == len(paid))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "down" not in case.before])
async def test_what_comes_of_each_way_to_pay(orders: PaidOrders, name: str) -> None:
    async with orders.relay():
        matrix = await Matrix.begin(orders, name)
        await matrix.happen(CASES[name].before)
        await matrix.pay()
        await matrix.happen(CASES[name].after)
        await matrix.check()


async def test_what_is_paid_in_time_during_a_long_restart_is_paid_each_way(
    orders: PaidOrders, dev_chain: DevChain
) -> None:
    async with orders.relay():
        matrix = await Matrix.begin(orders, "during a restart")
    await matrix.pay()
    rpc(orders.payer.w3, "anvil_mine", hex(60))
    orders.pass_time(2 * 86_400)
    async with faulty_proxies(dev_chain.rpc_url, 1) as (proxy,):
        # It serves the logs of five blocks at a time.
        proxy.fault = fault = ShortRanges(5, RANGES[0])
        async with orders.relay(chains__31337__rpc_urls=[str(proxy.url)]):
            await matrix.check()
        assert fault.largest > 5
