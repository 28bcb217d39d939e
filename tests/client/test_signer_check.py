import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from types import FrameType
from typing import TYPE_CHECKING

import pytest
from web3 import Web3

from minirelay.client.errors import RegistryUnavailable, UntrustedSigner, VerificationFailed
from minirelay.client.patches import add_order, add_stock, commit_order, remove_key_card
from minirelay.client.received import ReceivedSet, open_received
from minirelay.client.signer_check import KeyCards, KnownRelays, Registries, RegistryRelays, SignerCheck
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.errors import Refusal
from minirelay.protocol.cbor import encode
from minirelay.protocol.patch_set import NewPatch, decode_patch
from minirelay.protocol.signing import PrivateKey, checksum_address
from minirelay.shop.access import Role
from tests.chain_fixtures import Contracts
from tests.client.logs import (
    CLERK,
    GUEST,
    GUESTS,
    MANIFEST,
    OTHER_CLERK,
    OTHER_WALLET,
    RELAY,
    SHOP_ID,
    STRANGER,
    WALLET,
    Log,
    account,
    add_listing,
    new_shop,
)
from tests.client.rpc_endpoint import Endpoint, rpc_endpoint

if TYPE_CHECKING:
    from _typeshed import TraceFunction

A, B, C = (bytes([2, number]) * 16 + b"\0" for number in (1, 2, 3))


def apply(cards: KeyCards, *patches: NewPatch) -> None:
    for patch in patches:
        cards.apply(decode_patch(encode({"Op": patch.op, "Path": list(patch.path), "Value": patch.value})))


def with_cards(*cards: bytes, guest: bool = False) -> KeyCards:
    followed = KeyCards()
    apply(followed, NewPatch("add", ("Accounts", WALLET), {"KeyCards": list(cards), "Guest": guest}))
    return followed


def test_an_empty_shop_has_no_key_cards() -> None:
    assert KeyCards().role_of(A) is None


def test_an_account_makes_clerks_or_guests() -> None:
    assert with_cards(A).role_of(A) is Role.CLERK
    assert with_cards(A, guest=True).role_of(A) is Role.GUEST
    assert with_cards(A).role_of(B) is None


def test_cards_come_at_the_end_or_in_between() -> None:
    cards = with_cards(A)
    apply(cards, NewPatch("append", ("Accounts", WALLET, "KeyCards"), B))
    apply(cards, NewPatch("add", ("Accounts", WALLET, "KeyCards", 0), C))
    assert [cards.role_of(one) for one in (A, B, C)] == [Role.CLERK] * 3


def test_a_card_goes_by_its_place() -> None:
    cards = with_cards(A, B, C)
    apply(cards, NewPatch("remove", ("Accounts", WALLET, "KeyCards", 1)))
    assert [cards.role_of(one) for one in (A, B, C)] == [Role.CLERK, None, Role.CLERK]


def test_an_account_goes_with_all_its_cards() -> None:
    cards = with_cards(A, B)
    apply(cards, NewPatch("remove", ("Accounts", WALLET)))
    assert cards.role_of(A) is cards.role_of(B) is None


def test_an_account_may_be_replaced() -> None:
    cards = with_cards(A, B)
    apply(cards, NewPatch("replace", ("Accounts", WALLET), {"KeyCards": [C], "Guest": True}))
    assert [cards.role_of(one) for one in (A, B, C)] == [None, None, Role.GUEST]


def test_a_card_in_two_accounts_stays_until_the_last_is_gone() -> None:
    cards = with_cards(A)
    apply(cards, NewPatch("add", ("Accounts", OTHER_WALLET), {"KeyCards": [A, A], "Guest": False}))
    apply(cards, NewPatch("remove", ("Accounts", WALLET)))
    assert cards.role_of(A) is Role.CLERK
    apply(cards, NewPatch("remove", ("Accounts", OTHER_WALLET, "KeyCards", 0)))
    assert cards.role_of(A) is Role.CLERK
    apply(cards, NewPatch("remove", ("Accounts", OTHER_WALLET, "KeyCards", 0)))
    assert cards.role_of(A) is None


