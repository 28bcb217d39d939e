"""Calling the contracts in tests: sending as one of the ten, and saying how a call is refused."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from eth_typing import ChecksumAddress, HexAddress, HexStr
from eth_utils.abi import event_abi_to_log_topic
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractLogicError
from web3.types import TxReceipt, Wei

from minirelay.dev.accounts import ACCOUNTS

OWNER, RELAY, CLERK, STRANGER, PAYER, PAYEE, REFUND = (
    ChecksumAddress(HexAddress(HexStr(account.address))) for account in ACCOUNTS[:7]
)

# Given, so that web3 needs not ask for them.
ENOUGH_GAS = 5_000_000
GAS_PRICE = Wei(3 * 10**9)
NOBODY = "0x" + "0" * 40


def send(function: ContractFunction, sender: ChecksumAddress, value: int = 0) -> TxReceipt:
    """Send a transaction that must succeed."""
    w3: Web3 = function.w3
    receipt = w3.eth.wait_for_transaction_receipt(
        function.transact({"from": sender, "value": Wei(value), "gas": ENOUGH_GAS, "gasPrice": GAS_PRICE})
    )
    assert receipt["status"] == 1
    return receipt


def call(function: ContractFunction, sender: ChecksumAddress = STRANGER, value: int = 0) -> Any:
    """Execute without sending."""
    return function.call({"from": sender, "value": Wei(value)})


@contextmanager
def reverting(error: str, *arguments: object) -> Iterator[None]:
    """Expect exactly this revert: an error's signature, such as "NotAuthorized(uint8)", and its arguments."""
    with pytest.raises(ContractLogicError) as caught:
        yield
    types = error[error.index("(") + 1 : -1]
    expected = keccak(error.encode())[:4] + encode(types.split(",") if types else [], arguments)
    assert caught.value.data == "0x" + expected.hex()


@contextmanager
def refusing(text: str) -> Iterator[None]:
    """Expect a revert with this text."""
    with reverting("Error(string)", text):
        yield


def events(contract: Contract, name: str, receipt: TxReceipt) -> Sequence[dict[str, Any]]:
    """Return the arguments of a contract's own events of this name in a receipt."""
    logs = [log for log in receipt["logs"] if log["address"] == contract.address]
    event = contract.events[name]()
    topic = HexBytes(event_abi_to_log_topic(event.abi))
    return [dict(event.process_log(log)["args"]) for log in logs if log["topics"][0] == topic]
