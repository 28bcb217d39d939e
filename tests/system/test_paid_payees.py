"""Whom the money is for: one payee of two shops, and payees that need more gas than a payment leaves them."""

import asyncio

import pytest

from minirelay.client.errors import RelayRefused
from minirelay.errors import Code
from minirelay.payments.address_balance import PART_INTERVAL_S
from tests.chain_fixtures import rpc
from tests.contracts.deploying import artifact, deploy
from tests.dev.contracts.contract_calls import PAYEE
from tests.system.paid_orders import PAID, STOCK, UNPAID, PaidOrders
from tests.system.payers import Payer

# -- 13: two shops with one payee


async def test_orders_of_two_shops_with_one_payee_are_paid_each_by_its_own(shop: PaidOrders) -> None:
    async with shop.beside(4711) as other:
        made = [(one, *await one.order(is_token=True)) for one in (shop, other, shop, other)]
        requests = [request for _, _, request in made]
        assert len({(one.payee, one.currency, one.amount) for one in requests}) == 1
        assert len({one.shop_id for one in requests}) == 2
        paid = set[int]()
        # Each shop is paid in both ways, and another one's turn comes first.
        for place, pay in (
            (3, Payer.token_by_call),
            (0, Payer.token_by_address),
            (2, Payer.token_by_call),
            (1, Payer.token_by_address),
        ):
            one, order, request = made[place]
            await asyncio.to_thread(pay, shop.payer, request, request.amount)
            await one.until(order, PAID)
            await shop.polled()
            paid.add(order)
            assert {number for one, number, _ in made if one.state(number) is PAID} == paid
        assert (shop.stock(), other.stock()) == (STOCK - 2, STOCK - 2)
    assert shop.alerts() == []


# -- 17: payees that need more than 2,300 gas


async def test_a_payee_that_needs_more_gas_is_refused_at_the_choice_in_coins_alone(shop: PaidOrders) -> None:
    hungry = bytes.fromhex(deploy(shop.payer.w3, "HungryPayee").address[2:])
    await shop.let_pay_to(hungry)
    with pytest.raises(RelayRefused, match="this payee can't be paid in this coin") as refused:
        await shop.order(payee=hungry)
    assert refused.value.code is Code.INVALID
    assert shop.rows("SELECT count(*) FROM payment_request") == [(0,)]
    # A token's transfer does not run the payee's code.
    order, request = await shop.order(payee=hungry, is_token=True)
    await asyncio.to_thread(shop.payer.token_by_call, request, request.amount)
    await shop.until(order, PAID)


def make_hungry(shop: PaidOrders) -> None:
    """Let the payee's address have code that needs more than 2,300 gas, as a delegation can give it."""
    rpc(shop.payer.w3, "anvil_setCode", PAYEE, artifact("HungryPayee")["deployedBytecode"])


async def test_who_pays_to_the_address_of_a_payee_that_got_hungry_has_paid(shop: PaidOrders) -> None:
    order, request = await shop.order()
    make_hungry(shop)
    await asyncio.to_thread(shop.payer.by_address, request, request.amount)
    await shop.until(order, PAID)
    await shop.polled()
    assert (shop.row(request), shop.stock(), shop.alerts()) == ("paid", STOCK - 1, [])


async def test_what_a_stranger_locks_at_an_address_of_a_hungry_payee_is_told_urgently(
    deployed: PaidOrders,
) -> None:
    order, request = await deployed.order()
    make_hungry(deployed)
    half = request.amount // 2
    await asyncio.to_thread(deployed.payer.by_address, request, half)
    await deployed.until_row(request, "short")
    await asyncio.to_thread(deployed.payer.sweep, request)
    address = deployed.payer.address_of(request)
    w3 = deployed.payer.w3
    # The sweeper is there, and so is the money, for ever.
    assert (w3.eth.get_transaction_count(address), w3.eth.get_balance(address)) == (1, half)
    # What is a part only is looked at so closely only now and then.
    deployed.pass_time(PART_INTERVAL_S + 60)
    await deployed.polled()
    await deployed.until_row(request, "unproven")
    told = deployed.rows("SELECT kind, is_urgent FROM alert ORDER BY id")
    assert ("dead address", 1) in told
    # What lies there is in nobody's reach: it pays nothing, and the order has another address.
    await deployed.polled()
    assert (deployed.state(order), deployed.stock()) == (UNPAID, STOCK)
    again = await deployed.choose(order, is_token=True)
    assert deployed.payer.address_of(again) != address
    await asyncio.to_thread(deployed.payer.token_by_call, again, again.amount)
    await deployed.until(order, PAID)
