"""The quirks of the Payments contract on public chains (spec 07 "As deployed")."""

import pytest
from web3 import Web3
from web3.types import TxReceipt

from minirelay.protocol.abi import load_abi
from tests.chain_fixtures import Contracts, rpc
from tests.contracts.deploying import artifact, deploy, payments_variant
from tests.dev.contracts.contract_calls import (
    PAYEE,
    PAYER,
    STRANGER,
    call,
    events,
    reverting,
    send,
)
from tests.dev.contracts.payment_requests import Request, permit

AMOUNT = 1000


@pytest.fixture
def deployed(w3: Web3, contracts: Contracts) -> Contracts:
    return payments_variant(w3, contracts, "deployed")


@pytest.fixture
def token(deployed: Contracts) -> Request:
    """A request in a token, of which the payer has, and has approved, ten times the amount."""
    send(deployed.eddies.functions.mint(PAYER, 10 * AMOUNT), STRANGER)
    for spender in (deployed.payments, deployed.permit2):
        send(deployed.eddies.functions.approve(spender.address, 10 * AMOUNT), PAYER)
    return Request(currency=deployed.eddies.address, amount=AMOUNT)


def is_made(deployed: Contracts, request: Request, payer: str = PAYER) -> bool:
    made: bool = call(deployed.payments.functions.hasPaymentBeenMade(payer, request))
    return made


def made_ids(deployed: Contracts, receipt: TxReceipt) -> list[int]:
    return [event["paymentId"] for event in events(deployed.payments, "PaymentMade", receipt)]


def old_permit(deployed: Contracts, request: Request, **changed: object) -> bytes:
    return permit(deployed, request, **({"nonce": int.from_bytes(request.order)} | changed))


def test_functions_are_those_of_our_interface() -> None:
    def functions(entries: list[dict[str, object]]) -> set[str]:
        ours = [one for one in entries if one["type"] == "function" and one["name"] != "permit2"]
        return {repr([one["name"], one["inputs"], one["stateMutability"]]) for one in ours}

    assert functions(artifact("DeployedPayments")["abi"]) == functions(load_abi("PaymentsByAddress").entries)


@pytest.mark.parametrize("variant", ["development", "deployed"])
def test_permit2_is_in_storage_slot_0(w3: Web3, contracts: Contracts, variant: str) -> None:
    chosen = payments_variant(w3, contracts, variant)
    word = w3.eth.get_storage_at(chosen.payments.address, 0)
    assert bytes(word) == bytes(12) + bytes.fromhex(chosen.permit2.address[2:])


@pytest.mark.parametrize("way", ["pay", "payNative"])
def test_native_payment_reaches_the_payee(w3: Web3, deployed: Contracts, way: str) -> None:
    request, before = Request(amount=AMOUNT), w3.eth.get_balance(PAYEE)
    receipt = send(deployed.payments.functions[way](request), PAYER, AMOUNT)
    assert w3.eth.get_balance(PAYEE) == before + AMOUNT
    assert made_ids(deployed, receipt) == [request.payment_id]
    assert is_made(deployed, request)
    with reverting("PaymentAlreadyMade()"):
        call(deployed.payments.functions[way](request), PAYER, AMOUNT)


def test_native_payment_is_exact_in_time_and_on_its_chain(deployed: Contracts) -> None:
    functions = deployed.payments.functions
    with reverting("InvalidPaymentAmount()"):
        call(functions.payNative(Request(amount=AMOUNT)), PAYER, AMOUNT + 1)
    with reverting("PaymentExpired()"):
        call(functions.payNative(Request(amount=AMOUNT, ttl=1)), PAYER, AMOUNT)
    with reverting("WrongChain()"):
        call(functions.payNative(Request(amount=AMOUNT, chain_id=1)), PAYER, AMOUNT)


def test_native_coin_is_no_approved_token(deployed: Contracts) -> None:
    # Rule 3 of spec 06 asks for this before it trusts the contract.
    nobody = Request().currency
    with reverting("SafeERC20FailedOperation(address)", nobody):
        call(deployed.payments.functions.payTokenPreApproved(Request()), PAYER)


# What costs money


def test_permit_for_the_native_coin_moves_nothing_and_is_made(w3: Web3, deployed: Contracts) -> None:
    request, before = Request(amount=10**30), w3.eth.get_balance(PAYEE)
    receipt = send(deployed.payments.functions.payToken(request, old_permit(deployed, request)), PAYER)
    assert made_ids(deployed, receipt) == [request.payment_id]
    assert is_made(deployed, request)
    assert w3.eth.get_balance(PAYEE) == before


