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
    data = registry.mint_data(TOKEN, raw(OWNER), URI)
    sent = w3.eth.send_transaction(
        {"from": w3.to_checksum_address(OWNER), "to": contracts.relay_reg.address, "data": data}
    )
    assert w3.eth.wait_for_transaction_receipt(sent)["status"] == 1
    assert await registry.owner_of(TOKEN) == raw(OWNER)
    assert await registry.uri(TOKEN) == URI


def test_mint_data_is_that_of_the_abi(contracts: Contracts) -> None:
    expected = contracts.relay_reg.encode_abi("mint", [TOKEN, OWNER, URI])
    registry = RelayReg(Chain(1, [], None), b"")  # type: ignore[arg-type]
    assert "0x" + registry.mint_data(TOKEN, raw(OWNER), URI).hex() == expected
