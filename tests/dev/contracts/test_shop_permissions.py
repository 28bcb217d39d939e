import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import (
    CLERK,
    OWNER,
    RELAY,
    STRANGER,
    call,
    events,
    reverting,
    send,
)

SHOP = 42
SEVERAL = 255
NAMES = (
    "addPermission",
    "removePermission",
    "updateRootHash",
    "addRelay",
    "removeRelay",
    "replaceRelay",
    "registerUser",
    "removeUser",
    "publishInviteVerifier",
)
ADD, REMOVE, UPDATE_ROOT_HASH, _, _, _, REGISTER, REMOVE_USER, PUBLISH = range(9)
ALL = 0x1FF
VERIFIER = Account.from_key(b"\x07" * 32)


@pytest.fixture
def shop(contracts: Contracts) -> Contracts:
    send(contracts.shop_reg.functions.mint(SHOP, OWNER), STRANGER)
    return contracts


def permissions(contracts: Contracts, user: str) -> int:
    bitmap: int = call(contracts.shop_reg.functions.getAllPermissions(SHOP, user))
    return bitmap


def register(contracts: Contracts, user: str, bitmap: int) -> None:
    send(contracts.shop_reg.functions.registerUser(SHOP, user, bitmap), OWNER)


# Asking


def test_every_permission_has_its_number(contracts: Contracts) -> None:
    functions = contracts.shop_reg.functions
    assert [call(functions[f"PERM_{name}"]()) for name in NAMES] == list(range(9))


def test_bitmap_of_permissions(contracts: Contracts) -> None:
    functions = contracts.shop_reg.functions
    assert call(functions.permsToBitmap([])) == 0
    assert call(functions.permsToBitmap([2, 0, 2, 255])) == 1 << 255 | 0b101


def test_owner_has_every_permission_without_a_bit_set(shop: Contracts) -> None:
    functions = shop.shop_reg.functions
    assert permissions(shop, OWNER) == 0
    assert call(functions.hasPermission(SHOP, OWNER, 255))
    assert call(functions.hasEnoughPermissions(SHOP, OWNER, 2**256 - 1))


def test_user_has_the_bits_that_are_set(shop: Contracts) -> None:
    register(shop, CLERK, 0b101)
    functions = shop.shop_reg.functions
    assert [call(functions.hasPermission(SHOP, CLERK, bit)) for bit in range(4)] == [True, False, True, False]
    assert call(functions.hasEnoughPermissions(SHOP, CLERK, 0b100))
    assert call(functions.hasEnoughPermissions(SHOP, CLERK, 0b101))
    assert not call(functions.hasEnoughPermissions(SHOP, CLERK, 0b111))


def test_permissions_are_per_shop(shop: Contracts) -> None:
    send(shop.shop_reg.functions.mint(SHOP + 1, STRANGER), STRANGER)
    register(shop, CLERK, ALL)
    assert call(shop.shop_reg.functions.getAllPermissions(SHOP + 1, CLERK)) == 0
    assert not call(shop.shop_reg.functions.hasPermission(SHOP + 1, CLERK, 0))
    assert not call(shop.shop_reg.functions.hasPermission(SHOP + 1, OWNER, 0))


def test_unknown_shop(contracts: Contracts) -> None:
    functions = contracts.shop_reg.functions
    assert call(functions.getAllPermissions(9, OWNER)) == 0
    for function in (
        functions.hasPermission(9, OWNER, 0),
        functions.hasEnoughPermissions(9, OWNER, 0),
        functions.registerUser(9, OWNER, 0),
        functions.removeUser(9, OWNER),
        functions.addPermission(9, OWNER, 0),
        functions.removePermission(9, OWNER, 0),
        functions.publishInviteVerifier(9, OWNER),
    ):
        with reverting("ERC721NonexistentToken(uint256)", 9):
            call(function, OWNER)


def test_buyer_of_the_shop_has_every_permission_and_the_seller_none(shop: Contracts) -> None:
    send(shop.shop_reg.functions.transferFrom(OWNER, STRANGER, SHOP), OWNER)
    assert call(shop.shop_reg.functions.hasPermission(SHOP, STRANGER, 0))
    assert not call(shop.shop_reg.functions.hasPermission(SHOP, OWNER, 0))


# registerUser