@pytest.mark.parametrize(
    "patch",
    [
        NewPatch("append", ("Accounts", OTHER_WALLET, "KeyCards"), B),
        NewPatch("add", ("Accounts", WALLET), {"KeyCards": [B], "Guest": False}),
        NewPatch("remove", ("Accounts", WALLET, "KeyCards", 9)),
        NewPatch("append", ("Accounts", WALLET, "KeyCards"), b"short"),
        NewPatch("replace", ("Accounts", WALLET, "Guest"), True),
    ],
)
def test_what_the_rules_refuse_is_refused(patch: NewPatch) -> None:
    with pytest.raises(Refusal):
        apply(with_cards(A), patch)


def test_other_objects_are_nobodys_cards() -> None:
    cards = with_cards(A)
    apply(cards, NewPatch("add", ("Listings", 1), "not even a listing"))
    assert cards.role_of(A) is Role.CLERK


def test_it_may_begin_with_a_state() -> None:
    cards = KeyCards(new_shop().state)
    assert cards.role_of(CLERK.public_key) is Role.CLERK
    assert cards.role_of(OTHER_CLERK.public_key) is Role.CLERK
    assert cards.role_of(GUEST.public_key) is Role.GUEST
    assert cards.role_of(STRANGER.public_key) is None
    apply(cards, NewPatch("append", ("Accounts", GUESTS, "KeyCards"), A))
    assert cards.role_of(A) is Role.GUEST


def test_a_new_guest_does_not_cost_a_step_for_every_earlier_one() -> None:
    """Count what is looked at, not time: a hundred thousand guests are legal (spec 05)."""
    cards = with_cards(guest=True)
    numbers = count(1)

    def enrol(guests: int) -> None:
        for _ in range(guests):
            card = next(numbers).to_bytes(33)
            apply(cards, NewPatch("append", ("Accounts", WALLET, "KeyCards"), card))

    enrol(3000)
    before = _steps(lambda: enrol(10))
    enrol(3000)
    assert _steps(lambda: enrol(10)) <= before * 1.5


def _steps(work: Callable[[], None]) -> int:
    steps = 0

    def step(_frame: FrameType, _event: str, _argument: object) -> "TraceFunction":
        nonlocal steps
        steps += 1
        return step

    sys.settrace(step)
    try:
        work()
    finally:
        sys.settrace(None)
    return steps


async def checked(log: Log) -> SignerCheck:
    """A check that has followed a log to its end."""
    check = SignerCheck(SHOP_ID, KnownRelays(RELAY.address), KeyCards())
    for pushed in log.sets:
        received = open_received(pushed, SHOP_ID)
        await check.role_of(received)
        check.follow(received)
    return check


def signed(log: Log, key: PrivateKey, patches: Sequence[NewPatch]) -> ReceivedSet:
    return open_received(log.add_inapplicable(key, patches), SHOP_ID)


async def role_of(key: PrivateKey, patches: Sequence[NewPatch]) -> Role:
    log = new_shop()
    check = await checked(log)
    return await check.role_of(signed(log, key, patches))


async def refused(key: PrivateKey, patches: Sequence[NewPatch]) -> UntrustedSigner:
    with pytest.raises(UntrustedSigner) as caught:
        await role_of(key, patches)
    assert caught.value.signer == key.public_key
    assert caught.value.seq == 4
    return caught.value


async def test_clerks_sign_what_clerks_may_write() -> None:
    assert await role_of(CLERK, add_listing(1) + add_stock(1, 5) + add_order(7)) is Role.CLERK
    assert await role_of(OTHER_CLERK, remove_key_card(WALLET, 0)) is Role.CLERK


async def test_clerks_give_nobody_a_key_card() -> None:
    assert "a clerk signed it" in (await refused(CLERK, [account(b"\xcc" * 20, STRANGER)])).reason
    append = NewPatch("append", ("Accounts", WALLET, "KeyCards"), STRANGER.public_key)
    assert "a clerk signed it" in (await refused(CLERK, [append])).reason


async def test_guests_sign_orders() -> None:
    assert await role_of(GUEST, add_order(7)) is Role.GUEST
    assert await role_of(GUEST, commit_order(7)) is Role.GUEST


@pytest.mark.parametrize("patches", [add_listing(1), add_stock(1, 5), add_order(7) + add_listing(1)])
async def test_guests_sign_nothing_else(patches: list[NewPatch]) -> None:
    assert "a guest signed it" in (await refused(GUEST, patches)).reason


async def test_the_relay_signs_what_relays_may_write() -> None:
    assert await role_of(RELAY, [account(b"\xcc" * 20)]) is Role.RELAY
    assert await role_of(RELAY, [NewPatch("replace", ("Orders", 7, "State"), 5)]) is Role.RELAY
    assert await role_of(RELAY, [NewPatch("decrement", ("Inventory", 7), 5)]) is Role.RELAY


