"""How money is swept from an address on public chains (spec 07 "As deployed"), and how it is locked there."""

import pytest
from web3 import Web3
from web3.types import TxReceipt, Wei

from tests.chain_fixtures import Contracts, rpc
from tests.contracts.deploying import deploy, payments_variant
from tests.dev.contracts.contract_calls import PAYEE, PAYER, STRANGER, call, events, send
from tests.dev.contracts.payment_requests import Request

AMOUNT = 1000


class Till:
    """The address of a request; refunds go to the payee. Paying in, sweeping, and what is where."""

    def __init__(self, w3: Web3, deployed: Contracts, request: Request) -> None:
        self.w3 = w3
        self.functions = deployed.payments.functions
        self.payments = deployed.payments
        self.request = request
        self.refund = request.payee_address
        self.address = w3.to_checksum_address(call(self.functions.getPaymentAddress(request, self.refund)))

    def pay_in(self, amount: int) -> None:
        self.w3.eth.send_transaction({"from": PAYER, "to": self.address, "value": Wei(amount)})

    def sweep(self) -> TxReceipt:
        return send(self.functions.processPayment(self.request, self.refund), STRANGER)

    @property
    def balance(self) -> int:
        return self.w3.eth.get_balance(self.address)

    @property
    def count(self) -> int:
        return self.w3.eth.get_transaction_count(self.address)

    @property
    def is_made(self) -> bool:
        made: bool = call(self.functions.hasPaymentBeenMade(self.address, self.request))
        return made

    def told(self, receipt: TxReceipt) -> tuple[int, int]:
        """How many PaymentMade and SweepFailed are in a receipt."""
        names = ("PaymentMade", "SweepFailed")
        made, failed = (len(events(self.payments, name, receipt)) for name in names)
        return made, failed


@pytest.fixture
def deployed(w3: Web3, contracts: Contracts) -> Contracts:
    return payments_variant(w3, contracts, "deployed")


@pytest.fixture
def till(w3: Web3, deployed: Contracts) -> Till:
    ttl = w3.eth.get_block("latest")["timestamp"] + 1000
    return Till(w3, deployed, Request(amount=AMOUNT, ttl=ttl))


def expire(till: Till) -> None:
    rpc(till.w3, "evm_setNextBlockTimestamp", till.request.ttl + 1)


def test_enough_is_paid_on(till: Till) -> None:
    before = till.w3.eth.get_balance(PAYEE)
    till.pay_in(AMOUNT - 400)
    till.pay_in(400)
    assert till.told(till.sweep()) == (1, 0)
    assert till.w3.eth.get_balance(PAYEE) == before + AMOUNT
    assert (till.balance, till.count, till.is_made) == (0, 1, True)


def test_surplus_goes_to_the_refund_address(till: Till) -> None:
    before = till.w3.eth.get_balance(PAYEE)
    till.pay_in(AMOUNT + 5)
    assert till.told(till.sweep()) == (1, 0)
    # Which is the payee, too.
    assert till.w3.eth.get_balance(PAYEE) == before + AMOUNT + 5


@pytest.mark.parametrize("is_late", [False, True])
def test_too_little_or_too_late_goes_back_and_nothing_tells(till: Till, is_late: bool) -> None:
    before, amount = till.w3.eth.get_balance(PAYEE), AMOUNT if is_late else AMOUNT - 1
    till.pay_in(amount)
    if is_late:
        expire(till)
    assert till.told(till.sweep()) == (0, 0)
    assert till.w3.eth.get_balance(PAYEE) == before + amount
    assert (till.balance, till.count, till.is_made) == (0, 1, False)


def test_second_sweep_returns_tells_and_burns_the_gas(till: Till) -> None:
    till.pay_in(AMOUNT)
    first = till.sweep()
    second = till.sweep()
    (failed,) = events(till.payments, "SweepFailed", second)
    assert failed["request"]["amount"] == AMOUNT
    assert failed["request"]["payeeAddress"] == PAYEE
    assert second["gasUsed"] > 10 * first["gasUsed"]


