import json
from pathlib import Path

import pytest
from eth_abi.abi import encode
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractLogicError, ContractPanicError
from web3.types import TxReceipt, Wei

from tests.chain_fixtures import Contracts, rpc
from tests.dev.contracts.contract_calls import (
    NOBODY,
    PAYEE,
    PAYER,
    STRANGER,
    call,
    events,
    reverting,
    send,
)
from tests.dev.contracts.payment_requests import (
    FETCHER,
    LISTENER,
    REFUSER,
    REQUEST_TYPE,
    Request,
    deploy_runtime,
    permit,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "payment_id.json").read_text())
AMOUNT = 1000


@pytest.fixture
def token(contracts: Contracts) -> Request:
    """A request in a token, of which the payer has, and has approved, ten times the amount."""
    send(contracts.eddies.functions.mint(PAYER, 10 * AMOUNT), STRANGER)
    for spender in (contracts.payments, contracts.permit2):
        send(contracts.eddies.functions.approve(spender.address, 10 * AMOUNT), PAYER)
    return Request(currency=contracts.eddies.address, amount=AMOUNT)


def is_made(contracts: Contracts, request: Request, payer: str = PAYER) -> bool:
    made: bool = call(contracts.payments.functions.hasPaymentBeenMade(payer, request))
    return made


def made_ids(contracts: Contracts, receipt: TxReceipt) -> list[int]:
    return [event["paymentId"] for event in events(contracts.payments, "PaymentMade", receipt)]


def eddies_of(contracts: Contracts, account: str) -> int:
    balance: int = call(contracts.eddies.functions.balanceOf(account))
    return balance


def in_block_at(w3: Web3, timestamp: int, function: ContractFunction, value: int = 0) -> None:
    """Execute as in a block with this timestamp."""
    rpc(w3, "evm_setNextBlockTimestamp", timestamp)
    function.call({"from": PAYER, "value": Wei(value)}, block_identifier="pending")


# Ids


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["payment_id"][:8])
def test_payment_id(contracts: Contracts, vector: dict[str, str]) -> None:
    request = Request(
        chain_id=int(vector["chain_id"]),
        ttl=int(vector["ttl"]),
        order=bytes.fromhex(vector["order"]),
        currency=vector["currency"],
        amount=int(vector["amount"]),
        payee_address=vector["payee_address"],
        is_payment_endpoint=bool(vector["is_payment_endpoint"]),
        shop_id=int(vector["shop_id"]),
        shop_signature=bytes.fromhex(vector["shop_signature"]),
    )
    assert call(contracts.payments.functions.getPaymentId(request)) == int(vector["payment_id"], 16)


# Native coins


@pytest.mark.parametrize("way", ["pay", "payNative"])
def test_native_payment_reaches_the_payee(w3: Web3, contracts: Contracts, way: str) -> None:
    request, before = Request(amount=AMOUNT), w3.eth.get_balance(PAYEE)
    receipt = send(contracts.payments.functions[way](request), PAYER, AMOUNT)
    assert w3.eth.get_balance(PAYEE) == before + AMOUNT
    assert w3.eth.get_balance(contracts.payments.address) == 0
    assert made_ids(contracts, receipt) == [request.payment_id]
    assert is_made(contracts, request)


@pytest.mark.parametrize("value", [0, AMOUNT - 1, AMOUNT + 1])
@pytest.mark.parametrize("way", ["pay", "payNative"])
def test_native_payment_is_exact(contracts: Contracts, way: str, value: int) -> None:
    with reverting("InvalidPaymentAmount()"):
        call(contracts.payments.functions[way](Request(amount=AMOUNT)), PAYER, value)


def test_nothing_can_be_paid(contracts: Contracts) -> None:
    send(contracts.payments.functions.payNative(Request(amount=0)), PAYER)
    assert is_made(contracts, Request(amount=0))


def test_token_is_no_native_coin(contracts: Contracts, token: Request) -> None:
    with reverting("InvalidPaymentToken()"):
        call(contracts.payments.functions.payNative(token), PAYER, AMOUNT)


