"""What the relay's token needs, and that nothing that waits is in its way. The rest is in test_token.py."""

import pytest
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.errors import TransactionPending
from minirelay.chain.registration import Registration, TokenUnchecked
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.sending import Sender, Sent
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.token import RelayTokenService
from minirelay.chain.token_memory import OWNED_KEY
from minirelay.chain.wallet_lock import Purpose, WalletLock
from minirelay.config.urls import BaseUrl, EndpointUrl
from tests.chain.notebook import Notebook
from tests.chain.test_token import TOKEN, WALLET, mint, registry, service, slow_mining, waiting_transactions
from tests.chain_fixtures import Contracts, rpc

__all__ = ["registry", "slow_mining"]

URL = BaseUrl.parse("http://relay.example")
MOVED = BaseUrl.parse("http://moved.example")


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def tokens(registry: RelayReg, notebook: Notebook) -> RelayTokenService:
    sender = Sender(registry.chain, WALLET, poll_s=0.02, timeout_s=0.3)
    return RelayTokenService(registry, WALLET, notebook, configured=None, new_id=lambda: TOKEN, sender=sender)


@pytest.fixture
def shop_registry(chain: Chain, contracts: Contracts) -> ShopReg:
    return ShopReg(chain, bytes.fromhex(contracts.shop_reg.address[2:]))


@pytest.fixture
def registration(tokens: RelayTokenService, shop_registry: ShopReg) -> Registration:
    return Registration(tokens, shop_registry)


async def test_it_is_minted_then_checked_then_moved(
    registration: Registration, contracts: Contracts, w3: Web3
) -> None:
    need = await registration.need(URL)
    assert need.token is None
    token, result = await registration.fulfil(need)
    assert (token.token_id, result) == (TOKEN, "minted")

    blocks = w3.eth.block_number
    need = await registration.need(URL)
    assert (need.planned, need.old_uri) == (None, None)
    assert await registration.fulfil(need) == (token, "checked")
    assert w3.eth.block_number == blocks

    need = await registration.need(MOVED)
    assert need.old_uri == "http://relay.example"
    assert await registration.fulfil(need) == (token, "updated")
    assert contracts.relay_reg.functions.relayURIs(TOKEN).call() == "http://moved.example"


async def leave_waiting(chain: Chain, shop_registry: ShopReg, notebook: Notebook, purpose: Purpose) -> Sent:
    """Send something that is not mined, as anchoring and sweeping do."""
    sender = Sender(chain, WALLET)
    signed = await sender.sign(await sender.plan(shop_registry.minting(77, WALLET.address)))
    await WalletLock(notebook, WALLET, chain.chain_id).note(purpose, signed.sent)
    await sender.submit(signed)
    return signed.sent


@pytest.mark.parametrize("purpose", ["anchor", "sweep", "register"])
@pytest.mark.parametrize("moves", [False, True])
async def test_what_waits_is_replaced(
    registration: Registration,
    registry: RelayReg,
    shop_registry: ShopReg,
    notebook: Notebook,
    slow_mining: Web3,
    purpose: Purpose,
    moves: bool,
) -> None:
    if moves:
        rpc(slow_mining, "evm_setAutomine", True)
        await mint(registry)
        notebook.rows[OWNED_KEY] = TOKEN.to_bytes(32)
        rpc(slow_mining, "evm_setAutomine", False)
    before = await leave_waiting(shop_registry.chain, shop_registry, notebook, purpose)
    need = await registration.need(MOVED if moves else URL)
    assert need.planned is not None
    assert need.planned.transaction.instead_of == before
    with pytest.raises(TransactionPending):
        await registration.fulfil(need)
    last = await waiting_for(notebook, shop_registry.chain)
    assert last is not None
    assert last.hash != before.hash
    assert (last.nonce, last.max_fee * 8 >= before.max_fee * 9) == (before.nonce, True)
    assert waiting_transactions(slow_mining) == 1
    rpc(slow_mining, "evm_mine")
    assert (await registration.need(MOVED if moves else URL)).planned is None
    assert await shop_registry.owner_of(77) is None


async def waiting_for(notebook: Notebook, chain: Chain) -> Sent | None:
    last = await WalletLock(notebook, WALLET, chain.chain_id).waiting(Sender(chain, WALLET))
    return None if last is None else last.sent


async def test_a_token_that_cannot_be_checked_is_said_before_anything_is_sent(notebook: Notebook) -> None:
    notebook.rows[OWNED_KEY] = TOKEN.to_bytes(32)
    async with open_http() as http:
        nowhere = Chain(31337, http_endpoints([EndpointUrl("http://127.0.0.1:1")], http))
        tokens = service(RelayReg(nowhere, b"\5" * 20), notebook)
        with pytest.raises(TokenUnchecked, match=r"was not checked: .* refused.*; nothing was sent"):
            await Registration(tokens, ShopReg(nowhere, b"\6" * 20)).need(URL)
