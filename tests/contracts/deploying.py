"""Deploying the contracts that only tests need, and the Payments contract in its two variants."""

import json
from dataclasses import replace
from typing import Any

from web3 import Web3
from web3.contract import Contract

from minirelay.dev.accounts import ACCOUNTS
from tests.chain_fixtures import Contracts
from tests.contracts.compile import BUILD
from tests.dev.contracts.contract_calls import ENOUGH_GAS, GAS_PRICE

VARIANTS = ("development", "deployed")
"""Our own Payments, and one with the quirks of the one on public chains (spec 07 "As deployed")."""


def artifact(name: str) -> dict[str, Any]:
    """Load what was compiled: "abi", "bytecode", "deployedBytecode" and more."""
    content: dict[str, Any] = json.loads((BUILD / f"{name}.json").read_text())
    return content


def deploy(w3: Web3, name: str, *arguments: object) -> Contract:
    """Deploy one of these contracts."""
    compiled = artifact(name)
    factory = w3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
    transaction = factory.constructor(*arguments).transact(
        {"from": w3.to_checksum_address(ACCOUNTS[3].address), "gas": ENOUGH_GAS, "gasPrice": GAS_PRICE}
    )
    address = w3.eth.wait_for_transaction_receipt(transaction)["contractAddress"]
    assert address is not None
    assert w3.eth.get_code(address)
    return w3.eth.contract(address=address, abi=compiled["abi"])


def payments_variant(w3: Web3, contracts: Contracts, variant: str) -> Contracts:
    """Return the contracts with Payments and its Permit2 in one of the VARIANTS."""
    if variant == "development":
        return contracts
    permit2 = deploy(w3, "CarelessPermit2")
    return replace(contracts, payments=deploy(w3, "DeployedPayments", permit2.address), permit2=permit2)