@pytest.mark.parametrize(
    "patches",
    [
        add_listing(1),
        add_order(7),
        add_stock(1, 5),
        [NewPatch("replace", ("Manifest", "Payees"), {})],
        [NewPatch("replace", ("Listings", 1, "Price"), 1)],
        [NewPatch("replace", ("Orders", 7, "ChosenPayee"), {})],
        [NewPatch("decrement", ("Inventory", 7), 5), NewPatch("increment", ("Inventory", 7), 5)],
    ],
)
async def test_the_relay_signs_nothing_else(patches: list[NewPatch]) -> None:
    assert "relays don't" in (await refused(RELAY, patches)).reason


async def test_nobody_else_signs_anything() -> None:
    assert "neither" in (await refused(STRANGER, add_listing(1))).reason
    assert "neither" in (await refused(STRANGER, [account(b"\xcc" * 20, STRANGER)])).reason


async def test_a_removed_key_card_was_valid_until_then() -> None:
    log = new_shop()
    log.add(OTHER_CLERK, add_listing(1))
    log.add(OTHER_CLERK, remove_key_card(OTHER_WALLET, 0))
    check = await checked(log)
    with pytest.raises(UntrustedSigner):
        await check.role_of(signed(log, OTHER_CLERK, add_listing(2)))
    assert check.role_of_key_card(OTHER_CLERK.public_key) is None
    assert check.role_of_key_card(CLERK.public_key) is Role.CLERK


async def test_of_a_set_in_parts_the_first_decides_who_signed_it() -> None:
    log = new_shop()
    log.add(OTHER_CLERK, remove_key_card(OTHER_WALLET, 0) + add_listing(1))
    check = await checked(new_shop())
    for leaves in ((0,), (1,)):
        part = open_received(log.set(4, leaves), SHOP_ID)
        assert await check.role_of(part) is Role.CLERK
        check.follow(part)
    with pytest.raises(UntrustedSigner):
        await check.role_of(signed(log, OTHER_CLERK, add_listing(2)))


async def test_every_part_of_a_set_is_held_against_its_signer() -> None:
    log = new_shop()
    log.add_inapplicable(GUEST, add_order(7) + add_listing(1))
    check = await checked(new_shop())
    first, second = (open_received(log.set(4, leaves), SHOP_ID) for leaves in ((0,), (1,)))
    assert await check.role_of(first) is Role.GUEST
    with pytest.raises(UntrustedSigner, match="a guest signed it"):
        await check.role_of(second)


async def test_the_relays_key_enrolled_as_a_card_stops_nobody() -> None:
    log = new_shop()
    log.add(RELAY, [NewPatch("append", ("Accounts", GUESTS, "KeyCards"), RELAY.public_key)])
    log.add(RELAY, [account(b"\xcc" * 20)])
    check = await checked(log)
    assert check.role_of_key_card(RELAY.public_key) is Role.GUEST
    parts = [account(b"\xdd" * 20), NewPatch("decrement", ("Inventory", 7), 5)]
    assert await check.role_of(signed(log, RELAY, parts)) is Role.RELAY
    with pytest.raises(UntrustedSigner, match="a guest signed it"):
        await check.role_of(signed(log, RELAY, add_listing(1)))
    # A guest's card that is not the relay's gains nothing by it.
    with pytest.raises(UntrustedSigner, match="a guest signed it"):
        await check.role_of(signed(log, GUEST, [account(b"\xee" * 20)]))


async def test_accounts_that_do_not_fit_are_a_failure() -> None:
    log = new_shop()
    check = await checked(log)
    again = signed(log, RELAY, [account(WALLET, STRANGER)])
    assert await check.role_of(again) is Role.RELAY
    with pytest.raises(VerificationFailed, match="patch set 4"):
        check.follow(again)


async def test_the_first_set_is_the_relays() -> None:
    log = Log()
    manifest = NewPatch("replace", ("Manifest",), MANIFEST)  # type: ignore[arg-type]
    log.add_inapplicable(STRANGER, [manifest, account(WALLET, STRANGER)])
    with pytest.raises(UntrustedSigner):
        await checked(log)


