"""The relay's own token: configured, remembered, minted, and checked later (spec 07)."""

import asyncio
import logging
from dataclasses import dataclass, field

import pytest
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable, WalletUnfunded
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.token import MINTING_KEY, OWNED_KEY, RECHECK_S, RelayToken, TokenKeeper
from minirelay.chain.transaction import send
from minirelay.chain.wallet import Wallet
from minirelay.dev.accounts import ACCOUNTS
from minirelay.errors import ConfigError
from tests.chain.nodes import Node, chain_over, error, plain
from tests.chain_fixtures import Contracts

WALLET = Wallet(bytes.fromhex(ACCOUNTS[1].private_key[2:]))
OTHER = Wallet(bytes.fromhex(ACCOUNTS[2].private_key[2:]))
TOKEN = 2**256 - 99
URI = "http://relay.example"


@dataclass
class Notebook:
    """What the database remembers."""

    rows: dict[str, bytes] = field(default_factory=dict)

    async def recall(self, key: str) -> bytes | None:
        return self.rows.get(key)

    async def remember(self, key: str, value: bytes) -> None:
        self.rows[key] = value


@pytest.fixture
def registry(chain: Chain, contracts: Contracts) -> RelayReg:
    return RelayReg(chain, bytes.fromhex(contracts.relay_reg.address[2:]))


async def mint(registry: RelayReg, token: int = TOKEN, owner: Wallet = WALLET) -> None:
    data = registry.mint_data(token, owner.address, URI)
    await send(registry.chain, owner, registry.address, data)


def keeper(
    registry: RelayReg, notebook: Notebook | None = None, *, configured: int | None = None
) -> TokenKeeper:
    return TokenKeeper(registry, WALLET, notebook or Notebook(), configured=configured, new_id=lambda: TOKEN)


def remembering(token: int, key: str = OWNED_KEY) -> Notebook:
    return Notebook({key: token.to_bytes(32)})


# -- configured


async def test_a_configured_token_that_the_wallet_owns(registry: RelayReg) -> None:
    await mint(registry)
    notebook = remembering(7)
    assert await keeper(registry, notebook, configured=TOKEN).find() == RelayToken(TOKEN, is_checked=True)


@pytest.mark.parametrize("owner", [OTHER, None])
async def test_a_configured_token_that_it_does_not_own(registry: RelayReg, owner: Wallet | None) -> None:
    if owner:
        await mint(registry, owner=owner)
    one = keeper(registry, configured=TOKEN)
    for attempt in (one.find(), one.find_or_mint(URI)):
        with pytest.raises(ConfigError, match=r"relay_token_id: the wallet 0x.* does not own") as caught:
            await attempt
        assert hex(TOKEN) in str(caught.value)
        assert "\n" not in str(caught.value)


async def test_a_configured_zero_is_a_token_too(registry: RelayReg) -> None:
    await mint(registry, token=0)
    assert await keeper(registry, configured=0).find() == RelayToken(0, is_checked=True)


# -- remembered


async def test_a_remembered_token_is_used(registry: RelayReg) -> None:
    await mint(registry)
    assert await keeper(registry, remembering(TOKEN)).find() == RelayToken(TOKEN, is_checked=True)


async def test_a_remembered_token_that_was_sold_is_not(registry: RelayReg) -> None:
    await mint(registry, token=5, owner=OTHER)
    assert await keeper(registry, remembering(5)).find() is None
    notebook = remembering(5)
    assert await keeper(registry, notebook).find_or_mint(URI) == RelayToken(TOKEN, is_checked=True)
    assert notebook.rows[OWNED_KEY] == TOKEN.to_bytes(32)


async def test_without_any_there_is_none(registry: RelayReg) -> None:
    assert await keeper(registry).find() is None


# -- minted


async def test_minting(registry: RelayReg, w3: Web3) -> None:
    notebook = Notebook()
    assert await keeper(registry, notebook).find_or_mint(URI) == RelayToken(TOKEN, is_checked=True)
    assert await registry.owner_of(TOKEN) == WALLET.address
    assert await registry.uri(TOKEN) == URI
    blocks = w3.eth.block_number
    assert await keeper(registry, notebook).find_or_mint(URI) == RelayToken(TOKEN, is_checked=True)
    assert w3.eth.block_number == blocks


async def test_ids_are_random_256_bit_numbers(registry: RelayReg) -> None:
    ids = set()
    for _ in range(2):
        token = await TokenKeeper(registry, WALLET, Notebook(), configured=None).find_or_mint(URI)
        ids.add(token.token_id)
    assert len(ids) == 2
    assert max(ids).bit_length() > 200