def test_owner_registers_a_user(shop: Contracts) -> None:
    reg = shop.shop_reg
    receipt = send(reg.functions.registerUser(SHOP, CLERK, 2**256 - 1), OWNER)
    assert permissions(shop, CLERK) == 2**256 - 1
    assert events(reg, "UserAdded", receipt) == [{"shopId": SHOP, "user": CLERK, "permissions": 2**256 - 1}]


def test_registering_again_overwrites_and_says_so_again(shop: Contracts) -> None:
    register(shop, CLERK, ALL)
    receipt = send(shop.shop_reg.functions.registerUser(SHOP, CLERK, 0b10), OWNER)
    assert permissions(shop, CLERK) == 0b10
    assert events(shop.shop_reg, "UserAdded", receipt) == [
        {"shopId": SHOP, "user": CLERK, "permissions": 0b10}
    ]


def test_user_registers_others_with_what_it_has_itself(shop: Contracts) -> None:
    register(shop, CLERK, 1 << REGISTER | 0b100)
    send(shop.shop_reg.functions.registerUser(SHOP, RELAY, 0b100), CLERK)
    assert permissions(shop, RELAY) == 0b100


@pytest.mark.parametrize(
    ("own", "granted"),
    [(1 << REGISTER | 0b100, 0b110), (ALL & ~(1 << REGISTER), 0b100), (0, 0), (1 << REGISTER, 1 << 200)],
)
def test_registering_needs_the_right_and_every_right_given(shop: Contracts, own: int, granted: int) -> None:
    register(shop, CLERK, own)
    with reverting("NotAuthorized(uint8)", SEVERAL):
        call(shop.shop_reg.functions.registerUser(SHOP, RELAY, granted), CLERK)


# removeUser


def test_owner_removes_a_user(shop: Contracts) -> None:
    register(shop, CLERK, ALL)
    receipt = send(shop.shop_reg.functions.removeUser(SHOP, CLERK), OWNER)
    assert permissions(shop, CLERK) == 0
    assert events(shop.shop_reg, "UserRemoved", receipt) == [{"shopId": SHOP, "users": CLERK}]


def test_user_removes_those_who_have_no_more_than_itself(shop: Contracts) -> None:
    register(shop, CLERK, 1 << REMOVE_USER | 0b100)
    register(shop, RELAY, 0b100)
    send(shop.shop_reg.functions.removeUser(SHOP, RELAY), CLERK)
    assert permissions(shop, RELAY) == 0


def test_removing_needs_the_right(shop: Contracts) -> None:
    register(shop, CLERK, ALL & ~(1 << REMOVE_USER))
    for sender in (CLERK, STRANGER):
        with reverting("NotAuthorized(uint8)", REMOVE_USER):
            call(shop.shop_reg.functions.removeUser(SHOP, RELAY), sender)


def test_removing_needs_every_right_of_the_removed(shop: Contracts) -> None:
    register(shop, CLERK, 1 << REMOVE_USER | 0b100)
    register(shop, RELAY, 0b110)
    with reverting("NotAuthorized(uint8)", SEVERAL):
        call(shop.shop_reg.functions.removeUser(SHOP, RELAY), CLERK)


# addPermission, removePermission


def test_permission_is_added(shop: Contracts) -> None:
    register(shop, CLERK, 0b1000)
    receipt = send(shop.shop_reg.functions.addPermission(SHOP, CLERK, UPDATE_ROOT_HASH), OWNER)
    assert permissions(shop, CLERK) == 0b1100
    assert events(shop.shop_reg, "PermissionAdded", receipt) == [
        {"shopId": SHOP, "user": CLERK, "permission": UPDATE_ROOT_HASH}
    ]
    assert len(receipt["logs"]) == 1


def test_permission_is_removed(shop: Contracts) -> None:
    register(shop, CLERK, 0b1100)
    receipt = send(shop.shop_reg.functions.removePermission(SHOP, CLERK, UPDATE_ROOT_HASH), OWNER)
    assert permissions(shop, CLERK) == 0b1000
    assert events(shop.shop_reg, "PermissionRemoved", receipt) == [
        {"shopId": SHOP, "user": CLERK, "permission": UPDATE_ROOT_HASH}
    ]
    assert len(receipt["logs"]) == 1


