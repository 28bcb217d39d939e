from collections.abc import AsyncIterator

import pytest

from minirelay.client.errors import ChainUnavailable
from minirelay.client.eth_calls import Address, EthCalls, read_address
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.abi import Function
from minirelay.protocol.registries import RELAY_OWNER_OF
from tests.client.rpc_endpoint import Endpoint, rpc_endpoint

CONTRACT = b"\x11" * 20
SUM = Function("sum", ("uint256", "uint256"), ("uint256",))
WORD = "0x" + "0" * 63 + "7"

RAW = bytes(range(20))


@pytest.mark.parametrize("given", [RAW, RAW.hex(), "0x" + RAW.hex(), "0x" + RAW.hex().upper()])
def test_address_is_bytes_or_hex(given: Address) -> None:
    assert read_address(given) == RAW


@pytest.mark.parametrize("given", [RAW[1:], b"", "", "0x", RAW.hex() + "00", "0x" + "g" * 40])
def test_what_is_no_address_is_refused(given: Address) -> None:
    with pytest.raises(ValueError):
        read_address(given)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with rpc_endpoint() as endpoint:
        yield endpoint


async def called(endpoint: Endpoint) -> tuple[object, ...] | None:
    async with EthCalls.to(endpoint.url) as calls:
        return await calls.call(CONTRACT, SUM, 3, 4)


async def chain_id(endpoint: Endpoint) -> int:
    async with EthCalls.to(endpoint.url) as calls:
        return await calls.chain_id()


async def test_call_gives_what_the_function_returns(endpoint: Endpoint) -> None:
    endpoint.results = [WORD]
    assert await called(endpoint) == (7,)


async def test_chain_says_its_id(dev_chain: DevChain) -> None:
    async with EthCalls.to(dev_chain.rpc_url) as calls:
        assert await calls.chain_id() == 31337


async def test_revert_is_none(dev_chain: DevChain, deployment: Deployment) -> None:
    async with EthCalls.to(dev_chain.rpc_url) as calls:
        assert await calls.call(bytes.fromhex(deployment.relay_reg[2:]), RELAY_OWNER_OF, 99) is None


async def test_address_without_a_contract_is_no_answer(dev_chain: DevChain) -> None:
    async with EthCalls.to(dev_chain.rpc_url) as calls:
        with pytest.raises(ChainUnavailable, match="no such contract at 0x1111"):
            await calls.call(CONTRACT, SUM, 3, 4)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id":2,"result":"' + WORD.encode() + b'"}',
        b'{"id":1,"result":null}',
        b'{"id":1,"result":"0xzz"}',
        b'{"id":1,"error":{"code":-32005,"message":"rate limited"}}',
        b'{"id":1,"result":"0x' + b"0" * 1_000_000 + b'"}',
    ],
)
async def test_nonsense_is_no_answer(endpoint: Endpoint, body: bytes) -> None:
    endpoint.body = body
    with pytest.raises(ChainUnavailable):
        await called(endpoint)
    with pytest.raises(ChainUnavailable):
        await chain_id(endpoint)


async def test_endpoint_that_is_not_there_is_no_answer() -> None:
    async with EthCalls.to("http://127.0.0.1:1") as calls:
        with pytest.raises(ChainUnavailable, match="no answer"):
            await calls.chain_id()
