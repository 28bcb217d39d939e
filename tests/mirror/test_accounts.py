"""Accounts follow the real registry on the real development chain, in whatever order things come."""

import asyncio
from pathlib import Path

import pytest

from minirelay.chain.block import read_block
from minirelay.chain.chain import MAX_QUESTIONS
from minirelay.chain.findings import Findings, FoundLog, Marks
from minirelay.errors import Code
from minirelay.mirror.account_events import wallet_named
from minirelay.mirror.accounts import MOST_READ
from minirelay.protocol.registries import USER_REMOVED
from minirelay.relay.messages import Enrolment
from minirelay.store.account_checks import AccountCheck
from minirelay.store.errors import StoreUnavailable
from tests.chain.nodes import CHAIN_ID
from tests.chain_fixtures import rpc
from tests.dev.contracts.contract_calls import CLERK, NOBODY, OWNER, STRANGER, send
from tests.mirror.registry_shop import RegistryShop, raw, some_wallets
from tests.mirror.test_account_events import found
from tests.raw_client import Refused, payload
from tests.relay.house import SHOP, listing, new_key, until
from tests.relay.test_audit import audited

UNLINKED_CLOSE = 1008
PUBLISH_ONLY = 1 << 8
UPDATE_BIT = 2


# -- accounts that come


async def test_who_is_registered_gets_an_account_without_key_cards(shop: RegistryShop) -> None:
    shop.register(CLERK)
    await shop.poll()
    account = await shop.account(CLERK)
    assert account is not None
    assert (list(account.key_cards), account.guest) == ([], False)


async def test_who_redeems_an_invite_gets_an_account(shop: RegistryShop) -> None:
    shop.invite(CLERK)
    await shop.poll()
    assert await shop.account(CLERK) is not None


async def test_who_gets_the_permission_gets_an_account(shop: RegistryShop) -> None:
    shop.register(CLERK, PUBLISH_ONLY)
    await shop.poll()
    assert await shop.account(CLERK) is None
    shop.change("addPermission", CLERK, UPDATE_BIT)
    await shop.poll()
    assert await shop.account(CLERK) is not None


async def test_another_permission_brings_nothing(shop: RegistryShop) -> None:
    shop.change("addPermission", CLERK, 3)
    assert await shop.poll() == 0
    assert await shop.account(CLERK) is None


async def test_the_zero_address_is_ignored(shop: RegistryShop) -> None:
    await shop.house.enrol(is_guest=True)
    shop.register(NOBODY)
    shop.change("removeUser", NOBODY)
    assert await shop.poll() == 0
    account = await shop.account(NOBODY)
    assert account is not None
    assert len(account.key_cards) == 1


async def test_shops_that_are_not_hosted_are_of_no_concern(shop: RegistryShop) -> None:
    other = SHOP + 1
    send(shop.contracts.shop_reg.functions.mint(other, OWNER), OWNER)
    shop.register(CLERK, shop_id=other)
    assert await shop.poll() == 0
    assert not await shop.house.relay.is_served(other)
    # From its first enrolment on it is.
    await shop.house.enrol(shop_id=other, wallet=raw(OWNER))
    await shop.poll()
    assert await shop.house.relay.account(other, raw(CLERK)) is not None


async def test_who_enrolled_already_keeps_the_key_card(shop: RegistryShop) -> None:
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    seq = await shop.house.durable_seq()
    await shop.poll()
    await clerk.write(listing(1))
    assert await shop.house.durable_seq() == seq + 1


async def test_a_new_owner_gets_its_account_when_it_enrols(shop: RegistryShop) -> None:
    shop.transfer(OWNER, STRANGER)
    await shop.poll()
    assert await shop.account(STRANGER) is None


# -- accounts that go


async def test_who_is_removed_is_told_and_closed(shop: RegistryShop) -> None:
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    other = await shop.enrol(OWNER)
    await clerk.subscribe(await shop.house.durable_seq())
    shop.change("removeUser", CLERK)
    await shop.poll()
    assert await clerk.end() == UNLINKED_CLOSE
    assert await shop.account(CLERK) is None
    await other.write(listing(1))
    again = await shop.house.visitor(clerk.key)
    with pytest.raises(Refused) as refused:
        await again.authenticate()
    assert refused.value.code == Code.NOT_FOUND


