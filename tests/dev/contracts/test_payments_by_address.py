import itertools

import pytest
from eth_abi.abi import encode
from web3 import Web3
from web3.types import TxReceipt, Wei

from minirelay.dev.create2 import create2_address
from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import (
    PAYEE,
    PAYER,
    REFUND,
    STRANGER,
    call,
    events,
    reverting,
    send,
)
from tests.dev.contracts.payment_requests import (
    REFUSER,
    REQUEST_TYPE,
    Request,
    deploy_runtime,
)

AMOUNT = 1000


@pytest.fixture(params=["native", "token"])
def request_in_either(request: pytest.FixtureRequest, contracts: Contracts) -> Request:
    if request.param == "native":
        return Request(amount=AMOUNT)
    return Request(amount=AMOUNT, currency=contracts.eddies.address)


class Till:
    """The addresses of requests, in one currency: paying in, and what is where."""

    def __init__(self, w3: Web3, contracts: Contracts, request: Request) -> None:
        self.w3 = w3
        self.contracts = contracts
        self.is_native = request.currency != contracts.eddies.address

    def address(self, request: Request, refund: str = REFUND) -> str:
        address: str = call(self.contracts.payments.functions.getPaymentAddress(request, refund))
        return address

    def pay_in(self, address: str, amount: int) -> None:
        if self.is_native:
            to = self.w3.to_checksum_address(address)
            self.w3.eth.send_transaction({"from": PAYER, "to": to, "value": Wei(amount)})
        else:
            send(self.contracts.eddies.functions.mint(address, amount), PAYER)

    def balance(self, address: str) -> int:
        if self.is_native:
            return self.w3.eth.get_balance(self.w3.to_checksum_address(address))
        balance: int = call(self.contracts.eddies.functions.balanceOf(address))
        return balance

    def process(self, request: Request, refund: str = REFUND) -> TxReceipt:
        return send(self.contracts.payments.functions.processPayment(request, refund), STRANGER)


@pytest.fixture
def till(w3: Web3, contracts: Contracts, request_in_either: Request) -> Till:
    return Till(w3, contracts, request_in_either)


def has_failed(contracts: Contracts, receipt: TxReceipt) -> bool:
    failures = events(contracts.payments, "SweepFailed", receipt)
    made = events(contracts.payments, "PaymentMade", receipt)
    assert len(failures) + len(made) == 1
    return len(failures) == 1


# Addresses


def test_bytecode_is_a_constant_and_the_arguments(contracts: Contracts) -> None:
    requests = (Request(), Request(shop_signature=b"", amount=2**200, order=b"\x01" * 32))
    codes = []
    for request, refund in itertools.product(requests, (REFUND, PAYEE)):
        code = bytes(call(contracts.payments.functions.getBytecode(request, refund)))
        arguments = encode(
            [REQUEST_TYPE, "address", "address"], [tuple(request), refund, contracts.payments.address]
        )
        assert code.endswith(arguments)
        codes.append(code.removesuffix(arguments))
    assert len(set(codes)) == 1
    assert len(codes[0]) > 100


def test_address_is_computed_without_a_call(contracts: Contracts) -> None:
    for request in (Request(), Request(order=b"\x07" * 32), Request(amount=1), Request(shop_id=2**255)):
        code = bytes(call(contracts.payments.functions.getBytecode(request, REFUND)))
        deployer = bytes.fromhex(contracts.payments.address[2:])
        expected = "0x" + create2_address(deployer, request.order, code).hex()
        assert call(contracts.payments.functions.getPaymentAddress(request, REFUND)).lower() == expected


def test_refund_and_every_field_make_the_address(contracts: Contracts) -> None:
    changes = {
        "chain_id": 1,
        "ttl": 1,
        "order": b"\x01" * 32,
        "currency": PAYER,
        "amount": 1,
        "payee_address": PAYER,
        "is_payment_endpoint": True,
        "shop_id": 2,
        "shop_signature": b"",
    }
    requests = [Request(), *(Request(**{name: value}) for name, value in changes.items())]  # type: ignore[arg-type]
    function = contracts.payments.functions.getPaymentAddress
    addresses = {call(function(request, refund)) for request in requests for refund in (REFUND, PAYEE)}
    assert len(addresses) == 2 * len(requests)


# Sweeping


def test_exact_payment_is_passed_on(till: Till, request_in_either: Request) -> None:
    address, before = till.address(request_in_either), till.balance(PAYEE)
    till.pay_in(address, AMOUNT)
    receipt = till.process(request_in_either)
    assert till.balance(PAYEE) == before + AMOUNT
    assert till.balance(address) == 0
    assert not has_failed(till.contracts, receipt)
    made = events(till.contracts.payments, "PaymentMade", receipt)
    assert made == [{"paymentId": request_in_either.payment_id}]
    functions = till.contracts.payments.functions
    assert call(functions.hasPaymentBeenMade(address, request_in_either))
    assert not call(functions.hasPaymentBeenMade(STRANGER, request_in_either))


