from web3 import Web3

from tests.chain_fixtures import Contracts
from tests.contracts.deploying import deploy, payments_variant
from tests.dev.contracts.contract_calls import PAYEE, PAYER, call, events, reverting, send
from tests.dev.contracts.payment_requests import Request

VICTIM = Request(amount=10**30)


def test_attacker_pays_itself_and_in_the_middle_of_it_a_request_of_others(
    w3: Web3, contracts: Contracts
) -> None:
    deployed = payments_variant(w3, contracts, "deployed")
    attacker = deploy(w3, "Attacker", deployed.payments.address)
    own = Request(amount=1, payee_address=attacker.address, is_payment_endpoint=True)
    send(attacker.functions.aim(VICTIM), PAYER)
    before = w3.eth.get_balance(PAYEE)
    receipt = send(deployed.payments.functions.pay(own), PAYER, 1)
    made = [event["paymentId"] for event in events(deployed.payments, "PaymentMade", receipt)]
    assert made == [own.payment_id, VICTIM.payment_id]
    assert w3.eth.get_balance(PAYEE) == before
    assert call(deployed.payments.functions.hasPaymentBeenMade(attacker.address, VICTIM))
    # What gives it away.
    assert call(deployed.permit2.functions.nonceBitmap(attacker.address, 0)) & 1


def test_attacker_pays_by_itself(w3: Web3, contracts: Contracts) -> None:
    deployed = payments_variant(w3, contracts, "deployed")
    attacker = deploy(w3, "Attacker", deployed.payments.address)
    own = Request(amount=1, payee_address=attacker.address, is_payment_endpoint=True)
    send(attacker.functions.aim(VICTIM), PAYER)
    receipt = send(attacker.functions.attack(own), PAYER, 1)
    assert len(events(deployed.payments, "PaymentMade", receipt)) == 2


def test_attacker_gets_nowhere_with_the_development_contract(w3: Web3, contracts: Contracts) -> None:
    attacker = deploy(w3, "Attacker", contracts.payments.address)
    send(attacker.functions.aim(VICTIM), PAYER)
    with reverting("InvalidPaymentToken()"):
        call(attacker.functions.payVictim(), PAYER)