def test_permit_is_looked_at_neither_for_chain_nor_for_time(w3: Web3, deployed: Contracts) -> None:
    request = Request(chain_id=5)
    send(deployed.payments.functions.payToken(request, old_permit(deployed, request)), PAYER)
    assert is_made(deployed, request)
    late = Request(ttl=w3.eth.get_block("latest")["timestamp"] - 1, order=b"\x01" * 32)
    # Permit2 itself is what looks at the deadline.
    with reverting("SignatureExpired(uint256)", late.ttl):
        call(deployed.payments.functions.payToken(late, old_permit(deployed, late)), PAYER)


def test_wallet_pays_by_permit_once_and_never_again(deployed: Contracts, token: Request) -> None:
    send(deployed.payments.functions.payToken(token, old_permit(deployed, token)), PAYER)
    assert call(deployed.permit2.functions.nonceBitmap(PAYER, 0)) == 1
    assert call(deployed.eddies.functions.balanceOf(PAYEE)) == AMOUNT
    another = token._replace(shop_id=2)
    with reverting("InvalidNonce()"):
        call(deployed.payments.functions.payToken(another, old_permit(deployed, another)), PAYER)


def test_each_native_element_wants_the_whole_value(w3: Web3, deployed: Contracts) -> None:
    functions = deployed.payments.functions
    five, seven = Request(amount=5), Request(amount=7)
    for value in (5, 7, 12):
        with reverting("InvalidPaymentAmount()"):
            call(functions.multiPay([five, seven], [b"", b""]), PAYER, value)
    receipt = send(functions.multiPay([five], [b""]), PAYER, 5)
    assert made_ids(deployed, receipt) == [five.payment_id]


def test_native_element_with_a_signature_is_taken_for_a_token(w3: Web3, deployed: Contracts) -> None:
    honest, forged = Request(amount=5), Request(amount=10**30)
    before = w3.eth.get_balance(PAYEE)
    receipt = send(
        deployed.payments.functions.multiPay([honest, forged], [b"", old_permit(deployed, forged)]), PAYER, 5
    )
    assert made_ids(deployed, receipt) == [honest.payment_id, forged.payment_id]
    assert w3.eth.get_balance(PAYEE) == before + 5


def test_coins_with_a_token_payment_stay(w3: Web3, deployed: Contracts, token: Request) -> None:
    send(deployed.payments.functions.pay(token), PAYER, 77)
    assert w3.eth.get_balance(deployed.payments.address) == 77
    assert call(deployed.eddies.functions.balanceOf(PAYEE)) == AMOUNT


def test_payee_gets_2300_gas(w3: Web3, deployed: Contracts) -> None:
    hungry = deploy(w3, "HungryPayee")
    with reverting("PayoutFailed()"):
        call(
            deployed.payments.functions.payNative(Request(payee_address=hungry.address)),
            PAYER,
            Request().amount,
        )
    wallet = deploy(w3, "SmartWallet")
    send(
        deployed.payments.functions.payNative(Request(payee_address=wallet.address)), PAYER, Request().amount
    )
    assert w3.eth.get_balance(wallet.address) == Request().amount


def test_taking_back_tells_nobody(deployed: Contracts) -> None:
    request = Request(amount=AMOUNT)
    send(deployed.payments.functions.payNative(request), PAYER, AMOUNT)
    with reverting("NotPayee()"):
        call(deployed.payments.functions.revertPayment(PAYER, request), PAYER)
    receipt = send(deployed.payments.functions.revertPayment(PAYER, request), PAYEE)
    assert receipt["logs"] == []
    assert not is_made(deployed, request)
    # So the event comes a second time.
    assert made_ids(deployed, send(deployed.payments.functions.payNative(request), PAYER, AMOUNT))


def test_last_second_is_in_time(w3: Web3, deployed: Contracts) -> None:
    ttl = w3.eth.get_block("latest")["timestamp"] + 1000
    request = Request(amount=AMOUNT, ttl=ttl)
    rpc(w3, "evm_setNextBlockTimestamp", ttl)
    send(deployed.payments.functions.payNative(request), PAYER, AMOUNT)
    assert is_made(deployed, request)
