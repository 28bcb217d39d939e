import asyncio
from collections.abc import AsyncIterator

import pytest
from web3 import Web3

from minirelay.client.errors import RegistryUnavailable
from minirelay.client.relay_signers import KnownRelays, Registry, RegistryRelays
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.signing import checksum_address
from tests.chain_fixtures import Contracts
from tests.client.logs import RELAY, SHOP_ID, STRANGER
from tests.client.rpc_endpoint import Endpoint, rpc_endpoint

TOKEN, OTHER_TOKEN = 2**255 + 7, 11


def raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


@pytest.fixture
def registry(dev_chain: DevChain, deployment: Deployment) -> Registry:
    return Registry(dev_chain.rpc_url, raw(deployment.relay_reg), raw(deployment.shop_reg))


@pytest.fixture
def shop(w3: Web3, contracts: Contracts) -> None:
    """Mint two relays, and a shop that lists one of them."""
    contracts.relay_reg.functions.mint(TOKEN, ACCOUNTS[1].address, "").transact({"from": ACCOUNTS[0].address})
    contracts.relay_reg.functions.mint(OTHER_TOKEN, ACCOUNTS[2].address, "").transact(
        {"from": ACCOUNTS[0].address}
    )
    contracts.shop_reg.functions.mint(SHOP_ID, ACCOUNTS[0].address).transact({"from": ACCOUNTS[0].address})
    contracts.shop_reg.functions.addRelay(SHOP_ID, TOKEN).transact({"from": ACCOUNTS[0].address})


@pytest.mark.usefixtures("shop")
async def test_owners_of_listed_and_of_named_tokens_are_found(registry: Registry) -> None:
    first, second = (raw(ACCOUNTS[number].address) for number in (1, 2))
    assert await registry.relay_owners(SHOP_ID, ()) == {first}
    assert await registry.relay_owners(SHOP_ID, [OTHER_TOKEN]) == {first, second}
    assert await registry.relay_owners(SHOP_ID, [TOKEN]) == {first}


@pytest.mark.usefixtures("shop")
async def test_a_token_that_nobody_owns_has_no_owner(registry: Registry) -> None:
    assert await registry.relay_owners(SHOP_ID + 1, [99]) == frozenset()


@pytest.mark.usefixtures("shop")
async def test_a_sold_token_has_its_new_owner(registry: Registry, contracts: Contracts) -> None:
    seller, buyer = ACCOUNTS[1].address, ACCOUNTS[3].address
    contracts.relay_reg.functions.transferFrom(seller, buyer, TOKEN).transact({"from": seller})
    assert await registry.relay_owners(SHOP_ID, ()) == {raw(buyer)}


async def test_no_contract_is_not_taken_for_a_no(dev_chain: DevChain) -> None:
    registry = Registry(dev_chain.rpc_url, b"\x11" * 20, b"\x22" * 20)
    with pytest.raises(RegistryUnavailable, match="no such contract at 0x2222"):
        await registry.relay_owners(SHOP_ID, [TOKEN])


@pytest.fixture
async def node() -> AsyncIterator[tuple[Endpoint, Registry]]:
    async with rpc_endpoint() as endpoint:
        yield endpoint, Registry(endpoint.url, b"\x11" * 20, b"\x22" * 20)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"id":2,"result":"0x' + b"0" * 64 + b'"}',
        b'{"id":1,"result":null}',
        b'{"id":1,"result":7}',
        b'{"id":1,"result":"0x"}',
        b'{"id":1,"result":"0xzz"}',
        b'{"id":1,"result":"\xc3\xa9"}',
        b'{"id":1,"result":"0x1234"}',
        b'{"id":1,"result":"0x' + b"f" * 128 + b'"}',
        b'{"error":{"code":-32005,"message":"rate limited"}}',
        b'{"error":"no"}',
        b'{"error":{"code":3}}',
        b'{"error":{"code":3,"message":"rate limit exceeded"}}',
        b'{"error":{"code":-32000,"message":"backend reverted to read-only mode"}}',
        b"[" * 100_000,
        b'{"id":1,"result":"0x' + b"0" * 1_000_000 + b'"}',
    ],
)
async def test_nonsense_is_not_taken_for_a_no(node: tuple[Endpoint, Registry], body: bytes) -> None:
    node[0].body = body
    with pytest.raises(RegistryUnavailable):
        await node[1].relay_owners(SHOP_ID, [TOKEN])


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"code":3,"message":"execution reverted","data":"0x"}}',
        b'{"error":{"code":-32603,"message":"anything","data":"0x4e487b71' + b"0" * 64 + b'"}}',
        b'{"error":{"code":-32000,"message":"VM Exception: execution Reverted"}}',
    ],
)
async def test_a_revert_is_a_no(node: tuple[Endpoint, Registry], body: bytes) -> None:
    node[0].body = body
    assert await node[1].relay_owners(SHOP_ID, [TOKEN]) == frozenset()


