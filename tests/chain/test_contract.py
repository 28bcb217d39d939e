"""Functions of contracts: what is sent, and whatever comes back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.chain.answer_bounds import array_bytes
from minirelay.chain.chain import Chain
from minirelay.chain.contract import Contract, Function, address_bytes
from minirelay.chain.errors import ChainUnreachable, Reverted, WrongContract
from minirelay.errors import ConfigError, MalformedInput
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


def test_call_data() -> None:
    assert OWNER_OF.encode(5).hex() == "6352211e" + word(5).hex()
    mint = Function("mint", ("uint256", "address", "string"))
    assert Function("transfer", ("address", "uint256")).selector.hex() == "a9059cbb"
    assert mint.encode(1, ADDRESS, "hi") == (
        mint.selector + word(1) + bytes(12) + ADDRESS + word(96) + word(2) + b"hi".ljust(32, b"\0")
    )


def test_results() -> None:
    assert address_bytes(OWNER_OF.decode(bytes(12) + ADDRESS)[0]) == ADDRESS
    assert RELAYS.decode(word(32) + word(2) + word(7) + word(2**256 - 1)) == ((7, 2**256 - 1),)
    assert URI.decode(word(32) + word(2) + b"hi".ljust(32, b"\0")) == ("hi",)


@pytest.mark.parametrize(
    ("function", "data"),
    [
        (OWNER_OF, b""),
        (OWNER_OF, b"\1"),
        (OWNER_OF, word(2**160)),
        (OWNER_OF, word(7) + b"\0"),
        (RELAYS, word(32) + word(5) + word(7) * 5),
        (RELAYS, word(32)),
        (RELAYS, word(32) + word(2**255)),
        (RELAYS, word(2**255) + word(1)),
        (RELAYS, word(32) + word(2) + word(7)),
        (URI, word(32) + word(2**64) + b"hi"),
        (URI, word(32) + word(2) + b"\xff\xfe".ljust(32, b"\0")),
        (URI, word(2**63)),
    ],
)
def test_results_that_are_none(function: Function, data: bytes) -> None:
    with pytest.raises(MalformedInput, match=function.name):
        function.decode(data)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.lists(st.binary(min_size=32, max_size=32) | st.integers(0, 100).map(word), max_size=6))
def test_arbitrary_results_are_read_or_refused(words: list[bytes]) -> None:
    data = b"".join(words)
    for function in (OWNER_OF, RELAYS, URI):
        try:
            (value,) = function.decode(data)
        except MalformedInput:
            continue
        assert isinstance(value, str | tuple)


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
