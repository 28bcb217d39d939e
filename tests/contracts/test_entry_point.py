from web3 import Web3
from web3.types import Wei

from tests.chain_fixtures import Contracts
from tests.contracts.deploying import deploy
from tests.dev.contracts.contract_calls import PAYEE, PAYER, STRANGER, call, events, send
from tests.dev.contracts.payment_requests import Request

REQUEST = Request(amount=1000)


def test_wallet_pays_by_an_internal_call(w3: Web3, contracts: Contracts) -> None:
    wallet = deploy(w3, "SmartWallet")
    data = contracts.payments.encode_abi("pay", [REQUEST])
    before = w3.eth.get_balance(PAYEE)
    send(wallet.functions.execute(contracts.payments.address, REQUEST.amount, data), PAYER, REQUEST.amount)
    assert w3.eth.get_balance(PAYEE) == before + REQUEST.amount
    assert call(contracts.payments.functions.hasPaymentBeenMade(wallet.address, REQUEST))


def test_entry_point_tells_which_wallet_it_was(w3: Web3, contracts: Contracts) -> None:
    wallet, entry_point = deploy(w3, "SmartWallet"), deploy(w3, "EntryPoint")
    w3.eth.send_transaction({"from": PAYER, "to": wallet.address, "value": Wei(REQUEST.amount)})
    data = contracts.payments.encode_abi("pay", [REQUEST])
    operation = (wallet.address, contracts.payments.address, REQUEST.amount, data)
    receipt = send(entry_point.functions.handleOps([operation]), STRANGER)
    assert call(contracts.payments.functions.hasPaymentBeenMade(wallet.address, REQUEST))
    (told,) = events(entry_point, "UserOperationEvent", receipt)
    assert told["sender"] == wallet.address