async def test_an_endpoint_that_is_not_there_is_not_taken_for_a_no() -> None:
    with pytest.raises(RegistryUnavailable, match="no answer"):
        await Registry("http://127.0.0.1:1", b"\x11" * 20, b"\x22" * 20).relay_owners(SHOP_ID, [TOKEN])


TOKEN = 77


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "given", [RELAY.address, "0x" + RELAY.address.hex(), checksum_address(RELAY.address)]
)
async def test_known_relays_are_known(given: bytes | str) -> None:
    relays = KnownRelays(given, b"\x01" * 20)
    assert await relays.is_relay(SHOP_ID, RELAY.address)
    assert not await relays.is_relay(SHOP_ID, STRANGER.address)


def test_an_address_has_twenty_bytes() -> None:
    with pytest.raises(ValueError, match="20 bytes, not 33"):
        KnownRelays(RELAY.public_key)
    with pytest.raises(ValueError, match="20 bytes, not 3"):
        RegistryRelays("http://127.0.0.1:1", also=[b"abc"])
    for text in ("", "0x", "0x12", "hello", "0x" + "g" * 40, "0x" + "1" * 42):
        with pytest.raises(ValueError, match=r"20 bytes|hexadecimal"):
            KnownRelays(text)


def registry_relays(chain: DevChain, deployment: Deployment, clock: Clock, *also: bytes) -> RegistryRelays:
    return RegistryRelays(
        chain.rpc_url,
        tokens=[TOKEN],
        also=also,
        relay_reg=deployment.relay_reg,
        shop_reg=deployment.shop_reg,
        most_age_s=60,
        clock=clock,
    )


async def test_who_owns_the_token_is_a_relay_until_it_is_sold(
    dev_chain: DevChain, deployment: Deployment, contracts: Contracts
) -> None:
    seller, buyer = ACCOUNTS[1].address, ACCOUNTS[3].address
    contracts.relay_reg.functions.mint(TOKEN, seller, "").transact({"from": ACCOUNTS[0].address})
    clock = Clock()
    relays = registry_relays(dev_chain, deployment, clock)
    first, second = bytes.fromhex(seller[2:]), bytes.fromhex(buyer[2:])
    assert await relays.is_relay(SHOP_ID, first)
    assert not await relays.is_relay(SHOP_ID, second)

    contracts.relay_reg.functions.transferFrom(seller, buyer, TOKEN).transact({"from": seller})
    # What was answered is good for a minute; who was not in it is asked for anew.
    assert await relays.is_relay(SHOP_ID, first)
    assert await relays.is_relay(SHOP_ID, second)
    clock.now += 61
    assert not await relays.is_relay(SHOP_ID, first)
    assert await registry_relays(dev_chain, deployment, clock, first).is_relay(SHOP_ID, first)


async def test_an_old_answer_is_better_than_none(
    dev_chain: DevChain, deployment: Deployment, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = ACCOUNTS[1].address
    contracts.relay_reg.functions.mint(TOKEN, owner, "").transact({"from": ACCOUNTS[0].address})
    clock = Clock()
    relays = registry_relays(dev_chain, deployment, clock)
    assert await relays.is_relay(SHOP_ID, bytes.fromhex(owner[2:]))

    async def down(registry: Registry, shop_id: int, tokens: tuple[int, ...]) -> frozenset[bytes]:
        raise RegistryUnavailable("down")

    monkeypatch.setattr(Registry, "relay_owners", down)
    clock.now += 10_000
    assert await relays.is_relay(SHOP_ID, bytes.fromhex(owner[2:]))
    with pytest.raises(RegistryUnavailable):
        await relays.is_relay(SHOP_ID, STRANGER.address)


async def test_who_asks_at_the_same_time_shares_the_answer(
    dev_chain: DevChain, deployment: Deployment, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = ACCOUNTS[1].address
    contracts.relay_reg.functions.mint(TOKEN, owner, "").transact({"from": ACCOUNTS[0].address})
    relays = registry_relays(dev_chain, deployment, Clock())
    asked = 0
    ask = Registry.relay_owners

    async def counted(registry: Registry, shop_id: int, tokens: tuple[int, ...]) -> frozenset[bytes]:
        nonlocal asked
        asked += 1
        return await ask(registry, shop_id, tokens)

    monkeypatch.setattr(Registry, "relay_owners", counted)
    address = bytes.fromhex(owner[2:])
    assert all(await asyncio.gather(*[relays.is_relay(SHOP_ID, address) for _ in range(20)]))
    assert asked == 1


async def test_a_chain_that_is_not_there_is_no_no() -> None:
    with pytest.raises(RegistryUnavailable):
        await RegistryRelays("http://127.0.0.1:1", tokens=[TOKEN]).is_relay(SHOP_ID, RELAY.address)


async def test_what_is_known_anyway_needs_no_chain() -> None:
    relays = RegistryRelays("http://127.0.0.1:1", also=[RELAY.address])
    assert await relays.is_relay(SHOP_ID, RELAY.address)