async def test_a_request_of_who_is_removed_is_told_why(shop: RegistryShop) -> None:
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    key = clerk.key
    assert key is not None
    shop.change("removeUser", CLERK)
    async with shop.house.disk_held():
        polling = asyncio.create_task(shop.poll())
        cards = (await shop.head()).cards
        await until(lambda: cards[key.public_key].is_unlinked)
        answer = await clerk.start_write(listing(1))
        await until(lambda: shop.house.open_requests(key) == 1)
    await polling
    with pytest.raises(Refused) as refused:
        payload(await answer)
    assert refused.value.code == Code.UNLINKED_KEYCARD
    assert await clerk.end() == UNLINKED_CLOSE


@pytest.mark.parametrize("way", ["permission", "registered without it"])
async def test_who_loses_the_permission_loses_the_account(shop: RegistryShop, way: str) -> None:
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    if way == "permission":
        shop.change("removePermission", CLERK, UPDATE_BIT)
    else:
        shop.register(CLERK, PUBLISH_ONLY)
    await shop.poll()
    assert await clerk.end() == UNLINKED_CLOSE
    assert await shop.account(CLERK) is None


async def test_the_owner_needs_no_permission(shop: RegistryShop) -> None:
    shop.register(OWNER)
    shop.change("removeUser", OWNER)
    await shop.poll()
    assert await shop.account(OWNER) is not None


async def test_who_sells_the_shop_loses_the_account(shop: RegistryShop) -> None:
    owner = await shop.enrol(OWNER)
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    shop.transfer(OWNER, STRANGER)
    await shop.poll()
    assert await owner.end() == UNLINKED_CLOSE
    # Whom the seller had registered stays, until the buyer removes them.
    await clerk.write(listing(1))


async def test_who_sells_the_shop_and_keeps_the_permission_keeps_the_account(shop: RegistryShop) -> None:
    owner = await shop.enrol(OWNER)
    shop.register(OWNER)
    shop.transfer(OWNER, STRANGER)
    await shop.poll()
    await owner.write(listing(1))


# -- order and repetition


async def test_what_comes_again_changes_nothing(shop: RegistryShop, tmp_path: Path) -> None:
    shop.register(CLERK)
    shop.register(STRANGER)
    await shop.enrol(STRANGER)
    shop.change("removeUser", STRANGER)
    await shop.poll()
    seq = await shop.house.durable_seq()
    for _ in range(3):
        await shop.poll(again=True)
    await shop.restart_mirror()
    await shop.poll(again=True)
    assert await shop.house.durable_seq() == seq
    await audited(tmp_path)


async def test_who_enrolled_again_is_not_thrown_out_by_what_was_before(shop: RegistryShop) -> None:
    shop.register(CLERK)
    shop.change("removeUser", CLERK)
    removed_at = shop.w3.eth.block_number
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    depth = shop.w3.eth.block_number - removed_at + 1
    # The removal is deep, the second registration is not.
    for _ in range(2):
        await shop.poll(confirmations=depth)
    await shop.poll()
    await clerk.write(listing(1))