def test_payee_that_refuses_is_not_paid(w3: Web3, contracts: Contracts) -> None:
    request = Request(payee_address=deploy_runtime(w3, REFUSER))
    with reverting("FailedCall()"):
        call(contracts.payments.functions.payNative(request), PAYER, AMOUNT)


# Tokens


@pytest.mark.parametrize("way", ["pay", "payTokenPreApproved"])
def test_approved_token_reaches_the_payee(contracts: Contracts, token: Request, way: str) -> None:
    receipt = send(contracts.payments.functions[way](token), PAYER)
    assert (eddies_of(contracts, PAYER), eddies_of(contracts, PAYEE)) == (9 * AMOUNT, AMOUNT)
    assert made_ids(contracts, receipt) == [token.payment_id]
    assert is_made(contracts, token)


@pytest.mark.parametrize("way", ["pay", "payTokenPreApproved"])
def test_token_that_is_not_approved_is_not_paid(contracts: Contracts, token: Request, way: str) -> None:
    send(contracts.eddies.functions.approve(contracts.payments.address, AMOUNT - 1), PAYER)
    with reverting(
        "ERC20InsufficientAllowance(address,uint256,uint256)", contracts.payments.address, AMOUNT - 1, AMOUNT
    ):
        call(contracts.payments.functions[way](token), PAYER)


def test_token_payment_takes_no_coins(contracts: Contracts, token: Request) -> None:
    with reverting("InvalidPaymentAmount()"):
        call(contracts.payments.functions.pay(token), PAYER, 1)


def test_permitted_token_reaches_the_payee(contracts: Contracts, token: Request) -> None:
    receipt = send(contracts.payments.functions.payToken(token, permit(contracts, token)), PAYER)
    assert (eddies_of(contracts, PAYER), eddies_of(contracts, PAYEE)) == (9 * AMOUNT, AMOUNT)
    assert made_ids(contracts, receipt) == [token.payment_id]
    assert is_made(contracts, token)


@pytest.mark.parametrize(
    "changed", [{"nonce": 1}, {"deadline": 1}, {"spender": STRANGER}], ids=["nonce", "deadline", "spender"]
)
def test_permit_is_for_this_request(contracts: Contracts, token: Request, changed: dict[str, object]) -> None:
    with reverting("InvalidSigner()"):
        call(contracts.payments.functions.payToken(token, permit(contracts, token, **changed)), PAYER)


def test_permit_is_for_its_signer(contracts: Contracts, token: Request) -> None:
    with reverting("InvalidSigner()"):
        call(contracts.payments.functions.payToken(token, permit(contracts, token)), STRANGER)


def test_native_coin_is_no_token(contracts: Contracts) -> None:
    # Permit2's transfers don't look whether there is a token: a permit for "token 0" would pay nothing.
    native = Request()
    with reverting("InvalidPaymentToken()"):
        call(contracts.payments.functions.payToken(native, permit(contracts, native)), PAYER)
    with reverting("InvalidPaymentToken()"):
        call(contracts.payments.functions.payTokenPreApproved(native), PAYER)


def test_token_without_code_is_not_paid(contracts: Contracts) -> None:
    request = Request(currency=STRANGER)
    for function in (
        contracts.payments.functions.payTokenPreApproved(request),
        contracts.payments.functions.payToken(request, permit(contracts, request)),
    ):
        with reverting("SafeERC20FailedOperation(address)", STRANGER):
            call(function, PAYER)


# What holds for every way


def ways(contracts: Contracts, request: Request) -> list[tuple[ContractFunction, int]]:
    """Every way to pay a request, with the value to send along."""
    functions = contracts.payments.functions
    if request.currency == NOBODY:
        return [
            (functions.pay(request), AMOUNT),
            (functions.payNative(request), AMOUNT),
            (functions.multiPay([request], [b""]), AMOUNT),
        ]
    return [
        (functions.pay(request), 0),
        (functions.payTokenPreApproved(request), 0),
        (functions.payToken(request, permit(contracts, request)), 0),
        (functions.multiPay([request], [b""]), 0),
        (functions.multiPay([request], [permit(contracts, request)]), 0),
    ]


