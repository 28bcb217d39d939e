"""RelayReg on a real EVM."""

from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.relay_registry import RelayReg
from minirelay.dev.accounts import ACCOUNTS
from tests.chain_fixtures import Contracts

OWNER = ACCOUNTS[0].address
TOKEN = 2**256 - 7
URI = "https://relay.example/ä"


def raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


async def test_tokens(chain: Chain, contracts: Contracts, w3: Web3) -> None:
    registry = RelayReg(chain, raw(contracts.relay_reg.address))
    assert await registry.owner_of(TOKEN) is None
    assert await registry.uri(TOKEN) == ""
    sent = contracts.relay_reg.functions.mint(TOKEN, OWNER, URI).transact({"from": OWNER})
    assert w3.eth.wait_for_transaction_receipt(sent)["status"] == 1
    assert await registry.owner_of(TOKEN) == raw(OWNER)
    assert await registry.uri(TOKEN) == URI


def test_calls_are_those_of_the_abi(contracts: Contracts) -> None:
    registry = RelayReg(Chain(1, []), raw(contracts.relay_reg.address))
    for call in (registry.minting(TOKEN, raw(OWNER), URI), registry.uri_update(TOKEN, URI)):
        assert call.address == raw(contracts.relay_reg.address)
        ours = call.abi.function(call.function).encode(*call.arguments)
        assert f"0x{ours.hex()}" == contracts.relay_reg.encode_abi(call.function, list(call.arguments))
