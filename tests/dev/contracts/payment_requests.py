"""Payment requests in tests, and the small contracts that play the payee."""

from typing import NamedTuple

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak
from eth_typing import ChecksumAddress, HexStr
from web3 import Web3
from web3.contract import Contract

from minirelay.dev.accounts import ACCOUNTS
from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import NOBODY, PAYEE, PAYER, STRANGER

REQUEST_TYPE = "(uint256,uint256,bytes32,address,uint256,address,bool,uint256,bytes)"
FAR_TTL = 2**40

# Logs what it is called with, and takes coins.
LISTENER = "365f5f37365fa000"
# Called with a payment request in a token, fetches the amount from the caller by transferFrom.
FETCHER = "6323b872dd60e01b5f52336004523060245260a4356044525f5f60645f5f6084355af100"
# Takes nothing.
REFUSER = "5f5ffd"


class Request(NamedTuple):
    """A PaymentRequest in the order of its fields."""

    chain_id: int = 31337
    ttl: int = FAR_TTL
    order: bytes = bytes(32)
    currency: str = NOBODY
    amount: int = 1000
    payee_address: str = PAYEE
    is_payment_endpoint: bool = False
    shop_id: int = 1
    shop_signature: bytes = bytes(64)

    @property
    def payment_id(self) -> int:
        return int.from_bytes(keccak(encode([REQUEST_TYPE], [tuple(self)])))


def deploy_runtime(w3: Web3, runtime: str) -> ChecksumAddress:
    """Deploy this runtime code. Returns its address."""
    init = f"60{len(runtime) // 2:02x}8060095f395ff3{runtime}"
    receipt = w3.eth.wait_for_transaction_receipt(
        w3.eth.send_transaction({"from": STRANGER, "data": HexStr("0x" + init)})
    )
    address = receipt["contractAddress"]
    assert address is not None
    return address


def permit(contracts: Contracts, request: Request, **changed: object) -> bytes:
    """Sign the permit that payToken redeems, as the payer; some values can be changed."""
    message = {
        "permitted": {"token": request.currency, "amount": request.amount},
        "spender": contracts.payments.address,
        "nonce": request.payment_id,
        "deadline": request.ttl,
    }
    return sign_permit(contracts.permit2, message | changed)


def sign_permit(permit2: Contract, message: dict[str, object], chain_id: int = 31337) -> bytes:
    """Sign a PermitTransferFrom as the payer."""
    signable = encode_typed_data(
        domain_data={"name": "Permit2", "chainId": chain_id, "verifyingContract": permit2.address},
        message_types={
            "PermitTransferFrom": [
                {"name": "permitted", "type": "TokenPermissions"},
                {"name": "spender", "type": "address"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ],
            "TokenPermissions": [
                {"name": "token", "type": "address"},
                {"name": "amount", "type": "uint256"},
            ],
        },
        message_data=message,
    )
    key = next(account.private_key for account in ACCOUNTS if account.address == PAYER)
    return bytes(Account.sign_message(signable, key).signature)
