"""Who does not pay is given nothing, and who pays is: a whole relay, a real chain."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from web3.contract import Contract
from web3.exceptions import Web3Exception

from minirelay.client import NewPatch
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.payment_request import PaymentRequest, abi_values
from tests.chain_fixtures import rpc
from tests.contracts.deploying import artifact, deploy
from tests.dev.contracts.contract_calls import PAYEE, PAYER, STRANGER, send
from tests.dev.contracts.payment_requests import Request, permit
from tests.shop.checkouts import ADDRESS
from tests.system.paid_orders import CAP, CHAIN, PAID, STOCK, UNPAID, PaidOrders


def attacker_on(shop: PaidOrders, victim: PaymentRequest) -> tuple[Contract, tuple[object, ...]]:
    """Deploy an attacker, aimed at a request; return it with a request of its own, which it is paid by."""
    payer = shop.payer
    attacker = deploy(payer.w3, "Attacker", payer.contracts.payments.address)
    send(attacker.functions.aim(abi_values(victim)), STRANGER)
    own = Request(ttl=victim.ttl, amount=1, payee_address=attacker.address, is_payment_endpoint=True)
    return attacker, tuple(own)


def forged_permit(shop: PaidOrders, request: PaymentRequest) -> bytes:
    """Sign the permit with which the deployed contract takes currency 0, as the payer."""
    w3, values = shop.payer.w3, Request(*abi_values(request))  # type: ignore[arg-type]
    named = values._replace(
        currency=w3.to_checksum_address(request.currency), payee_address=w3.to_checksum_address(request.payee)
    )
    return permit(shop.payer.contracts, named, nonce=0)


async def assert_unproven(shop: PaidOrders, order: int, request: PaymentRequest) -> None:
    await shop.until_row(request, "unproven")
    await shop.polled()
    assert (shop.state(order), shop.stock()) == (UNPAID, STOCK)
    assert [kind for kind, _ in shop.alerts()] == ["unproven"]


# -- 1: a contract that pays its own endpoint and comes back


@pytest.mark.parametrize("by", ["pays itself", "is paid"])
async def test_a_contract_that_comes_back_with_a_permit_for_nothing_pays_nothing(
    deployed: PaidOrders, by: str
) -> None:
    order, request = await deployed.order()
    attacker, own = attacker_on(deployed, request)
    if by == "is paid":
        await asyncio.to_thread(send, deployed.payer.function("pay", own), PAYER, 1)
    else:
        await asyncio.to_thread(send, attacker.functions.attack(own), PAYER, 1)
    await assert_unproven(deployed, order, request)
    # Who pays afterwards all the same, gets it.
    await asyncio.to_thread(deployed.payer.by_call, request, request.amount)
    await deployed.until(order, PAID)


# -- 2: a forged element beside an honest one


async def test_of_two_elements_one_of_which_is_forged_one_is_paid(deployed: PaidOrders) -> None:
    first, honest = await deployed.order()
    second, forged = await deployed.order(quantity=2)
    elements = [abi_values(honest), abi_values(forged)]
    signatures = [b"", forged_permit(deployed, forged)]
    paid = deployed.payer.function("multiPay", elements, signatures)
    await asyncio.to_thread(send, paid, PAYER, honest.amount)
    await deployed.until(first, PAID)
    await deployed.until_row(forged, "unproven")
    assert deployed.state(second) is UNPAID


# -- 3: a permit for nothing, alone


async def test_a_permit_for_no_currency_pays_nothing(deployed: PaidOrders) -> None:
    order, request = await deployed.order()
    paid = deployed.payer.function("payToken", abi_values(request), forged_permit(deployed, request))
    await asyncio.to_thread(send, paid, PAYER)
    await assert_unproven(deployed, order, request)


# -- 1 to 3, where the contract sees through it


@pytest.mark.parametrize("attack", ["pays itself", "is paid", "an element", "alone"])
async def test_the_development_contract_is_not_deceived(
    make_orders: Callable[[str], PaidOrders], attack: str
) -> None:
    async with make_orders("development").relay_of() as shop:
        order, request = await shop.order()
        attacker, own = attacker_on(shop, request)
        _, honest = await shop.order(quantity=2)
        permits = [b"", forged_permit(shop, request)]
        tried = {
            "pays itself": attacker.functions.attack(own),
            "is paid": shop.payer.function("pay", own),
            "an element": shop.payer.function("multiPay", [abi_values(honest), abi_values(request)], permits),
            "alone": shop.payer.function("payToken", abi_values(request), permits[1]),
        }[attack]
        value = {"alone": 0, "an element": honest.amount}.get(attack, 1)
        with suppress(AssertionError, Web3Exception):
            await asyncio.to_thread(send, tried, PAYER, value)
        await shop.polled()
        assert (shop.state(order), shop.row(request), shop.row(honest)) == (UNPAID, "waiting", "waiting")
        assert (shop.alerts(), shop.stock()) == ([], STOCK)


# -- 4: payees who pay themselves, sweep, and pay the gas


async def test_a_payee_that_pays_itself_has_paid(shop: PaidOrders) -> None:
    order, request = await shop.order()
    pay = shop.payer.function("pay", abi_values(request))
    payee = shop.payer.w3.to_checksum_address(PAYEE)
    await asyncio.to_thread(send, pay, payee, request.amount)
    await shop.until(order, PAID)


async def test_a_payee_that_sweeps_its_own_payment_is_paid(shop: PaidOrders) -> None:
    order, request = await shop.order()
    await asyncio.to_thread(shop.payer.by_address, request, request.amount)
    payee = shop.payer.w3.to_checksum_address(PAYEE)
    await asyncio.to_thread(send, shop.payer.function("processPayment", abi_values(request), payee), payee)
    await shop.until(order, PAID)
    await shop.polled()
    assert shop.row(request) == "paid"
    assert shop.alerts() == []


# -- 6, 7, 18: what changes while an order is unpaid


async def write_address(shop: PaidOrders, order: int, **changed: str) -> None:
    value: Any = {**ADDRESS, **changed}
    await shop.guest.write([NewPatch("replace", ("Orders", order, "ShippingAddress"), value)])


async def test_the_old_price_of_another_country_does_not_pay(shop: PaidOrders) -> None:
    order, request = await shop.order()
    await write_address(shop, order, Country="NZ")
    await asyncio.to_thread(shop.payer.by_call, request, request.amount)
    await shop.polled(3)
    assert shop.state(order) is UNPAID
    assert shop.row(request) == "superseded"
    assert ("superseded", request.amount) in shop.alerts()


async def test_a_corrected_name_does_not_matter(shop: PaidOrders) -> None:
    order, request = await shop.order()
    await write_address(shop, order, Name="Ada Lovelace")
    await asyncio.to_thread(shop.payer.by_call, request, request.amount)
    await shop.until(order, PAID)


async def test_money_for_a_payee_that_was_removed_is_told(shop: PaidOrders) -> None:
    order, request = await shop.order()
    payee = bytes.fromhex(PAYEE[2:])
    await shop.clerk.write([NewPatch("remove", ("Manifest", "Payees", CHAIN, payee), None)])
    await asyncio.to_thread(shop.payer.by_call, request, request.amount)
    await shop.polled(3)
    assert (shop.state(order), shop.row(request)) == (UNPAID, "withdrawn")
    assert ("withdrawn", request.amount) in shop.alerts()


async def test_a_currency_that_was_removed_is_withdrawn_too(shop: PaidOrders) -> None:
    order, request = await shop.order()
    await shop.clerk.write([NewPatch("remove", ("Manifest", "AcceptedCurrencies", CHAIN, NATIVE_COIN), None)])
    await asyncio.to_thread(shop.payer.by_address, request, request.amount)
    await shop.polled(3)
    assert (shop.state(order), shop.row(request)) == (UNPAID, "withdrawn")


async def test_a_clerk_who_takes_the_stock_is_told_and_the_order_is_paid(shop: PaidOrders) -> None:
    order, request = await shop.order(quantity=3)
    await shop.clerk.write([NewPatch("replace", ("Inventory", CAP), 1)])
    await asyncio.to_thread(shop.payer.by_call, request, request.amount)
    await shop.until(order, PAID)
    await shop.clerk_view.wait_for(lambda view: view.stock(CAP) == 0)
    assert shop.alerts() == [("stock missing", 2)]


# -- 11: deposit and sweep in one transaction, 13: two shops, 16: dust


async def test_two_orders_of_one_payee_are_paid_each_by_its_own(shop: PaidOrders) -> None:
    first, one = await shop.order(is_token=True)
    second, two = await shop.order(is_token=True)
    await asyncio.to_thread(shop.payer.token_by_address, two, two.amount)
    await shop.until(second, PAID)
    assert shop.state(first) is UNPAID
    await asyncio.to_thread(shop.payer.token_by_call, one, one.amount)
    await shop.until(first, PAID)


async def test_dust_holds_nothing_and_tells_nobody(shop: PaidOrders) -> None:
    order, request = await shop.order()
    for _ in range(20):
        await asyncio.to_thread(shop.payer.by_address, request, 1)
    await shop.until_row(request, "short")
    await shop.polled()
    assert shop.alerts() == []
    assert shop.rows("SELECT hold FROM reservation") == [(0,)]
    assert shop.state(order) is UNPAID


# -- 17: blocks that are made to be a burden; tokens are in `test_paid_tokens.py`


@pytest.mark.slow
async def test_a_block_full_of_events_stops_no_order(shop: PaidOrders) -> None:
    payments, w3 = shop.payer.contracts.payments, shop.payer.w3
    order, request = await shop.order()
    code = w3.eth.get_code(payments.address)
    rpc(w3, "anvil_setCode", payments.address, artifact("EventFlood")["deployedBytecode"])
    flood = w3.eth.contract(address=payments.address, abi=deploy(w3, "EventFlood").abi)
    sent = flood.functions.flood(5, 15_000)
    await asyncio.to_thread(
        lambda: w3.eth.wait_for_transaction_receipt(sent.transact({"from": STRANGER, "gas": 29_900_000}))
    )
    rpc(w3, "anvil_setCode", payments.address, "0x" + bytes(code).hex())
    await asyncio.to_thread(shop.payer.by_call, request, request.amount)
    await shop.until(order, PAID)
    assert shop.alerts() == []


# -- many events for one order


async def test_many_events_for_one_order_do_not_hide_the_payment_of_another(deployed: PaidOrders) -> None:
    order, request = await deployed.order()
    flooded, victim = await deployed.order(quantity=2)
    for _ in range(8):
        attacker, _ = attacker_on(deployed, victim)
        await asyncio.to_thread(send, attacker.functions.payVictim(), STRANGER)
    await asyncio.to_thread(deployed.payer.by_call, request, request.amount)
    await deployed.until(order, PAID)
    await deployed.until_row(victim, "unproven")
    assert deployed.state(flooded) is UNPAID
    assert [kind for kind, _ in deployed.alerts()] == ["unproven"]