@pytest.mark.parametrize(("name", "right"), [("addPermission", ADD), ("removePermission", REMOVE)])
def test_changing_a_permission_needs_the_right_and_the_permission(
    shop: Contracts, name: str, right: int
) -> None:
    change = shop.shop_reg.functions[name](SHOP, RELAY, UPDATE_ROOT_HASH)
    register(shop, CLERK, ALL & ~(1 << right))
    with reverting("NotAuthorized(uint8)", right):
        call(change, CLERK)
    register(shop, CLERK, ALL & ~(1 << UPDATE_ROOT_HASH))
    with reverting("NotAuthorized(uint8)", UPDATE_ROOT_HASH):
        call(change, CLERK)
    register(shop, CLERK, 1 << right | 1 << UPDATE_ROOT_HASH)
    call(change, CLERK)


# Invites


def invite(user: str, *, text: str | None = None) -> tuple[int, bytes, bytes]:
    signed = VERIFIER.sign_message(encode_defunct(text=text or f"enrolling:{user.lower()}"))
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def publish(contracts: Contracts) -> None:
    send(contracts.shop_reg.functions.publishInviteVerifier(SHOP, VERIFIER.address), OWNER)


def test_invite_gives_the_right_to_update(shop: Contracts) -> None:
    publish(shop)
    receipt = send(shop.shop_reg.functions.redeemInvite(SHOP, *invite(CLERK), CLERK), STRANGER)
    assert permissions(shop, CLERK) == 1 << UPDATE_ROOT_HASH
    assert events(shop.shop_reg, "UserAdded", receipt) == [
        {"shopId": SHOP, "user": CLERK, "permissions": 1 << UPDATE_ROOT_HASH}
    ]


def test_invite_takes_nothing_away(shop: Contracts) -> None:
    register(shop, CLERK, 0b1)
    publish(shop)
    send(shop.shop_reg.functions.redeemInvite(SHOP, *invite(CLERK), CLERK), CLERK)
    assert permissions(shop, CLERK) == 0b101


def test_invite_is_used_once(shop: Contracts) -> None:
    publish(shop)
    send(shop.shop_reg.functions.redeemInvite(SHOP, *invite(CLERK), CLERK), CLERK)
    for user in (CLERK, RELAY):
        with reverting("NoVerifier()"):
            call(shop.shop_reg.functions.redeemInvite(SHOP, *invite(user), user))


def test_several_invites_can_be_open(shop: Contracts) -> None:
    publish(shop)
    send(shop.shop_reg.functions.publishInviteVerifier(SHOP, STRANGER), OWNER)
    call(shop.shop_reg.functions.redeemInvite(SHOP, *invite(CLERK), CLERK))


def test_invite_is_for_one_user_and_one_text(shop: Contracts) -> None:
    publish(shop)
    functions = shop.shop_reg.functions
    for signature in (
        invite(RELAY),
        invite(CLERK, text=f"enrolling:{CLERK}"),
        invite(CLERK, text=CLERK.lower()),
    ):
        with reverting("NoVerifier()"):
            call(functions.redeemInvite(SHOP, *signature, CLERK))


def test_invite_is_for_the_shop_it_was_published_for(shop: Contracts) -> None:
    publish(shop)
    send(shop.shop_reg.functions.mint(SHOP + 1, OWNER), OWNER)
    with reverting("NoVerifier()"):
        call(shop.shop_reg.functions.redeemInvite(SHOP + 1, *invite(CLERK), CLERK))


def test_signature_that_recovers_to_nobody_opens_nothing(shop: Contracts) -> None:
    # ecrecover gives the zero address for such a signature: it must not match a published zero.
    send(shop.shop_reg.functions.publishInviteVerifier(SHOP, "0x" + "0" * 40), OWNER)
    with reverting("NoVerifier()"):
        call(shop.shop_reg.functions.redeemInvite(SHOP, 29, bytes(32), bytes(32), CLERK))


def test_publishing_needs_the_right(shop: Contracts) -> None:
    register(shop, CLERK, ALL & ~(1 << PUBLISH))
    with reverting("NotAuthorized(uint8)", PUBLISH):
        call(shop.shop_reg.functions.publishInviteVerifier(SHOP, VERIFIER.address), CLERK)
    register(shop, CLERK, 1 << PUBLISH)
    call(shop.shop_reg.functions.publishInviteVerifier(SHOP, VERIFIER.address), CLERK)
