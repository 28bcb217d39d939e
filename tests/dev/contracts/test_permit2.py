import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from web3 import Web3

from tests.chain_fixtures import Contracts, rpc
from tests.dev.contracts.contract_calls import PAYEE, PAYER, STRANGER, call, events, reverting, send
from tests.dev.contracts.payment_requests import FAR_TTL, sign_permit

AMOUNT = 500
NONCE = 5 * 256 + 3


@pytest.fixture
def funded(contracts: Contracts) -> Contracts:
    send(contracts.eddies.functions.mint(PAYER, 10 * AMOUNT), STRANGER)
    send(contracts.eddies.functions.approve(contracts.permit2.address, 10 * AMOUNT), PAYER)
    return contracts


def terms(contracts: Contracts, nonce: int = NONCE, deadline: int = FAR_TTL) -> tuple[object, ...]:
    return ((contracts.eddies.address, AMOUNT), nonce, deadline)


def signature(
    contracts: Contracts, nonce: int = NONCE, deadline: int = FAR_TTL, chain_id: int = 31337
) -> bytes:
    message = {
        "permitted": {"token": contracts.eddies.address, "amount": AMOUNT},
        "spender": STRANGER,
        "nonce": nonce,
        "deadline": deadline,
    }
    return sign_permit(contracts.permit2, message, chain_id)


def test_domain_is_that_of_permit2_at_this_address_on_this_chain(contracts: Contracts) -> None:
    domain = encode(
        ["bytes32", "bytes32", "uint256", "address"],
        [
            keccak(b"EIP712Domain(string name,uint256 chainId,address verifyingContract)"),
            keccak(b"Permit2"),
            31337,
            contracts.permit2.address,
        ],
    )
    assert call(contracts.permit2.functions.DOMAIN_SEPARATOR()) == keccak(domain)


@pytest.mark.parametrize("amount", [AMOUNT, 1, 0])
def test_spender_transfers_up_to_the_amount(funded: Contracts, amount: int) -> None:
    function = funded.permit2.functions.permitTransferFrom(
        terms(funded), (PAYEE, amount), PAYER, signature(funded)
    )
    send(function, STRANGER)
    assert call(funded.eddies.functions.balanceOf(PAYEE)) == amount


def test_not_more_than_the_amount(funded: Contracts) -> None:
    function = funded.permit2.functions.permitTransferFrom(
        terms(funded), (PAYEE, AMOUNT + 1), PAYER, signature(funded)
    )
    with reverting("InvalidAmount(uint256)", AMOUNT):
        call(function)


def test_only_the_spender(funded: Contracts) -> None:
    function = funded.permit2.functions.permitTransferFrom(
        terms(funded), (PAYEE, AMOUNT), PAYER, signature(funded)
    )
    with reverting("InvalidSigner()"):
        call(function, PAYEE)


def test_only_the_owner_signs(funded: Contracts) -> None:
    function = funded.permit2.functions.permitTransferFrom(
        terms(funded), (PAYEE, AMOUNT), PAYEE, signature(funded)
    )
    with reverting("InvalidSigner()"):
        call(function)


def test_signature_for_another_chain(funded: Contracts) -> None:
    function = funded.permit2.functions.permitTransferFrom(
        terms(funded), (PAYEE, AMOUNT), PAYER, signature(funded, chain_id=1)
    )
    with reverting("InvalidSigner()"):
        call(function)


@pytest.mark.parametrize("garbage", [b"", bytes(65), b"\xff" * 65, bytes(64)])
def test_garbage_is_no_signature(funded: Contracts, garbage: bytes) -> None:
    function = funded.permit2.functions.permitTransferFrom(terms(funded), (PAYEE, AMOUNT), PAYER, garbage)
    with reverting("InvalidSigner()"):
        call(function)


def test_deadline(w3: Web3, funded: Contracts) -> None:
    deadline = w3.eth.get_block("latest")["timestamp"] + 100
    function = funded.permit2.functions.permitTransferFrom(
        terms(funded, deadline=deadline), (PAYEE, AMOUNT), PAYER, signature(funded, deadline=deadline)
    )
    rpc(w3, "evm_setNextBlockTimestamp", deadline)
    function.call({"from": STRANGER}, block_identifier="pending")
    rpc(w3, "evm_setNextBlockTimestamp", deadline + 1)
    with reverting("SignatureExpired(uint256)", deadline):
        function.call({"from": STRANGER}, block_identifier="pending")


def test_nonce_is_used_once(funded: Contracts) -> None:
    function = funded.permit2.functions.permitTransferFrom(
        terms(funded), (PAYEE, AMOUNT), PAYER, signature(funded)
    )
    send(function, STRANGER)
    assert call(funded.permit2.functions.nonceBitmap(PAYER, 5)) == 1 << 3
    with reverting("InvalidNonce()"):
        call(function)
    other = funded.permit2.functions.permitTransferFrom(
        terms(funded, NONCE + 1), (PAYEE, AMOUNT), PAYER, signature(funded, NONCE + 1)
    )
    call(other)


def test_owner_takes_nonces_back(funded: Contracts) -> None:
    receipt = send(funded.permit2.functions.invalidateUnorderedNonces(5, 1 << 3), PAYER)
    assert events(funded.permit2, "UnorderedNonceInvalidation", receipt) == [
        {"owner": PAYER, "word": 5, "mask": 1 << 3}
    ]
    function = funded.permit2.functions.permitTransferFrom(
        terms(funded), (PAYEE, AMOUNT), PAYER, signature(funded)
    )
    with reverting("InvalidNonce()"):
        call(function)


def test_token_without_code(funded: Contracts) -> None:
    message = {
        "permitted": {"token": PAYEE, "amount": AMOUNT},
        "spender": STRANGER,
        "nonce": NONCE,
        "deadline": FAR_TTL,
    }
    function = funded.permit2.functions.permitTransferFrom(
        ((PAYEE, AMOUNT), NONCE, FAR_TTL), (PAYEE, AMOUNT), PAYER, sign_permit(funded.permit2, message)
    )
    with reverting("SafeERC20FailedOperation(address)", PAYEE):
        call(function)