async def test_a_chain_that_does_not_answer_can_be_asked_again() -> None:
    class Flaky:
        asked = 0

        async def is_relay(self, shop_id: int, address: bytes) -> bool:
            self.asked += 1
            if self.asked == 1:
                raise RegistryUnavailable("not now")
            return address == RELAY.address

    check = SignerCheck(SHOP_ID, Flaky(), KeyCards())
    received = open_received(new_shop().set(1), SHOP_ID)
    with pytest.raises(RegistryUnavailable):
        await check.role_of(received)
    assert await check.role_of(received) is Role.RELAY


TOKEN, OTHER_TOKEN = 2**255 + 7, 11


def raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


@pytest.fixture
def registry(dev_chain: DevChain, deployment: Deployment) -> Registries:
    return Registries(dev_chain.rpc_url, raw(deployment.relay_reg), raw(deployment.shop_reg))


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
async def test_owners_of_listed_and_of_named_tokens_are_found(registry: Registries) -> None:
    first, second = (raw(ACCOUNTS[number].address) for number in (1, 2))
    assert await registry.relay_owners(SHOP_ID, ()) == {first}
    assert await registry.relay_owners(SHOP_ID, [OTHER_TOKEN]) == {first, second}
    assert await registry.relay_owners(SHOP_ID, [TOKEN]) == {first}


@pytest.mark.usefixtures("shop")
async def test_a_token_that_nobody_owns_has_no_owner(registry: Registries) -> None:
    assert await registry.relay_owners(SHOP_ID + 1, [99]) == frozenset()


@pytest.mark.usefixtures("shop")
async def test_a_sold_token_has_its_new_owner(registry: Registries, contracts: Contracts) -> None:
    seller, buyer = ACCOUNTS[1].address, ACCOUNTS[3].address
    contracts.relay_reg.functions.transferFrom(seller, buyer, TOKEN).transact({"from": seller})
    assert await registry.relay_owners(SHOP_ID, ()) == {raw(buyer)}


async def test_no_contract_is_not_taken_for_a_no(dev_chain: DevChain) -> None:
    registry = Registries(dev_chain.rpc_url, b"\x11" * 20, b"\x22" * 20)
    with pytest.raises(RegistryUnavailable, match="no such contract at 0x2222"):
        await registry.relay_owners(SHOP_ID, [TOKEN])


@pytest.fixture
async def node() -> AsyncIterator[tuple[Endpoint, Registries]]:
    async with rpc_endpoint() as endpoint:
        yield endpoint, Registries(endpoint.url, b"\x11" * 20, b"\x22" * 20)


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
async def test_nonsense_is_not_taken_for_a_no(node: tuple[Endpoint, Registries], body: bytes) -> None:
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
async def test_a_revert_is_a_no(node: tuple[Endpoint, Registries], body: bytes) -> None:
    node[0].body = body
    assert await node[1].relay_owners(SHOP_ID, [TOKEN]) == frozenset()


async def test_an_endpoint_that_is_not_there_is_not_taken_for_a_no() -> None:
    with pytest.raises(RegistryUnavailable, match="no answer"):
        await Registries("http://127.0.0.1:1", b"\x11" * 20, b"\x22" * 20).relay_owners(SHOP_ID, [TOKEN])


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

    async def down(registry: Registries, shop_id: int, tokens: tuple[int, ...]) -> frozenset[bytes]:
        raise RegistryUnavailable("down")

    monkeypatch.setattr(Registries, "relay_owners", down)
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
    ask = Registries.relay_owners

    async def counted(registry: Registries, shop_id: int, tokens: tuple[int, ...]) -> frozenset[bytes]:
        nonlocal asked
        asked += 1
        return await ask(registry, shop_id, tokens)

    monkeypatch.setattr(Registries, "relay_owners", counted)
    address = bytes.fromhex(owner[2:])
    assert all(await asyncio.gather(*[relays.is_relay(SHOP_ID, address) for _ in range(20)]))
    assert asked == 1


async def test_a_chain_that_is_not_there_is_no_no() -> None:
    with pytest.raises(RegistryUnavailable):
        await RegistryRelays("http://127.0.0.1:1", tokens=[TOKEN]).is_relay(SHOP_ID, RELAY.address)


async def test_what_is_known_anyway_needs_no_chain() -> None:
    relays = RegistryRelays("http://127.0.0.1:1", also=[RELAY.address])
    assert await relays.is_relay(SHOP_ID, RELAY.address)