async def test_after_a_crash_while_minting_the_same_token_is_used(registry: RelayReg, w3: Web3) -> None:
    await mint(registry, token=77)
    blocks = w3.eth.block_number
    notebook = remembering(77, MINTING_KEY)
    assert await keeper(registry, notebook).find_or_mint(URI) == RelayToken(77, is_checked=True)
    assert w3.eth.block_number == blocks
    assert notebook.rows[OWNED_KEY] == (77).to_bytes(32)


async def test_after_a_crash_before_it_was_minted_it_is_minted(registry: RelayReg) -> None:
    assert (await keeper(registry, remembering(77, MINTING_KEY)).find_or_mint(URI)).token_id == 77
    assert await registry.owner_of(77) == WALLET.address


async def test_an_id_that_somebody_took_meanwhile(registry: RelayReg) -> None:
    await mint(registry, token=77, owner=OTHER)
    assert (await keeper(registry, remembering(77, MINTING_KEY)).find_or_mint(URI)).token_id == TOKEN


async def test_the_id_is_remembered_before_it_is_minted(registry: RelayReg) -> None:
    notebook = Notebook()
    poor = TokenKeeper(registry, Wallet(b"\7" * 32), notebook, configured=None, new_id=lambda: TOKEN)
    with pytest.raises(WalletUnfunded):
        await poor.find_or_mint(URI)
    assert notebook.rows == {MINTING_KEY: TOKEN.to_bytes(32)}


# -- an endpoint that can't be reached is never a "no"

DEAD = [plain("", 500), plain("<html>"), error(-32000, "header not found")]


@pytest.mark.parametrize("behaviour", DEAD)
@pytest.mark.parametrize("configured", [TOKEN, None])
async def test_the_relay_starts_without_an_endpoint_and_says_so(
    behaviour: object, configured: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    node = Node(results={"eth_call": behaviour})
    async with chain_over(node) as bench:
        registry = RelayReg(bench.chain, b"\5" * 20)
        notebook = Notebook() if configured else remembering(TOKEN)
        for attempt in ("find", "mint"):
            one = keeper(registry, notebook, configured=configured)
            found = await (one.find() if attempt == "find" else one.find_or_mint(URI))
            assert found == RelayToken(TOKEN, is_checked=False)
    assert "could not be checked" in caplog.text
    assert caplog.records[-1].levelno == logging.WARNING


async def test_without_a_token_and_without_an_endpoint_it_cannot_mint() -> None:
    async with chain_over(Node(behaviour=plain("", 500))) as bench:
        with pytest.raises(ChainUnreachable):
            await keeper(RelayReg(bench.chain, b"\5" * 20)).find_or_mint(URI)


@dataclass
class Wait:
    """Sleeps that only note themselves, and do something at the third."""

    slept: list[float] = field(default_factory=list)
    then: object = None

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        if len(self.slept) == 3 and callable(self.then):
            self.then()


def owned_by(wallet: Wallet) -> str:
    return "0x" + wallet.address.rjust(32, b"\0").hex()


@pytest.mark.parametrize("owner", [WALLET, OTHER, None])
async def test_it_is_checked_as_soon_as_an_endpoint_answers(owner: Wallet | None) -> None:
    node = Node(results={"eth_call": plain("", 500)})
    async with chain_over(node) as bench:

        def recover() -> None:
            bench.clock.now += 1000
            node.results["eth_call"] = owned_by(owner) if owner else error(3, "execution reverted")

        wait = Wait(then=recover)
        one = TokenKeeper(RelayReg(bench.chain, b"\5" * 20), WALLET, Notebook(), configured=TOKEN, sleep=wait)
        token = await one.find()
        assert token is not None
        if owner is WALLET:
            await one.check_later(token)
        else:
            with pytest.raises(ConfigError, match="does not own"):
                await one.check_later(token)
        assert wait.slept == [RECHECK_S] * 3


async def test_what_is_checked_is_not_checked_again() -> None:
    wait = Wait()
    async with chain_over(Node(behaviour=plain("", 500))) as bench:
        registry = RelayReg(bench.chain, b"\5" * 20)
        one = TokenKeeper(registry, WALLET, Notebook(), configured=TOKEN, sleep=wait)
        await one.check_later(RelayToken(TOKEN, is_checked=True))
    assert wait.slept == []
