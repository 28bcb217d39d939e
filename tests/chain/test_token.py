"""The relay's own token: configured, remembered, minted, and checked later (spec 07)."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from eth_typing import Hash32
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable, TransactionPending, WalletUnfunded, WrongContract
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.sending import Sender, Sent
from minirelay.chain.token import RECHECK_S, RelayToken, RelayTokenService, TokenNotOwned
from minirelay.chain.token_memory import MINTING_KEY, OWNED_KEY, OWNER_KEY, SENT_KEY
from minirelay.chain.wallet import Wallet
from minirelay.config.urls import BaseUrl
from minirelay.dev.accounts import ACCOUNTS
from minirelay.errors import ConfigError
from minirelay.protocol.abi import Function
from minirelay.protocol.ids import show_token
from minirelay.protocol.registries import RELAY_REG
from minirelay.protocol.signing import checksum_address
from tests.chain.nodes import CHAIN_ID, Node, chain_over, error, plain, said
from tests.chain.notebook import Notebook
from tests.chain_fixtures import Contracts, rpc

WALLET = Wallet(bytes.fromhex(ACCOUNTS[1].private_key[2:]))
OTHER = Wallet(bytes.fromhex(ACCOUNTS[2].private_key[2:]))
TOKEN = 2**256 - 99
URI = "http://relay.example"
OWNER_OF = "0x" + Function("ownerOf", ("uint256",)).selector.hex()


@pytest.fixture
def registry(chain: Chain, contracts: Contracts) -> RelayReg:
    return RelayReg(chain, bytes.fromhex(contracts.relay_reg.address[2:]))


async def mint(registry: RelayReg, token: int = TOKEN, owner: Wallet = WALLET) -> None:
    sender = Sender(registry.chain, owner, poll_s=0.01)
    await sender.send(await sender.plan(registry.minting(token, owner.address, URI)))


def service(
    registry: RelayReg, notebook: Notebook | None = None, *, configured: int | None = None
) -> RelayTokenService:
    return RelayTokenService(
        registry, WALLET, notebook or Notebook(), configured=configured, new_id=lambda: TOKEN
    )


def developing(registry: RelayReg, notebook: Notebook, wallet: Wallet = WALLET) -> RelayTokenService:
    return RelayTokenService(
        registry, wallet, notebook, configured=None, first_choice=TOKEN, new_id=lambda: 8
    )


async def test_under_development_the_id_is_known_before(registry: RelayReg) -> None:
    first, second = Notebook(), Notebook()
    assert (await developing(registry, first).find_or_mint(URI)).token_id == TOKEN
    # Another relay with the same wallet, as after a start with a new directory on a chain that stays.
    assert (await developing(registry, second).find_or_mint(URI)).token_id == TOKEN
    assert second.rows[OWNED_KEY] == first.rows[OWNED_KEY]


async def test_an_id_that_is_known_before_and_belongs_to_another_is_left_to_it(registry: RelayReg) -> None:
    await mint(registry, owner=OTHER)
    assert (await developing(registry, Notebook()).find_or_mint(URI)).token_id == 8


async def test_what_is_remembered_goes_before_what_is_known(registry: RelayReg) -> None:
    await mint(registry, token=5)
    assert (await developing(registry, remembering(5)).find_or_mint(URI)).token_id == 5


def owned_before(token: int, owner: Wallet) -> bytes:
    return token.to_bytes(32) + owner.address


def remembering(token: int, key: str = OWNED_KEY) -> Notebook:
    return Notebook({key: token.to_bytes(32)})


# -- configured


async def test_a_configured_token_that_the_wallet_owns(registry: RelayReg) -> None:
    await mint(registry)
    notebook = remembering(7)
    assert await service(registry, notebook, configured=TOKEN).find() == RelayToken(TOKEN, is_checked=True)


@pytest.mark.parametrize("owner", [OTHER, None])
async def test_a_configured_token_that_it_does_not_own(registry: RelayReg, owner: Wallet | None) -> None:
    if owner:
        await mint(registry, owner=owner)
    one = service(registry, configured=TOKEN)
    for attempt in (one.find(), one.find_or_mint(URI)):
        with pytest.raises(ConfigError, match=r"relay_token_id: the wallet 0x.* does not own") as caught:
            await attempt
        assert show_token(TOKEN) in str(caught.value)
        assert "\n" not in str(caught.value)


async def test_a_configured_zero_is_a_token_too(registry: RelayReg) -> None:
    await mint(registry, token=0)
    assert await service(registry, configured=0).find() == RelayToken(0, is_checked=True)


# -- remembered


async def test_a_remembered_token_is_used(registry: RelayReg) -> None:
    await mint(registry)
    assert await service(registry, remembering(TOKEN)).find() == RelayToken(TOKEN, is_checked=True)


async def test_the_wallet_that_owns_it_is_remembered_with_it(registry: RelayReg) -> None:
    await mint(registry)
    notebook = remembering(TOKEN)
    await service(registry, notebook).find()
    assert notebook.rows[OWNER_KEY] == owned_before(TOKEN, WALLET)
    minted = Notebook()
    await RelayTokenService(registry, WALLET, minted, configured=None, new_id=lambda: 8).find_or_mint(URI)
    assert minted.rows[OWNER_KEY] == owned_before(8, WALLET)


@pytest.mark.parametrize("owner", [OTHER, None])
@pytest.mark.parametrize("last_owner", [WALLET, OTHER, None])
async def test_a_remembered_token_that_the_wallet_does_not_own(
    registry: RelayReg, owner: Wallet | None, last_owner: Wallet | None
) -> None:
    if owner:
        await mint(registry, token=5, owner=owner)
    notebook = remembering(5)
    if last_owner:
        notebook.rows[OWNER_KEY] = owned_before(5, last_owner)
    with pytest.raises(TokenNotOwned, match=f"{checksum_address(WALLET.address)} does not own") as caught:
        await service(registry, notebook).find()
    text = str(caught.value)
    assert show_token(5) in text
    if last_owner is WALLET:
        # It was given away, or the chain is another: no key is missing.
        assert caught.value.may_be_replaced
        assert "put the key" not in text
    else:
        assert not caught.value.may_be_replaced
        is_known = owner or last_owner
        assert ("put the key of that wallet back" in text) == bool(is_known)
        assert (checksum_address(OTHER.address) in text) == bool(is_known)
        assert "register --new-token" in text


async def test_a_key_that_is_replaced_names_the_wallet_that_owned_the_token(registry: RelayReg) -> None:
    notebook = Notebook()
    token = await service(registry, notebook).find_or_mint(URI)
    replaced = RelayTokenService(registry, OTHER, notebook, configured=None)
    words = f"wallet_key_file: .*; {checksum_address(WALLET.address)} does: put the key of that wallet back"
    with pytest.raises(TokenNotOwned, match=words):
        await replaced.find()
    assert await service(registry, notebook).find() == token


async def test_a_token_that_was_given_to_the_new_wallet_is_used(registry: RelayReg) -> None:
    await mint(registry)
    notebook = remembering(TOKEN)
    notebook.rows[OWNER_KEY] = owned_before(TOKEN, OTHER)
    assert await service(registry, notebook).find() == RelayToken(TOKEN, is_checked=True)
    assert notebook.rows[OWNER_KEY] == owned_before(TOKEN, WALLET)


async def test_where_nobody_is_asked_another_one_is_minted_for_it(
    registry: RelayReg, caplog: pytest.LogCaptureFixture
) -> None:
    await mint(registry, token=5, owner=OTHER)
    notebook = remembering(5)
    assert await service(registry, notebook).find_or_mint(URI) == RelayToken(TOKEN, is_checked=True)
    # In the message, which is not cut as fields are: what to do stands at its end.
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "put the key of that wallet back" in warning
    assert notebook.rows[OWNED_KEY] == TOKEN.to_bytes(32)


async def test_another_contract_is_not_a_no(chain: Chain, contracts: Contracts) -> None:
    """RelayReg's address is ShopReg's: whatever it says of the token counts for nothing."""
    swapped = RelayReg(chain, bytes.fromhex(contracts.shop_reg.address[2:]))
    words = rf"chains\.{CHAIN_ID}\.relay_reg: the contract at {contracts.shop_reg.address} .* is no RelayReg"
    for one in (service(swapped, configured=TOKEN), service(swapped, remembering(TOKEN))):
        with pytest.raises(WrongContract, match=words):
            await one.find()
    with pytest.raises(WrongContract, match=words):
        await service(swapped).plan_mint(URI)


async def test_without_any_there_is_none(registry: RelayReg) -> None:
    assert await service(registry).find() is None


# -- minted


async def test_minting(registry: RelayReg, w3: Web3) -> None:
    notebook = Notebook()
    assert await service(registry, notebook).find_or_mint(URI) == RelayToken(TOKEN, is_checked=True)
    assert await registry.owner_of(TOKEN) == WALLET.address
    assert await registry.uri(TOKEN) == URI
    blocks = w3.eth.block_number
    assert await service(registry, notebook).find_or_mint(URI) == RelayToken(TOKEN, is_checked=True)
    assert w3.eth.block_number == blocks


async def test_ids_are_random_256_bit_numbers(registry: RelayReg) -> None:
    ids = set()
    for _ in range(2):
        token = await RelayTokenService(registry, WALLET, Notebook(), configured=None).find_or_mint(URI)
        ids.add(token.token_id)
    assert len(ids) == 2
    assert max(ids).bit_length() > 200


async def test_after_a_crash_while_minting_the_same_token_is_used(registry: RelayReg, w3: Web3) -> None:
    await mint(registry, token=77)
    blocks = w3.eth.block_number
    notebook = remembering(77, MINTING_KEY)
    assert await service(registry, notebook).find_or_mint(URI) == RelayToken(77, is_checked=True)
    assert w3.eth.block_number == blocks
    assert notebook.rows[OWNED_KEY] == (77).to_bytes(32)


async def test_after_a_crash_before_it_was_minted_it_is_minted(registry: RelayReg) -> None:
    assert (await service(registry, remembering(77, MINTING_KEY)).find_or_mint(URI)).token_id == 77
    assert await registry.owner_of(77) == WALLET.address


async def test_an_id_that_somebody_took_meanwhile(registry: RelayReg) -> None:
    await mint(registry, token=77, owner=OTHER)
    assert (await service(registry, remembering(77, MINTING_KEY)).find_or_mint(URI)).token_id == TOKEN


async def test_the_id_is_remembered_before_it_is_minted(registry: RelayReg) -> None:
    notebook = Notebook()
    poor = RelayTokenService(registry, Wallet(b"\7" * 32), notebook, configured=None, new_id=lambda: TOKEN)
    with pytest.raises(WalletUnfunded):
        await poor.find_or_mint(URI)
    assert notebook.rows == {MINTING_KEY: TOKEN.to_bytes(32)}


# -- minted again after it was not seen mined


@pytest.fixture
def slow_mining(w3: Web3) -> Iterator[Web3]:
    """Let the chain mine only when it is told to."""
    rpc(w3, "evm_setAutomine", False)
    yield w3
    rpc(w3, "evm_setAutomine", True)


async def not_seen_mined(registry: RelayReg, notebook: Notebook) -> Sent:
    """Mint a token that is not mined in time; gives what was sent."""
    with pytest.raises(TransactionPending, match="it still may be; run `minirelay register` again"):
        await impatient(registry, notebook).find_or_mint(URI)
    return Sent.decode(notebook.rows[SENT_KEY])


def impatient(registry: RelayReg, notebook: Notebook) -> RelayTokenService:
    sender = Sender(registry.chain, WALLET, poll_s=0.02, timeout_s=0.3)
    return RelayTokenService(registry, WALLET, notebook, configured=None, new_id=lambda: TOKEN, sender=sender)


def waiting_transactions(w3: Web3) -> int:
    """Count those of the wallet that wait."""
    address = w3.to_checksum_address(WALLET.address)
    return w3.eth.get_transaction_count(address, "pending") - w3.eth.get_transaction_count(address)


async def test_a_second_attempt_replaces_the_transaction_that_waits(
    registry: RelayReg, slow_mining: Web3
) -> None:
    notebook = Notebook()
    first = await not_seen_mined(registry, notebook)
    second = await not_seen_mined(registry, notebook)
    assert (second.nonce, second.hash != first.hash) == (first.nonce, True)
    assert second.max_fee * 8 >= first.max_fee * 9
    assert waiting_transactions(slow_mining) == 1
    rpc(slow_mining, "evm_mine")
    assert waiting_transactions(slow_mining) == 0
    assert await impatient(registry, notebook).find_or_mint(URI) == RelayToken(TOKEN, is_checked=True)
    mined = slow_mining.eth.get_transaction_receipt(Hash32(second.hash))
    assert mined["status"] == 1


async def test_what_was_mined_between_two_attempts_is_found(registry: RelayReg, slow_mining: Web3) -> None:
    notebook = Notebook()
    await not_seen_mined(registry, notebook)
    rpc(slow_mining, "evm_mine")
    blocks = slow_mining.eth.block_number
    assert await impatient(registry, notebook).find_or_mint(URI) == RelayToken(TOKEN, is_checked=True)
    assert (slow_mining.eth.block_number, waiting_transactions(slow_mining)) == (blocks, 0)


async def test_what_is_mined_while_the_second_is_agreed_to_is_found(
    registry: RelayReg, slow_mining: Web3
) -> None:
    notebook = Notebook()
    await not_seen_mined(registry, notebook)
    one = impatient(registry, notebook)
    planned = await one.plan_mint(URI)
    rpc(slow_mining, "evm_mine")
    assert await one.mint(planned) == RelayToken(TOKEN, is_checked=True)
    assert waiting_transactions(slow_mining) == 0
    assert notebook.rows[OWNED_KEY] == TOKEN.to_bytes(32)


async def test_one_that_the_node_lost_is_sent_again_in_its_place(
    registry: RelayReg, slow_mining: Web3
) -> None:
    notebook = Notebook()
    snapshot = rpc(slow_mining, "evm_snapshot")
    first = await not_seen_mined(registry, notebook)
    assert rpc(slow_mining, "evm_revert", snapshot) is True
    assert waiting_transactions(slow_mining) == 0
    second = await not_seen_mined(registry, notebook)
    assert second.nonce == first.nonce


async def test_one_that_was_mined_does_not_hold_up_another(registry: RelayReg, slow_mining: Web3) -> None:
    notebook = Notebook()
    await not_seen_mined(registry, notebook)
    rpc(slow_mining, "evm_setAutomine", True)
    rpc(slow_mining, "evm_mine")
    await registry_gives(registry, slow_mining, OTHER)
    one = RelayTokenService(registry, WALLET, notebook, configured=None, new_id=lambda: 8)
    assert await one.find_or_mint(URI) == RelayToken(8, is_checked=True)


async def registry_gives(registry: RelayReg, w3: Web3, to: Wallet) -> None:
    """Let the wallet give the token away, so that it is not its any more."""
    data = RELAY_REG.function("transferFrom").encode(
        checksum_address(WALLET.address), checksum_address(to.address), TOKEN
    )
    sender = w3.to_checksum_address(WALLET.address)
    w3.eth.send_transaction({"from": sender, "to": w3.to_checksum_address(registry.address), "data": data})


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
            one = service(registry, notebook, configured=configured)
            found = await (one.find() if attempt == "find" else one.find_or_mint(URI))
            assert found == RelayToken(TOKEN, is_checked=False)
    assert "could not be checked" in caplog.text
    assert caplog.records[-1].levelno == logging.WARNING


async def test_without_a_token_and_without_an_endpoint_it_cannot_mint() -> None:
    async with chain_over(Node(behaviour=plain("", 500))) as bench:
        with pytest.raises(ChainUnreachable):
            await service(RelayReg(bench.chain, b"\5" * 20)).find_or_mint(URI)


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


def relay_reg_node(owner: Wallet | None, uri: str = URI) -> Node:
    """Make a node with a RelayReg in which every token has this owner and URI."""

    async def call(request: web.Request, question: Any) -> web.StreamResponse:
        if not question["params"][0]["data"].startswith(OWNER_OF):
            text = uri.encode()
            raw = (32).to_bytes(32) + len(text).to_bytes(32) + text + bytes(-len(text) % 32)
            return said(question, result="0x" + raw.hex())
        if owner is None:
            return await error(3, "execution reverted")(request, question)
        return said(question, result="0x" + owner.address.rjust(32, b"\0").hex())

    return Node(results={"eth_call": call})


@pytest.mark.parametrize("owner", [WALLET, OTHER, None])
async def test_it_is_checked_as_soon_as_an_endpoint_answers(owner: Wallet | None) -> None:
    node = Node(results={"eth_call": plain("", 500)})
    async with chain_over(node) as bench:

        def recover() -> None:
            bench.clock.now += 1000
            node.results = relay_reg_node(owner).results

        wait = Wait(then=recover)
        one = RelayTokenService(
            RelayReg(bench.chain, b"\5" * 20), WALLET, Notebook(), configured=TOKEN, sleep=wait
        )
        token = await one.find()
        assert token is not None
        if owner is WALLET:
            await one.check_later(token)
        else:
            with pytest.raises(TokenNotOwned, match="does not own"):
                await one.check_later(token)
        assert wait.slept == [RECHECK_S] * 3


class Failing(Notebook):
    """A memory in which something breaks, as a bug would, until it is mended."""

    is_broken = True

    async def get_meta(self, key: str) -> bytes | None:
        if self.is_broken:
            raise OverflowError("Python int too large to convert to C long")
        return await super().get_meta(key)


async def test_a_bug_in_the_check_is_logged_once_and_it_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory = Failing()

    def mend() -> None:
        memory.is_broken = False

    wait = Wait(then=mend)
    async with chain_over(relay_reg_node(WALLET)) as bench:
        one = RelayTokenService(
            RelayReg(bench.chain, b"\5" * 20), WALLET, memory, configured=TOKEN, sleep=wait
        )
        await one.check_later(RelayToken(TOKEN, is_checked=False))
    assert wait.slept == [RECHECK_S] * 3
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info is not None for record in failures] == [True]


async def test_a_contract_of_another_kind_does_not_end_a_running_relay() -> None:
    node = Node(results={"eth_call": error(3, "execution reverted")})

    def mend() -> None:
        node.results = relay_reg_node(WALLET).results

    wait = Wait(then=mend)
    async with chain_over(node) as bench:
        one = RelayTokenService(
            RelayReg(bench.chain, b"\5" * 20), WALLET, Notebook(), configured=TOKEN, sleep=wait
        )
        await one.check_later(RelayToken(TOKEN, is_checked=False))
    assert wait.slept == [RECHECK_S] * 3


# -- the token's URI


@pytest.mark.parametrize(
    ("uri", "warns"),
    [
        (URI, False),
        (URI + "/", False),
        ("HTTP://Relay.example:80", False),
        ("http://old.example", True),
        ("ipfs://x\n", True),
        ("", True),
    ],
)
async def test_a_token_with_another_uri_is_warned_of(
    uri: str, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with chain_over(relay_reg_node(WALLET, uri)) as bench:
        await service(RelayReg(bench.chain, b"\5" * 20)).check_uri(TOKEN, BaseUrl(URI))
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [("another URI" in warning) for warning in warnings] == [True] * warns


@pytest.mark.parametrize("behaviour", [plain("", 500), error(3, "execution reverted")])
async def test_a_uri_that_cannot_be_read_is_no_warning(
    behaviour: object, caplog: pytest.LogCaptureFixture
) -> None:
    async with chain_over(Node(results={"eth_call": behaviour})) as bench:
        await service(RelayReg(bench.chain, b"\5" * 20)).check_uri(TOKEN, BaseUrl(URI))
    assert not any("another URI" in record.getMessage() for record in caplog.records)


async def test_a_uri_is_updated(registry: RelayReg) -> None:
    await mint(registry)
    one = service(registry)
    base_url = BaseUrl("http://new.example")
    assert await one.other_uri(TOKEN, base_url) == URI
    planned = await one.plan_update(TOKEN, base_url)
    assert planned.transaction.highest_cost > 0
    assert await one.other_uri(TOKEN, base_url) == URI
    await one.update(planned)
    assert await one.other_uri(TOKEN, base_url) is None


async def test_what_is_checked_is_not_checked_again() -> None:
    wait = Wait()
    async with chain_over(Node(behaviour=plain("", 500))) as bench:
        registry = RelayReg(bench.chain, b"\5" * 20)
        one = RelayTokenService(registry, WALLET, Notebook(), configured=TOKEN, sleep=wait)
        await one.check_later(RelayToken(TOKEN, is_checked=True))
    assert wait.slept == []
