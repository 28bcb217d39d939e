"""Many calls in one, at the address where libraries look for it."""

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError
from web3.types import Wei

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.artifacts import load_artifact
from minirelay.dev.chain.blockchain import MULTICALL3_ADDRESS
from minirelay.protocol.abi import load_abi
from minirelay.protocol.signing import checksum_address
from tests.chain_fixtures import Contracts

ADDRESS = Web3.to_checksum_address(checksum_address(MULTICALL3_ADDRESS))
NOWHERE = Web3.to_checksum_address("0x" + "99" * 20)


@pytest.fixture
def multicall(w3: Web3, contracts: Contracts) -> Contract:
    return w3.eth.contract(address=ADDRESS, abi=load_abi("Multicall3").entries)


def test_its_address_is_the_canonical_one(w3: Web3) -> None:
    assert ADDRESS == "0xcA11bde05977b3631167028862bE2a173976CA11"
    assert bytes(w3.eth.get_code(ADDRESS)) == load_artifact("Multicall3").deployed


def symbol(contracts: Contracts) -> str:
    return str(contracts.eddies.encode_abi("symbol", []))


def decimals(contracts: Contracts) -> str:
    return str(contracts.eddies.encode_abi("decimals", []))


def test_calls_are_aggregated(multicall: Contract, contracts: Contracts, w3: Web3) -> None:
    eddies = contracts.eddies.address
    calls = [(eddies, symbol(contracts)), (eddies, decimals(contracts))]
    number, results = multicall.functions.aggregate(calls).call()
    assert number == w3.eth.block_number
    assert int.from_bytes(results[1], "big") == 2
    assert b"EDD" in results[0]


def test_a_call_may_fail_where_it_says_so(multicall: Contract, contracts: Contracts) -> None:
    eddies = contracts.eddies.address
    wrong = (eddies, "0x12345678")
    results = multicall.functions.aggregate3(
        [(wrong[0], True, wrong[1]), (eddies, False, decimals(contracts))]
    ).call()
    assert [success for success, _ in results] == [False, True]
    for failing in (
        multicall.functions.aggregate3([(wrong[0], False, wrong[1])]),
        multicall.functions.aggregate([wrong]),
        multicall.functions.tryAggregate(True, [wrong]),
        multicall.functions.blockAndAggregate([wrong]),
    ):
        with pytest.raises(ContractLogicError, match="call failed"):
            failing.call()
    assert multicall.functions.tryAggregate(False, [wrong]).call()[0][0] is False


def test_coins_must_add_up(multicall: Contract, w3: Web3) -> None:
    calls = [(NOWHERE, False, 2, "0x"), (NOWHERE, False, 3, "0x")]
    multicall.functions.aggregate3Value(calls).transact({"from": w3.eth.accounts[0], "value": Wei(5)})
    assert w3.eth.get_balance(NOWHERE) == 5
    with pytest.raises(ContractLogicError):
        multicall.functions.aggregate3Value(calls).call({"from": w3.eth.accounts[0], "value": Wei(6)})


def test_what_it_says_of_the_chain(multicall: Contract, w3: Web3) -> None:
    newest = w3.eth.get_block("latest")
    call = multicall.functions
    assert call.getBlockNumber().call() == newest["number"]
    assert call.getCurrentBlockTimestamp().call() == newest["timestamp"]
    assert call.getLastBlockHash().call() == bytes(newest["parentHash"])
    assert call.getBlockHash(newest["number"] - 1).call() == bytes(newest["parentHash"])
    assert call.getCurrentBlockGasLimit().call() == newest["gasLimit"]
    assert call.getChainId().call() == 31337
    account = Web3.to_checksum_address(ACCOUNTS[2].address)
    assert call.getEthBalance(account).call() == w3.eth.get_balance(account)