def test_payment_in_parts_is_passed_on(till: Till, request_in_either: Request) -> None:
    address, before = till.address(request_in_either), till.balance(PAYEE)
    till.pay_in(address, 400)
    till.pay_in(address, 600)
    assert not has_failed(till.contracts, till.process(request_in_either))
    assert till.balance(PAYEE) == before + AMOUNT


def test_surplus_goes_back(till: Till, request_in_either: Request) -> None:
    address = till.address(request_in_either)
    payee, refund = till.balance(PAYEE), till.balance(REFUND)
    till.pay_in(address, AMOUNT + 77)
    assert not has_failed(till.contracts, till.process(request_in_either))
    assert (till.balance(PAYEE), till.balance(REFUND)) == (payee + AMOUNT, refund + 77)
    assert till.balance(address) == 0


def expect_everything_back(till: Till, request: Request, amount: int) -> None:
    address = till.address(request)
    payee, refund = till.balance(PAYEE), till.balance(REFUND)
    till.pay_in(address, amount)
    assert has_failed(till.contracts, till.process(request))
    assert (till.balance(PAYEE), till.balance(REFUND)) == (payee, refund + amount)
    assert till.balance(address) == 0
    assert not call(till.contracts.payments.functions.hasPaymentBeenMade(address, request))


def test_too_little_goes_back(till: Till, request_in_either: Request) -> None:
    expect_everything_back(till, request_in_either, AMOUNT - 1)


def test_expired_payment_goes_back(till: Till, request_in_either: Request) -> None:
    expired = request_in_either._replace(ttl=till.w3.eth.get_block("latest")["timestamp"])
    expect_everything_back(till, expired, AMOUNT + 3)


def test_payment_for_another_chain_goes_back(till: Till, request_in_either: Request) -> None:
    expect_everything_back(till, request_in_either._replace(chain_id=5), AMOUNT)


def test_payment_that_the_payee_refuses_goes_back(w3: Web3, contracts: Contracts) -> None:
    request = Request(amount=AMOUNT, payee_address=deploy_runtime(w3, REFUSER))
    expect_everything_back(Till(w3, contracts, request), request, AMOUNT)


def test_nothing_at_the_address(till: Till, request_in_either: Request) -> None:
    expect_everything_back(till, request_in_either, 0)


def test_request_for_nothing_is_paid_by_nothing(till: Till, request_in_either: Request) -> None:
    assert not has_failed(till.contracts, till.process(request_in_either._replace(amount=0)))


def test_swept_address_is_dead(till: Till, request_in_either: Request) -> None:
    address = till.w3.to_checksum_address(till.address(request_in_either))
    assert till.w3.eth.get_transaction_count(address) == 0
    till.process(request_in_either)
    assert till.w3.eth.get_transaction_count(address) == 1
    with reverting("FailedDeployment()"):
        call(till.contracts.payments.functions.processPayment(request_in_either, REFUND))


def test_other_refund_address_is_another_account(till: Till, request_in_either: Request) -> None:
    till.process(request_in_either)
    till.pay_in(till.address(request_in_either, PAYEE), AMOUNT)
    assert not has_failed(till.contracts, till.process(request_in_either, PAYEE))


def test_money_stays_when_it_can_not_go_back(w3: Web3, contracts: Contracts) -> None:
    request, refuser = Request(amount=AMOUNT), deploy_runtime(w3, REFUSER)
    till = Till(w3, contracts, request)
    address = till.address(request, refuser)
    till.pay_in(address, AMOUNT - 1)
    with reverting("FailedCall()"):
        call(contracts.payments.functions.processPayment(request, refuser))
    till.pay_in(address, 1)
    assert not has_failed(contracts, till.process(request, refuser))


# Several


def test_several_addresses_are_swept_at_once(w3: Web3, contracts: Contracts) -> None:
    requests = [Request(amount=5), Request(amount=6), Request(amount=7, currency=contracts.eddies.address)]
    refunds = [REFUND, PAYEE, REFUND]
    for request, refund in zip(requests, refunds, strict=True):
        till = Till(w3, contracts, request)
        # The second one lacks something.
        till.pay_in(till.address(request, refund), 7)
    unpaid = Request(amount=8)
    receipt = send(contracts.payments.functions.batch([*requests, unpaid], [*refunds, REFUND]), STRANGER)
    made = [event["paymentId"] for event in events(contracts.payments, "PaymentMade", receipt)]
    assert made == [request.payment_id for request in requests]
    assert len(events(contracts.payments, "SweepFailed", receipt)) == 1
    for request, refund in zip(requests, refunds, strict=True):
        address = call(contracts.payments.functions.getPaymentAddress(request, refund))
        assert call(contracts.payments.functions.hasPaymentBeenMade(address, request))