@pytest.fixture(params=["native", "token"])
def request_in_either(request: pytest.FixtureRequest, token: Request) -> Request:
    return token if request.param == "token" else Request(amount=AMOUNT)


def test_last_second_is_in_time(w3: Web3, contracts: Contracts, request_in_either: Request) -> None:
    ttl = w3.eth.get_block("latest")["timestamp"] + 1000
    for function, value in ways(contracts, request_in_either._replace(ttl=ttl)):
        in_block_at(w3, ttl, function, value)
        with reverting("PaymentExpired()"):
            in_block_at(w3, ttl + 1, function, value)


def test_other_chain(contracts: Contracts, request_in_either: Request) -> None:
    for function, value in ways(contracts, request_in_either._replace(chain_id=1)):
        with reverting("WrongChain()"):
            call(function, PAYER, value)


def test_paid_once_per_payer(w3: Web3, contracts: Contracts, request_in_either: Request) -> None:
    function, value = ways(contracts, request_in_either)[0]
    send(function, PAYER, value)
    for again, value_again in ways(contracts, request_in_either):
        with reverting("PaymentAlreadyMade()"):
            call(again, PAYER, value_again)
    assert not is_made(contracts, request_in_either, STRANGER)
    assert not is_made(contracts, request_in_either._replace(ttl=1))


def test_another_payer_can_make_the_same_payment(contracts: Contracts) -> None:
    request = Request(amount=AMOUNT)
    send(contracts.payments.functions.payNative(request), PAYER, AMOUNT)
    receipt = send(contracts.payments.functions.payNative(request), STRANGER, AMOUNT)
    assert made_ids(contracts, receipt) == [request.payment_id]
    assert is_made(contracts, request, STRANGER)


def test_failed_payment_leaves_no_trace(w3: Web3, contracts: Contracts) -> None:
    request = Request(payee_address=deploy_runtime(w3, REFUSER))
    tx = contracts.payments.functions.payNative(request).transact(
        {"from": PAYER, "value": Wei(AMOUNT), "gas": 500_000}
    )
    receipt = w3.eth.wait_for_transaction_receipt(tx)
    assert receipt["status"] == 0
    assert receipt["logs"] == []
    assert not is_made(contracts, request)


# Several at once


def test_several_payments_in_every_way(w3: Web3, contracts: Contracts, token: Request) -> None:
    permitted = token._replace(shop_id=2)
    requests = [Request(amount=5), token, Request(amount=7), permitted]
    signatures = [b"", b"", b"", permit(contracts, permitted)]
    before = w3.eth.get_balance(PAYEE)
    receipt = send(contracts.payments.functions.multiPay(requests, signatures), PAYER, 12)
    assert w3.eth.get_balance(PAYEE) == before + 12
    assert eddies_of(contracts, PAYEE) == 2 * AMOUNT
    assert made_ids(contracts, receipt) == [request.payment_id for request in requests]
    assert all(is_made(contracts, request) for request in requests)


@pytest.mark.parametrize("value", [0, 5, 11, 13])
def test_several_payments_are_exact_together(contracts: Contracts, value: int) -> None:
    requests = [Request(amount=5), Request(amount=7)]
    with reverting("InvalidPaymentAmount()"):
        call(contracts.payments.functions.multiPay(requests, [b"", b""]), PAYER, value)


def test_several_payments_or_none(contracts: Contracts) -> None:
    requests = [Request(amount=5), Request(amount=7, chain_id=2)]
    with reverting("WrongChain()"):
        call(contracts.payments.functions.multiPay(requests, [b"", b""]), PAYER, 12)


