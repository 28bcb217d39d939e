import asyncio

import pytest

from minirelay.client.errors import RegistryUnavailable
from minirelay.client.relay_signers import KnownRelays, RegistryRelays
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.signing import checksum_address
from tests.chain_fixtures import Contracts
from tests.client.logs import RELAY, SHOP_ID, STRANGER

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

    async def down(shop_id: int, tokens: tuple[int, ...]) -> frozenset[bytes]:
        raise RegistryUnavailable("down")

    monkeypatch.setattr(relays._registry, "relay_owners", down)
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
    ask = relays._registry.relay_owners

    async def counted(shop_id: int, tokens: tuple[int, ...]) -> frozenset[bytes]:
        nonlocal asked
        asked += 1
        return await ask(shop_id, tokens)

    monkeypatch.setattr(relays._registry, "relay_owners", counted)
    address = bytes.fromhex(owner[2:])
    assert all(await asyncio.gather(*[relays.is_relay(SHOP_ID, address) for _ in range(20)]))
    assert asked == 1


async def test_a_chain_that_is_not_there_is_no_no() -> None:
    with pytest.raises(RegistryUnavailable):
        await RegistryRelays("http://127.0.0.1:1", tokens=[TOKEN]).is_relay(SHOP_ID, RELAY.address)


async def test_what_is_known_anyway_needs_no_chain() -> None:
    relays = RegistryRelays("http://127.0.0.1:1", also=[RELAY.address])
    assert await relays.is_relay(SHOP_ID, RELAY.address)
