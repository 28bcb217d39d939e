from web3 import Web3

from tests.chain_fixtures import Contracts
from tests.contracts.deploying import payments_variant
from tests.dev.contracts.contract_calls import NOBODY, PAYEE, PAYER, STRANGER, call, reverting, send
from tests.dev.contracts.payment_requests import FAR_TTL, sign_permit


def test_transfer_where_there_is_no_token_succeeds(w3: Web3, contracts: Contracts) -> None:
    permit2 = payments_variant(w3, contracts, "deployed").permit2
    message = {
        "permitted": {"token": NOBODY, "amount": 5},
        "spender": STRANGER,
        "nonce": 0,
        "deadline": FAR_TTL,
    }
    terms = ((NOBODY, 5), 0, FAR_TTL)
    permit = sign_permit(permit2, message)
    send(permit2.functions.permitTransferFrom(terms, (PAYEE, 5), PAYER, permit), STRANGER)
    assert call(permit2.functions.nonceBitmap(PAYER, 0)) == 1


def test_transfer_that_a_token_refuses_fails(w3: Web3, contracts: Contracts) -> None:
    permit2 = payments_variant(w3, contracts, "deployed").permit2
    token = contracts.eddies.address
    message = {
        "permitted": {"token": token, "amount": 5},
        "spender": STRANGER,
        "nonce": 0,
        "deadline": FAR_TTL,
    }
    terms = ((token, 5), 0, FAR_TTL)
    with reverting("TransferFailed()"):
        call(
            permit2.functions.permitTransferFrom(terms, (PAYEE, 5), PAYER, sign_permit(permit2, message)),
            STRANGER,
        )
