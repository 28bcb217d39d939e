"""Every way to pay a request, for tests that pay (issue: route × what happens)."""

from collections.abc import Callable
from dataclasses import dataclass

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt, Wei

from minirelay.shop.payment_request import PaymentRequest, abi_values
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import deploy
from tests.dev.contracts.contract_calls import PAYER, call, send


class Payer:
    """A customer with a wallet, coins and a token that everybody can mint, on one chain."""

    def __init__(self, w3: Web3, contracts: Contracts, account: ChecksumAddress = PAYER) -> None:
        """contracts: with Payments in either variant."""
        self.w3 = w3
        self.contracts = contracts
        self.account = account
        self._wallet: Contract | None = None

    def function(self, name: str, *arguments: object) -> ContractFunction:
        """Name a function of Payments with its arguments."""
        function: ContractFunction = self.contracts.payments.functions[name](*arguments)
        return function

    def address_of(self, request: PaymentRequest) -> ChecksumAddress:
        """Return the address to which a request can be paid, as customers are told it."""
        named = call(self.function("getPaymentAddress", abi_values(request), request.payee))
        return self.w3.to_checksum_address(named)

    def token(self, request: PaymentRequest) -> Contract:
        """Return the token in which a request is to be paid."""
        address = self.w3.to_checksum_address(request.currency)
        return self.w3.eth.contract(address=address, abi=self.contracts.eddies.abi)

    @property
    def wallet(self) -> Contract:
        """Return the customer's smart wallet, deployed when it is first used."""
        if self._wallet is None:
            self._wallet = deploy(self.w3, "SmartWallet")
        return self._wallet

    def transfer(self, to: ChecksumAddress, amount: int) -> TxReceipt:
        """Transfer coins."""
        sent = self.w3.eth.send_transaction({"from": self.account, "to": to, "value": Wei(amount)})
        receipt = self.w3.eth.wait_for_transaction_receipt(sent)
        assert receipt["status"] == 1
        return receipt

    def send_token(self, token: Contract, to: ChecksumAddress, amount: int) -> TxReceipt:
        """Transfer a token that everybody can mint."""
        send(token.functions.mint(self.account, amount), self.account)
        return send(token.functions.transfer(to, amount), self.account)

    def allow(self, token: Contract, amount: int) -> None:
        """Have so much of a token, and let Payments take it."""
        send(token.functions.mint(self.account, amount), self.account)
        send(token.functions.approve(self.contracts.payments.address, amount), self.account)

    # -- routes: each pays `amount` of the request's currency and returns the receipt

    def by_call(self, request: PaymentRequest, amount: int) -> TxReceipt:
        return send(self.function("pay", abi_values(request)), self.account, amount)

    def by_multi_pay(self, request: PaymentRequest, amount: int) -> TxReceipt:
        return send(self.function("multiPay", [abi_values(request)], [b""]), self.account, amount)

    def by_address(self, request: PaymentRequest, amount: int) -> TxReceipt:
        return self.transfer(self.address_of(request), amount)

    def by_smart_wallet(self, request: PaymentRequest, amount: int) -> TxReceipt:
        payments = self.contracts.payments
        data = payments.encode_abi("pay", [abi_values(request)])
        return send(self.wallet.functions.execute(payments.address, amount, data), self.account, amount)

    def token_by_address(self, request: PaymentRequest, amount: int) -> TxReceipt:
        return self.send_token(self.token(request), self.address_of(request), amount)

    def token_by_call(self, request: PaymentRequest, amount: int) -> TxReceipt:
        self.allow(self.token(request), amount)
        return send(self.function("pay", abi_values(request)), self.account)

    # -- what others do

    def sweep(self, request: PaymentRequest, refund: bytes | None = None) -> TxReceipt:
        """Have the money at a request's address passed on, as anybody can."""
        to = self.w3.to_checksum_address(refund or request.payee)
        return send(self.function("processPayment", abi_values(request), to), self.account)


@dataclass(frozen=True, slots=True)
class Route:
    """A way to pay. is_token: of a token, otherwise of coins.

    takes_any_amount: in parts, too little and too much, which Payments itself refuses.
    """

    name: str
    pay: Callable[[Payer, PaymentRequest, int], TxReceipt]
    is_token: bool = False
    takes_any_amount: bool = False

    def __str__(self) -> str:
        return self.name


ROUTES = (
    Route("call", Payer.by_call),
    Route("address", Payer.by_address, takes_any_amount=True),
    Route("token by address", Payer.token_by_address, is_token=True, takes_any_amount=True),
    Route("token by call", Payer.token_by_call, is_token=True),
    Route("smart wallet", Payer.by_smart_wallet),
    Route("multiPay", Payer.by_multi_pay),
)