def test_same_payment_twice_at_once(contracts: Contracts) -> None:
    requests = [Request(amount=5), Request(amount=5)]
    with reverting("PaymentAlreadyMade()"):
        call(contracts.payments.functions.multiPay(requests, [b"", b""]), PAYER, 10)


def test_every_token_payment_has_a_place_for_its_permit(contracts: Contracts, token: Request) -> None:
    with pytest.raises(ContractPanicError):
        call(contracts.payments.functions.multiPay([token], []), PAYER)


def test_no_payments_at_all(contracts: Contracts) -> None:
    send(contracts.payments.functions.multiPay([], []), PAYER)
    with reverting("InvalidPaymentAmount()"):
        call(contracts.payments.functions.multiPay([], []), PAYER, 1)


# Taking back


def test_payee_takes_a_payment_back(contracts: Contracts) -> None:
    request = Request(amount=AMOUNT)
    send(contracts.payments.functions.payNative(request), PAYER, AMOUNT)
    send(contracts.payments.functions.revertPayment(PAYER, request), PAYEE)
    assert not is_made(contracts, request)
    send(contracts.payments.functions.payNative(request), PAYER, AMOUNT)


def test_only_the_payee_takes_back(contracts: Contracts) -> None:
    request = Request(amount=AMOUNT)
    send(contracts.payments.functions.payNative(request), PAYER, AMOUNT)
    for sender in (PAYER, STRANGER):
        with reverting("NotPayee()"):
            call(contracts.payments.functions.revertPayment(PAYER, request), sender)


def test_only_what_was_paid_is_taken_back(contracts: Contracts) -> None:
    request = Request(amount=AMOUNT)
    send(contracts.payments.functions.payNative(request), PAYER, AMOUNT)
    for payer, other in ((STRANGER, request), (PAYER, request._replace(amount=1))):
        with reverting("PaymentNotMade()"):
            call(contracts.payments.functions.revertPayment(payer, other), PAYEE)


# Payees that are called


def endpoint_call(request: Request) -> bytes:
    selector = Web3.keccak(text=f"pay({REQUEST_TYPE})")[:4]
    return bytes(selector) + encode([REQUEST_TYPE], [tuple(request)])


def test_native_payment_calls_an_endpoint(w3: Web3, contracts: Contracts) -> None:
    listener = deploy_runtime(w3, LISTENER)
    request = Request(payee_address=listener, is_payment_endpoint=True, amount=AMOUNT)
    receipt = send(contracts.payments.functions.pay(request), PAYER, AMOUNT)
    assert w3.eth.get_balance(listener) == AMOUNT
    heard = [log["data"] for log in receipt["logs"] if log["address"] == listener]
    assert heard == [endpoint_call(request)]


@pytest.mark.parametrize("has_permit", [False, True])
def test_endpoint_fetches_a_token(w3: Web3, contracts: Contracts, token: Request, has_permit: bool) -> None:
    fetcher = deploy_runtime(w3, FETCHER)
    request = token._replace(payee_address=fetcher, is_payment_endpoint=True)
    signature = permit(contracts, request) if has_permit else b""
    receipt = send(contracts.payments.functions.multiPay([request], [signature]), PAYER)
    assert eddies_of(contracts, fetcher) == AMOUNT
    assert eddies_of(contracts, contracts.payments.address) == 0
    assert made_ids(contracts, receipt) == [request.payment_id]


def test_endpoint_that_does_not_fetch_its_token_is_not_paid(
    w3: Web3, contracts: Contracts, token: Request
) -> None:
    request = token._replace(payee_address=deploy_runtime(w3, LISTENER), is_payment_endpoint=True)
    with reverting("InvalidPaymentAmount()"):
        call(contracts.payments.functions.payTokenPreApproved(request), PAYER)


def test_endpoint_that_refuses_is_not_paid(w3: Web3, contracts: Contracts) -> None:
    request = Request(payee_address=deploy_runtime(w3, REFUSER), is_payment_endpoint=True)
    with pytest.raises(ContractLogicError):
        call(contracts.payments.functions.payNative(request), PAYER, AMOUNT)
