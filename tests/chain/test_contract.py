"""Functions of contracts: what is sent, and whatever comes back."""

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.contract import Contract
from minirelay.chain.errors import ChainUnreachable, Reverted, WrongContract
from minirelay.errors import ConfigError
from minirelay.protocol.abi import Function, address_bytes
from minirelay.protocol.answer_bounds import array_bytes
from minirelay.protocol.signing import checksum_address
from tests.chain.nodes import CHAIN_ID, Node, chain_over, error, plain

OWNER_OF = Function("ownerOf", ("uint256",), ("address",))
RELAYS = Function("getAllRelays", ("uint256",), ("uint256[]",), most_bytes=array_bytes(4))
URI = Function("relayURIs", ("uint256",), ("string",), most_bytes=array_bytes(4))
ADDRESS = bytes(range(20))


def contract(chain: Chain) -> Contract:
    probe = Function("isThing", (), ("uint256",))
    return Contract(chain, ADDRESS, name="Thing", setting="thing", probe=probe)


def word(number: int) -> bytes:
    return number.to_bytes(32)


async def test_no_contract_is_a_failure_of_the_endpoint_and_never_a_no() -> None:
    async with chain_over(Node(results={"eth_call": "0x"})) as bench:
        with pytest.raises(ChainUnreachable, match="ownerOf returned nothing: there is no such contract"):
            await contract(bench.chain).call(OWNER_OF, 1, read=address_bytes)


async def test_what_goes_wrong_names_the_contract_and_its_setting() -> None:
    name = f"Thing at {checksum_address(ADDRESS)} \\(chains.{CHAIN_ID}.thing\\)"
    async with chain_over(Node(results={"eth_call": "0x01"})) as bench:
        with pytest.raises(ChainUnreachable, match=name):
            await contract(bench.chain).call(OWNER_OF, 1, read=address_bytes)
    async with chain_over(Node(results={"eth_call": error(3, "execution reverted")})) as bench:
        with pytest.raises(Reverted, match=f"{name}: ownerOf: execution reverted"):
            await contract(bench.chain).call(OWNER_OF, 1, read=address_bytes)


async def test_a_contract_is_proven_once() -> None:
    node = Node(results={"eth_call": "0x" + word(0).hex()})
    async with chain_over(node) as bench:
        one = contract(bench.chain)
        await one.prove()
        await one.prove()
    assert node.asked == ["eth_chainId", "eth_call"]


async def test_another_contract_is_a_wrong_setting() -> None:
    async with chain_over(Node(results={"eth_call": error(3, "execution reverted")})) as bench:
        with pytest.raises(WrongContract) as caught:
            await contract(bench.chain).prove()
    assert isinstance(caught.value, ConfigError)
    assert str(caught.value) == (
        f"chains.{CHAIN_ID}.thing: the contract at {checksum_address(ADDRESS)} on chain {CHAIN_ID} is no "
        "Thing; set the address of Thing"
    )


async def test_an_endpoint_that_fails_proves_nothing() -> None:
    for answer in ("0x", plain("", 500), error(-32000, "header not found")):
        async with chain_over(Node(results={"eth_call": answer})) as bench:
            with pytest.raises(ChainUnreachable):
                await contract(bench.chain).prove()