async def test_who_enrols_while_the_chain_is_asked_is_not_thrown_out(
    shop: RegistryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.register(CLERK)
    await shop.poll()
    shop.change("removeUser", CLERK)
    key = new_key()
    account_of = shop.house.relay.account

    async def enrol_then_tell(shop_id: int, wallet: bytes) -> bytes | None:
        account = await account_of(shop_id, wallet)
        await shop.house.relay.admit(Enrolment(SHOP, wallet, key.public_key, False))
        return account

    monkeypatch.setattr(shop.house.relay, "account", enrol_then_tell)
    await shop.poll()
    monkeypatch.undo()
    account = await shop.account(CLERK)
    assert account is not None
    assert list(account.key_cards) == [key.public_key]
    # It was not lost sight of: with nothing new in between, it goes.
    await shop.poll()
    assert await shop.account(CLERK) is None


async def test_who_may_act_at_the_newest_block_stays(
    shop: RegistryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.register(CLERK)
    await shop.poll()
    shop.change("removeUser", CLERK)
    account_of = shop.house.relay.account

    async def register_then_tell(shop_id: int, wallet: bytes) -> bytes | None:
        # The poll's head is behind now.
        shop.register(CLERK)
        await shop.house.relay.admit(Enrolment(SHOP, wallet, new_key().public_key, False))
        return await account_of(shop_id, wallet)

    monkeypatch.setattr(shop.house.relay, "account", register_then_tell)
    await shop.poll()
    monkeypatch.undo()
    await shop.poll()
    account = await shop.account(CLERK)
    assert account is not None
    assert len(account.key_cards) == 1


async def test_who_enrolled_lately_is_waited_for_where_endpoints_are_apart(shop: RegistryShop) -> None:
    await shop.restart_mirror(settles_s=3600)
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    shop.change("removeUser", CLERK)
    await shop.poll()
    await clerk.write(listing(1))
    assert shop.mirror.is_needed()
    # What waits outlives a restart, though nothing names the wallet again.
    await shop.restart_mirror(settles_s=0)
    assert shop.mirror.is_needed()
    await shop.poll()
    assert await clerk.end() == UNLINKED_CLOSE
    assert not shop.mirror.is_needed()


async def test_who_was_removed_while_enrolling_is_found(shop: RegistryShop) -> None:
    await shop.restart_mirror(settles_s=3600)
    shop.register(CLERK)
    shop.change("removeUser", CLERK)
    await shop.poll()
    # With an answer from before.
    await shop.house.enrol(wallet=raw(CLERK))
    await shop.restart_mirror(settles_s=0)
    await shop.poll()
    assert await shop.account(CLERK) is None


# -- blocks that are not deep, and those that vanish


async def test_what_is_not_deep_is_not_written(shop: RegistryShop) -> None:
    seq = await shop.house.durable_seq()
    shop.register(CLERK)
    shop.mine()
    await shop.poll(confirmations=3)
    assert await shop.house.durable_seq() == seq
    shop.mine()
    await shop.poll(confirmations=3)
    assert await shop.account(CLERK) is not None


async def test_a_reorganisation_below_the_depth_writes_nothing(shop: RegistryShop) -> None:
    clerk = await shop.enrol(OWNER)
    seq = await shop.house.durable_seq()
    snapshot = rpc(shop.w3, "evm_snapshot")
    shop.register(CLERK)
    shop.transfer(OWNER, STRANGER)
    await shop.poll(confirmations=3)
    assert rpc(shop.w3, "evm_revert", snapshot) is True
    shop.mine(4)
    for _ in range(2):
        await shop.poll(confirmations=3)
    assert await shop.house.durable_seq() == seq
    assert await shop.account(CLERK) is None
    await clerk.write(listing(1))
    assert not shop.mirror.is_needed()


async def test_who_enrolled_with_what_vanished_is_found(shop: RegistryShop) -> None:
    snapshot = rpc(shop.w3, "evm_snapshot")
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    await shop.poll(confirmations=3)
    # Also if the relay was stopped meanwhile.
    await shop.restart_mirror()
    assert rpc(shop.w3, "evm_revert", snapshot) is True
    shop.mine(4)
    await shop.poll(confirmations=3)
    assert await clerk.end() == UNLINKED_CLOSE
    assert await shop.account(CLERK) is None


async def test_a_removal_is_not_put_off_by_who_names_the_wallet_in_each_block(shop: RegistryShop) -> None:
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    await shop.poll()
    shop.change("removeUser", CLERK)
    for _ in range(2):
        shop.register(CLERK, PUBLISH_ONLY)
        await shop.poll(confirmations=3)
        assert await shop.account(CLERK) is not None or _ == 1
    assert await clerk.end() == UNLINKED_CLOSE
    assert await shop.account(CLERK) is None


async def test_who_is_removed_and_comes_back_gets_its_account_when_that_is_deep(shop: RegistryShop) -> None:
    shop.register(CLERK)
    await shop.poll()
    shop.change("removeUser", CLERK)
    shop.mine()
    await shop.poll(confirmations=3)
    # Its removal is deep at once with the block in which it comes back.
    shop.register(CLERK)
    await shop.poll(confirmations=3)
    assert await shop.account(CLERK) is not None


async def test_who_lost_its_right_gets_no_account_by_what_is_not_deep(shop: RegistryShop) -> None:
    shop.change("removeUser", CLERK)
    shop.mine()
    shop.register(CLERK)
    await shop.poll(confirmations=3)
    assert await shop.account(CLERK) is None
    shop.mine(2)
    await shop.poll(confirmations=3)
    assert await shop.account(CLERK) is not None


async def test_who_has_its_right_back_in_the_deep_blocks_is_not_removed_by_others(shop: RegistryShop) -> None:
    shop.register(CLERK)
    await shop.poll()
    shop.change("removeUser", CLERK)
    shop.register(CLERK)
    shop.change("removeUser", CLERK)
    await shop.poll(confirmations=2)
    assert await shop.account(CLERK) is not None
    await shop.poll()
    assert await shop.account(CLERK) is None


async def test_who_lost_its_account_once_is_waited_for_the_next_time(shop: RegistryShop) -> None:
    shop.register(CLERK)
    await shop.poll()
    shop.change("removeUser", CLERK)
    shop.register(CLERK, PUBLISH_ONLY)
    await shop.poll(confirmations=2)
    assert await shop.account(CLERK) is None
    shop.register(CLERK)
    await shop.poll()
    shop.change("removeUser", CLERK)
    await shop.poll(confirmations=2)
    assert await shop.account(CLERK) is not None


async def test_nothing_is_decided_before_all_logs_are_read(shop: RegistryShop) -> None:
    shop.register(CLERK)
    assert await shop.poll(is_behind=True) == 0
    assert await shop.account(CLERK) is None
    await shop.poll()
    assert await shop.account(CLERK) is not None


# -- how much it takes


async def test_without_news_nothing_is_asked(shop: RegistryShop) -> None:
    assert await shop.poll() == 0
    assert not shop.mirror.is_needed()


async def test_many_users_are_followed_over_several_polls(shop: RegistryShop, tmp_path: Path) -> None:
    users = some_wallets(MAX_QUESTIONS + 3)
    for user in users:
        shop.register(user)
    assert await shop.poll() == MAX_QUESTIONS
    assert shop.mirror.is_needed()
    await shop.restart_mirror()
    await shop.poll()
    while shop.mirror.is_needed():
        await shop.poll()
    assert all([await shop.account(user) is not None for user in users])
    await audited(tmp_path)


async def test_what_could_not_be_asked_waits(shop: RegistryShop) -> None:
    shop.register(CLERK)
    await shop.poll(requests=0)
    assert await shop.account(CLERK) is None
    assert shop.mirror.is_needed()
    await shop.poll(requests=1)
    assert await shop.account(CLERK) is not None


async def test_a_removal_waits_for_its_second_question(shop: RegistryShop) -> None:
    shop.register(CLERK)
    clerk = await shop.enrol(CLERK)
    shop.change("removeUser", CLERK)
    await shop.poll(requests=1)
    await clerk.write(listing(1))
    await shop.poll(requests=2)
    assert await clerk.end() == UNLINKED_CLOSE


async def test_what_could_not_be_stored_is_done_the_next_time(shop: RegistryShop) -> None:
    shop.register(CLERK)
    async with shop.house.disk_full():
        with pytest.raises(StoreUnavailable):
            await shop.house.fill_up(Enrolment(SHOP, raw(STRANGER), new_key().public_key, False))
        with pytest.raises(StoreUnavailable):
            await shop.poll()
    assert await shop.account(CLERK) is None
    await shop.poll()
    assert await shop.account(CLERK) is not None


async def test_very_many_events_are_read_in_short_turns(
    shop: RegistryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = await shop.chain.request("eth_getBlockByNumber", ["latest", False], read_block)
    wallets = [number.to_bytes(20) for number in range(1, 5 * MOST_READ)]
    deep = tuple(found(USER_REMOVED, SHOP, wallet) for wallet in wallets)
    in_turn, longest = 0, 0

    def count(log: FoundLog) -> AccountCheck | None:
        nonlocal in_turn, longest
        in_turn += 1
        longest = max(longest, in_turn)
        return wallet_named(log)

    async def turn() -> None:
        nonlocal in_turn
        while True:
            await asyncio.sleep(0)
            in_turn = 0

    monkeypatch.setattr("minirelay.mirror.accounts.wallet_named", count)
    turning = asyncio.create_task(turn())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    marks = Marks(head, head.number, head.number, None, 0, 0)
    await shop.mirror.take(Findings(chain_id=CHAIN_ID, marks=marks, deep=deep), shop.reader())
    turning.cancel()
    assert longest == MOST_READ