def test_payee_that_needs_more_gas_can_have_its_money_locked_by_a_stranger(
    w3: Web3, deployed: Contracts
) -> None:
    ttl = w3.eth.get_block("latest")["timestamp"] + 1000
    request = Request(amount=AMOUNT, ttl=ttl, payee_address=deploy(w3, "HungryPayee").address)
    till = Till(w3, deployed, request)
    till.pay_in(AMOUNT)
    # In time the payment fails as a whole; afterwards the address is deployed to, and keeps the money.
    assert till.told(till.sweep()) == (0, 1)
    assert (till.balance, till.count) == (AMOUNT, 0)
    expire(till)
    assert till.told(till.sweep()) == (0, 0)
    assert (till.balance, till.count) == (AMOUNT, 1)
    assert till.told(till.sweep()) == (0, 1)
    assert till.balance == AMOUNT


# Tokens


class TokenTill(Till):
    """The same for a token that everybody can mint."""

    def __init__(self, w3: Web3, deployed: Contracts, name: str, *arguments: object) -> None:
        self.token = deploy(w3, name, *arguments)
        ttl = w3.eth.get_block("latest")["timestamp"] + 1000
        super().__init__(w3, deployed, Request(amount=AMOUNT, ttl=ttl, currency=self.token.address))

    def pay_in(self, amount: int) -> None:
        send(self.token.functions.mint(self.address, amount), PAYER)

    def balance_of(self, holder: str) -> int:
        balance: int = call(self.token.functions.balanceOf(holder))
        return balance


def test_token_with_a_surplus_is_paid_on_in_time(w3: Web3, deployed: Contracts) -> None:
    till = TokenTill(w3, deployed, "PlainToken", 18)
    till.pay_in(AMOUNT + 1)
    assert till.told(till.sweep()) == (1, 0)
    assert (till.balance_of(PAYEE), till.is_made) == (AMOUNT + 1, True)


def test_token_goes_back_after_the_ttl_only_without_a_surplus(w3: Web3, deployed: Contracts) -> None:
    exact, over = (TokenTill(w3, deployed, "PlainToken", 18) for _ in range(2))
    exact.pay_in(AMOUNT)
    over.pay_in(AMOUNT + 1)
    rpc(w3, "evm_setNextBlockTimestamp", over.request.ttl + 10)
    assert exact.told(exact.sweep()) == (0, 0)
    assert exact.balance_of(PAYEE) == AMOUNT
    for _ in range(2):
        assert over.told(over.sweep()) == (0, 1)
        assert (over.balance_of(over.address), over.count) == (AMOUNT + 1, 0)


def test_token_that_returns_nothing_is_locked(w3: Web3, deployed: Contracts) -> None:
    till = TokenTill(w3, deployed, "SilentToken")
    till.pay_in(AMOUNT)
    assert till.told(till.sweep()) == (0, 1)
    assert till.balance_of(till.address) == AMOUNT


def test_token_that_lists_the_payee_is_not_paid_on(w3: Web3, deployed: Contracts) -> None:
    till = TokenTill(w3, deployed, "BlacklistingToken")
    till.pay_in(AMOUNT)
    send(till.token.functions.list(PAYEE, True), STRANGER)
    assert till.told(till.sweep()) == (0, 1)
    send(till.token.functions.list(PAYEE, False), STRANGER)
    assert till.told(till.sweep()) == (1, 0)


def test_token_with_a_fee_arrives_with_less(w3: Web3, deployed: Contracts) -> None:
    till = TokenTill(w3, deployed, "FeeToken")
    till.pay_in(AMOUNT)
    assert till.told(till.sweep()) == (1, 0)
    assert till.balance_of(PAYEE) == AMOUNT - AMOUNT // 10
