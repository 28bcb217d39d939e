"""The relay as clients see it: key cards, roles, enrolment, unlinking, restarts, failing disks (spec 05)."""

import asyncio
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol.gaps import number_after_restore
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import decode_header, decode_patch
from minirelay.protocol.signing import PrivateKey, recover
from minirelay.relay.limits import RelayLimits
from minirelay.relay.messages import Enrolment
from minirelay.store.errors import StoreUnavailable
from tests.limits import RELAY
from tests.raw_client import RawClient, Refused, Spec, Talker, payload
from tests.relay.house import (
    NOON,
    RELAY_KEY,
    SHOP,
    TIMEOUT_S,
    House,
    listing,
    new_key,
    order,
    relay_limits,
    restore,
    running_relay,
    until,
)
from tests.relay.test_own_write import add_account

OTHER_SHOP = 815
ALREADY_CONNECTED = "Already connected from this keyCard in another session"
UNLINKED_CLOSE = 1008


async def remove_card(clerk: RawClient, wallet: bytes, index: int = 0) -> bytes:
    return await clerk.write(("remove", ("Accounts", wallet, "KeyCards", index), None))


# -- a shop comes into being


async def test_a_new_shop_begins_with_manifest_and_account(house: House) -> None:
    key = await house.enrol()
    clerk = await house.session(key)
    await clerk.subscribe()
    (first,) = await clerk.sets_until(1)
    manifest, account = (decode_patch(patch) for patch in first.patches)
    assert (manifest.op, manifest.path) == ("replace", ("Manifest",))
    assert manifest.value == {
        "ShopID": SHOP,
        "Payees": {},
        "AcceptedCurrencies": {},
        "PricingCurrency": {"ChainID": 31337, "Address": bytes(20)},
        "ShippingRegions": {"default": {"Country": "", "PostalCode": "", "City": ""}},
    }
    assert (account.op, account.path) == ("add", ("Accounts", house.wallets[key.public_key]))
    assert account.value == {"KeyCards": [key.public_key], "Guest": False}
    assert decode_header(first.header).shop_id == SHOP
    assert recover(first.header, first.signature) == RELAY_KEY.public_key


async def test_further_cards_are_patches_of_the_relay_with_growing_nonces(house: House) -> None:
    wallet = secrets.token_bytes(20)
    first = await house.enrol(wallet=wallet)
    second = await house.enrol(wallet=wallet)
    guests = [await house.enrol(is_guest=True) for _ in range(2)]
    reader = await house.session(first)
    await reader.subscribe()
    sets = await reader.sets_until(4)
    patches = [decode_patch(one.patches[-1]) for one in sets]
    assert [(patch.op, patch.path) for patch in patches] == [
        ("add", ("Accounts", wallet)),
        ("append", ("Accounts", wallet, "KeyCards")),
        ("add", ("Accounts", bytes(20))),
        ("append", ("Accounts", bytes(20), "KeyCards")),
    ]
    assert patches[1].value == second.public_key
    assert patches[2].value == {"KeyCards": [guests[0].public_key], "Guest": True}
    assert [decode_header(one.header).key_card_nonce for one in sets] == [1, 2, 3, 4]


async def test_the_relays_own_public_key_as_a_card_disturbs_no_nonce(house: House) -> None:
    # Nobody proves that a card is theirs, and the relay's public key can be read off its signatures.
    key = await house.enrol()
    await house.relay.admit(Enrolment(SHOP, bytes(20), RELAY_KEY.public_key, True))
    for _ in range(2):
        await house.enrol()
    clerk = await house.session(key)
    await clerk.subscribe()
    sets = await clerk.sets_until(4)
    assert [decode_header(one.header).key_card_nonce for one in sets] == [1, 2, 3, 4]


async def test_an_enrolment_reaches_subscribers(house: House) -> None:
    clerk = await house.clerk()
    await clerk.subscribe(1)
    key = await house.enrol(is_guest=True)
    (pushed,) = await clerk.sets_until(2)
    assert decode_patch(pushed.patches[0]).value == {"KeyCards": [key.public_key], "Guest": True}


# -- authenticating


async def test_an_unknown_card_is_not_found(house: House) -> None:
    stranger = await house.visitor(new_key())
    with pytest.raises(Refused) as refused:
        await stranger.authenticate()
    assert (refused.value.code, refused.value.message) == (Code.NOT_FOUND, "Item not found")


async def test_a_wrong_signature_is_not_found_and_spends_the_challenge(house: House) -> None:
    key = await house.enrol()
    session = await house.visitor(key)
    challenge = await session.ask(wire.AuthenticateRequest(key.public_key))
    with pytest.raises(Refused) as refused:
        await session.ask(wire.ChallengeSolvedRequest(new_key().sign(challenge)))
    assert refused.value.code == Code.NOT_FOUND
    with pytest.raises(Refused) as refused:
        await session.ask(wire.ChallengeSolvedRequest(key.sign(challenge)))
    assert refused.value.code == Code.INVALID
    await session.authenticate()


async def test_challenges_differ(house: House) -> None:
    key = await house.enrol()
    session = await house.visitor(key)
    challenges = [await session.ask(wire.AuthenticateRequest(key.public_key)) for _ in range(5)]
    assert len(set(challenges)) == 5
    # Only the last one counts.
    await session.ask(wire.ChallengeSolvedRequest(key.sign(challenges[-1])))


async def test_an_authenticated_session_cannot_do_it_again(house: House) -> None:
    session = await house.clerk()
    with pytest.raises(Refused) as refused:
        await session.authenticate()
    assert refused.value.code == Code.ALREADY_AUTHENTICATED
    await session.write(listing(1))


async def test_a_card_has_one_live_session(house: House) -> None:
    key = await house.enrol()
    first = await house.session(key)
    second = await house.visitor(key)
    with pytest.raises(Refused) as refused:
        await second.authenticate()
    assert (refused.value.code, refused.value.message) == (Code.ALREADY_CONNECTED, ALREADY_CONNECTED)
    await first.write(listing(1))


async def test_a_half_authenticated_session_does_not_block_the_card(house: House) -> None:
    key = await house.enrol()
    half = await house.visitor(key)
    await half.ask(wire.AuthenticateRequest(key.public_key))
    await house.session(key)


async def test_when_two_sessions_answer_for_one_card_the_second_is_refused(house: House) -> None:
    key = await house.enrol()
    sessions = [await house.visitor(key) for _ in range(2)]
    challenges = [await one.ask(wire.AuthenticateRequest(key.public_key)) for one in sessions]
    await sessions[1].ask(wire.ChallengeSolvedRequest(key.sign(challenges[1])))
    with pytest.raises(Refused) as refused:
        await sessions[0].ask(wire.ChallengeSolvedRequest(key.sign(challenges[0])))
    assert (refused.value.code, refused.value.message) == (Code.ALREADY_CONNECTED, ALREADY_CONNECTED)
    await sessions[1].write(listing(1))


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_card_is_free_as_soon_as_its_session_has_ended(house: House, how: str) -> None:
    key = await house.enrol()
    for _ in range(3):
        session = await house.session(key)
        if how == "close":
            # The close frame is enough; the relay's answer to it is not waited for.
            await session.socket._writer.close(1000)
        else:
            session.abort()
        await until(lambda: not house.relay.live_cards)
    await house.session(key)


# -- shops and roles


async def test_a_card_of_another_shop_is_a_visitor(house: House) -> None:
    clerk = await house.clerk()
    await clerk.write(listing(1))
    await clerk.write(order(5), ("add", ("Inventory", 1), 3))
    await house.enrol(shop_id=OTHER_SHOP)
    other = await house.clerk(OTHER_SHOP)
    await other.subscribe(shop_id=SHOP)
    assert [one.seq for one in await other.sets_until(2)] == [1, 2]
    await other.quiet()
    assert other.pushes.empty()
    for filtered in (wire.Filter(ObjectType.ORDER), wire.Filter(ObjectType.INVENTORY)):
        with pytest.raises(Refused) as refused:
            await other.subscribe(0, filtered, shop_id=SHOP)
        assert refused.value.code == Code.INVALID


async def test_shops_are_apart(house: House) -> None:
    here, there = await house.clerk(), await house.clerk(OTHER_SHOP)
    roots = [await here.write(listing(1)), await there.write(listing(1))]
    assert roots[0] != roots[1]
    await here.subscribe(1)
    await there.write(listing(2))
    await here.write(listing(3))
    assert [one.seq for one in await here.sets_until(3)] == [2, 3]


async def test_is_served(house: House) -> None:
    assert not await house.relay.is_served(SHOP)
    await house.enrol()
    assert await house.relay.is_served(SHOP)
    assert not await house.relay.is_served(OTHER_SHOP)


@pytest.mark.parametrize(
    "foreign", [listing(1), ("add", ("Tags", "sale"), {"Name": "sale"}), ("add", ("Inventory", 1), 3)]
)
async def test_a_guest_writes_nothing_but_orders(house: House, foreign: Spec) -> None:
    await house.enrol()
    guest = await house.guest()
    with pytest.raises(Refused) as refused:
        await guest.write(foreign)
    assert refused.value.code == Code.NOT_FOUND


async def test_a_guest_writes_its_own_orders_only(house: House) -> None:
    clerk = await house.clerk()
    guest, other = await house.guest(), await house.guest()
    await guest.write(order(1))
    await clerk.write(order(2))
    touch: Spec = ("replace", ("Orders", 1, "State"), 1)
    await guest.write(touch)
    for number in (1, 2, 3):
        for patch in (
            ("replace", ("Orders", number, "State"), 1),
            ("remove", ("Orders", number), None),
            ("append", ("Orders", number, "Items"), {"ListingID": 1, "Quantity": 1}),
        ):
            with pytest.raises(Refused) as refused:
                await other.write(patch)  # type: ignore[arg-type]
            assert (refused.value.code, refused.value.object_id) == (Code.NOT_FOUND, number)
    for taken in (1, 2):
        with pytest.raises(Refused) as refused:
            await other.write(order(taken))
        assert (refused.value.code, refused.value.object_id) == (Code.NOT_FOUND, taken)
    await clerk.write(touch)


async def test_an_id_that_was_used_before_belongs_to_whoever_uses_it_again(house: House) -> None:
    await house.enrol()
    first, second = await house.guest(), await house.guest()
    await first.write(order(7))
    await first.write(("remove", ("Orders", 7), None))
    await second.write(order(7))
    with pytest.raises(Refused) as refused:
        await first.write(("replace", ("Orders", 7, "State"), 1))
    assert (refused.value.code, refused.value.object_id) == (Code.NOT_FOUND, 7)
    await second.write(("replace", ("Orders", 7, "State"), 1))


async def test_a_visitor_writes_nothing(house: House) -> None:
    await house.enrol()
    visitor = await house.visitor(new_key())
    for message in (wire.PatchSetWriteRequest(visitor.seal(order(1))), wire.GetBlobUploadURLRequest()):
        with pytest.raises(Refused) as refused:
            await visitor.ask(message)
        assert refused.value.code == Code.NOT_AUTHENTICATED


async def test_a_guest_gets_no_upload_url(house: House) -> None:
    await house.enrol()
    with pytest.raises(Refused) as refused:
        await (await house.guest()).ask(wire.GetBlobUploadURLRequest())
    assert refused.value.code == Code.INVALID
    assert "not allowed" in refused.value.message


# -- unlinking


async def test_an_unlinked_card_ends_at_once(house: House) -> None:
    clerk, key = await house.clerk(), await house.enrol()
    doomed = await house.session(key)
    await doomed.subscribe(2)
    await clerk.write(listing(1))
    await doomed.sets_until(3)
    root = await remove_card(clerk, house.wallets[key.public_key])
    assert len(root) == 32
    assert await doomed.end() == UNLINKED_CLOSE
    await clerk.write(listing(2))
    assert doomed.pushes.empty()
    again = await house.visitor(key)
    with pytest.raises(Refused) as refused:
        await again.authenticate()
    assert (refused.value.code, refused.value.message) == (Code.NOT_FOUND, "Item not found")


async def test_a_guest_card_can_be_unlinked(house: House) -> None:
    clerk = await house.clerk()
    guests = [await house.guest() for _ in range(2)]
    await remove_card(clerk, bytes(20), 1)
    assert await guests[1].end() == UNLINKED_CLOSE
    await guests[0].write(order(1))


async def test_a_clerk_that_unlinks_its_own_card_gets_the_root_first(house: House) -> None:
    key = await house.enrol()
    clerk = await house.session(key)
    assert len(await remove_card(clerk, house.wallets[key.public_key])) == 32
    assert await clerk.end() == UNLINKED_CLOSE


async def test_what_was_written_before_gets_its_root_and_what_came_after_is_refused(house: House) -> None:
    clerk, key = await house.clerk(), await house.enrol()
    doomed = await house.session(key)
    async with house.disk_held():
        before = [await doomed.start_write(listing(number)) for number in (1, 2)]
        hosted = await house.relay.shops.find(SHOP)
        assert hosted is not None
        await until(lambda: hosted.sequencer.head is not None and hosted.sequencer.head.seq == 4)
        unlinking = await clerk.start_write(
            ("remove", ("Accounts", house.wallets[key.public_key], "KeyCards", 0), None)
        )
        await until(lambda: hosted.sequencer.head is not None and hosted.sequencer.head.seq == 5)
        after = [await doomed.start_write(listing(number)) for number in (3, 4)]
        await until(lambda: house.open_requests(key) == 4)
    assert len(payload(await asyncio.wait_for(unlinking, TIMEOUT_S))) == 32
    assert [len(payload(await asyncio.wait_for(one, TIMEOUT_S))) for one in before] == [32, 32]
    for one in after:
        with pytest.raises(Refused) as refused:
            payload(await asyncio.wait_for(one, TIMEOUT_S))
        assert refused.value.code == Code.UNLINKED_KEYCARD
    assert [one.request_id for one in doomed.received[-4:]] == [3, 4, 5, 6]
    assert await doomed.end() == UNLINKED_CLOSE


async def test_what_an_unlinked_card_has_not_been_sent_is_withdrawn(house: House) -> None:
    clerk, key = await house.clerk(), await house.enrol()
    line = await house.line(key)
    await line.subscribe(2)
    await line.read_until(lambda: bool(line.sync_statuses))
    for number in range(3):
        await clerk.write(listing(number + 1))
    waiting = await line.start(wire.GetBlobUploadURLRequest())
    await remove_card(clerk, house.wallets[key.public_key])
    await line.read_until(waiting.done)
    assert await line.connection.next_frame() is None
    assert line.pushes.empty()
    assert line.connection.hang_up is not None
    assert line.connection.hang_up.code == UNLINKED_CLOSE


async def test_a_challenge_of_a_card_that_is_unlinked_meanwhile_is_worth_nothing(house: House) -> None:
    clerk, key = await house.clerk(), await house.enrol()
    late = await house.visitor(key)
    challenge = await late.ask(wire.AuthenticateRequest(key.public_key))
    await remove_card(clerk, house.wallets[key.public_key])
    with pytest.raises(Refused) as refused:
        await late.ask(wire.ChallengeSolvedRequest(key.sign(challenge)))
    assert refused.value.code == Code.NOT_FOUND


async def test_unlinking_survives_a_restart(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk, key = await house.clerk(), await house.enrol()
        await remove_card(clerk, house.wallets[key.public_key])
    async with running_relay(tmp_path) as house:
        with pytest.raises(Refused) as refused:
            await house.session(key)
        assert refused.value.code == Code.NOT_FOUND


# -- restarts, and a disk that fails


async def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk_key, guest_key = await house.enrol(), await house.enrol(is_guest=True)
        clerk, guest = await house.session(clerk_key), await house.session(guest_key)
        await clerk.write(listing(1))
        await guest.write(order(9))
        root = await clerk.write(("replace", ("Listings", 1, "Price"), 7))
        nonces = clerk.nonce, guest.nonce
    async with running_relay(tmp_path) as house:
        clerk, guest = await house.session(clerk_key), await house.session(guest_key)
        with pytest.raises(Refused) as refused:
            await clerk.write_sealed(clerk.seal(listing(2), nonce=nonces[0]))
        assert "event nonce re-use" in refused.value.message
        clerk.nonce, guest.nonce = nonces
        # There and back: the same shop, so the same root.
        await clerk.write(("replace", ("Listings", 1, "Price"), 8))
        assert await clerk.write(("replace", ("Listings", 1, "Price"), 7)) == root
        await guest.write(("replace", ("Orders", 9, "State"), 1))
        await guest.subscribe(0, wire.Filter(ObjectType.ORDER))
        assert [one.seq for one in await guest.sets_until(8)] == [4, 8]
        third = await house.enrol(is_guest=True)
        await clerk.subscribe(8)
        (enrolled,) = await clerk.sets_until(9)
        assert decode_patch(enrolled.patches[0]).value == third.public_key
        assert decode_header(enrolled.header).key_card_nonce == 3


async def test_what_was_answered_is_on_disk(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        answers = [await clerk.start_write(listing(number)) for number in range(1, 40)]
        for answer in answers:
            payload(await asyncio.wait_for(answer, TIMEOUT_S))
        seq, counts = await house.store.reader.tail(1)
        assert (seq, counts.listings) == (40, 39)


async def test_a_full_disk_refuses_and_then_recovers_without_a_gap(house: House) -> None:
    clerk = await house.clerk()
    reader = await house.visitor()
    await reader.subscribe(1)
    root = await clerk.write(listing(1))
    big = "x" * 20_000
    async with house.disk_full():
        answers = [
            await clerk.start_write(listing(number, Metadata={"Title": "t", "Description": big}))
            for number in range(2, 6)
        ]
        for answer in answers:
            with pytest.raises(Refused) as refused:
                payload(await asyncio.wait_for(answer, TIMEOUT_S))
            assert refused.value.code == Code.INVALID
            assert "could not be stored, try again" in refused.value.message
        key = new_key()
        enrolment = Enrolment(SHOP, secrets.token_bytes(20), key.public_key, False)
        with pytest.raises(StoreUnavailable):
            await house.fill_up(enrolment)
    await house.relay.admit(enrolment)
    # The nonces of what was refused are free: the same sets can be sent again.
    clerk.nonce = 1
    for number in range(2, 6):
        await clerk.write(listing(number))
    for number in range(2, 6):
        last = await clerk.write(("remove", ("Listings", number), None))
    assert len(last) == len(root) == 32
    await house.session(key)
    sets = await reader.sets_until(11)
    assert [one.seq for one in sets] == list(range(2, 12))


async def test_while_the_disk_is_low_clients_write_nothing_and_all_else_goes_on(tmp_path: Path) -> None:
    low: set[str] = set()
    async with running_relay(tmp_path, is_disk_low=lambda: bool(low)) as house:
        clerk = await house.clerk()
        await clerk.subscribe()
        await clerk.write(listing(1))
        seq = await house.durable_seq()
        low.add("now")
        for number in range(2, 5):
            with pytest.raises(Refused, match="relay storage is full, try again later") as refused:
                await clerk.write(listing(number))
            assert refused.value.code is Code.INVALID
        assert await house.durable_seq() == seq
        # What the relay writes of itself goes on, and whoever comes can read all of it.
        await house.relay.write_own(SHOP, add_account())
        visitor = await house.visitor()
        await visitor.subscribe()
        await visitor.sets_until(seq + 1)
        low.clear()
        await clerk.write(listing(2))
        assert await house.durable_seq() == seq + 2


def with_log_bytes(log_bytes: int) -> RelayLimits:
    return replace(RELAY, writes=replace(RELAY.writes, log_bytes=log_bytes))


async def test_a_shop_whose_log_took_its_share_is_read_on_and_written_again_when_it_is_raised(
    tmp_path: Path,
) -> None:
    async with running_relay(tmp_path, with_log_bytes(10_000)) as house:
        clerk, other = await house.clerk(), await house.clerk(SHOP + 1)
        await clerk.subscribe()
        written = 1
        while (await house.store.reader.tail(1))[1].size_bytes < 9600:
            await clerk.write(listing(written))
            written += 1
        with pytest.raises(Refused, match="storage is full, try again later"):
            await clerk.write(*[listing(number) for number in range(written, written + 10)])
        # The relay's own writes go on, so does reading, so do other shops.
        await house.relay.write_own(SHOP, add_account())
        await other.write(listing(1))
        visitor = await house.visitor()
        await visitor.subscribe()
        await visitor.sets_until(await house.durable_seq())
    async with running_relay(tmp_path, with_log_bytes(10_000)) as house:
        clerk = await house.clerk()
        with pytest.raises(Refused, match="storage is full"):
            await clerk.write(listing(written))
    async with running_relay(tmp_path, with_log_bytes(20_000)) as house:
        clerk = await house.clerk()
        await clerk.write(listing(written))


def long_listing(number: int, size: int) -> Spec:
    return listing(number, Metadata={"Title": "long", "Description": "x" * size})


async def test_what_could_not_be_stored_takes_nothing_of_the_share(tmp_path: Path) -> None:
    async with running_relay(tmp_path, with_log_bytes(400_000)) as house:
        clerk = await house.clerk()
        await clerk.write(listing(1))
        async with house.disk_full():
            for number in range(2, 10):
                with pytest.raises(Refused, match="could not be stored"):
                    await clerk.write(long_listing(number, 100_000))
        written = (await house.store.reader.tail(1))[1].size_bytes
        await clerk.write(long_listing(2, 399_000 - written))


async def test_an_answer_waits_for_the_disk(house: House) -> None:
    clerk = await house.clerk()
    reader = await house.visitor()
    await reader.subscribe(1)
    async with house.disk_held():
        write = await clerk.start_write(listing(1))
        refused = await clerk.start_write(listing(1))
        await until(lambda: house.open_requests(clerk.key) == 2)
        await reader.quiet()
        assert not write.done()
        assert not refused.done()
        assert reader.pushes.empty()
    payload(await asyncio.wait_for(write, TIMEOUT_S))
    with pytest.raises(Refused):
        payload(await asyncio.wait_for(refused, TIMEOUT_S))
    await reader.sets_until(2)


async def test_the_relay_drains_before_it_stops(house: House) -> None:
    clerk = await house.clerk()
    async with house.disk_held():
        answers = [await clerk.start_write(listing(number)) for number in range(1, 9)]
        await until(lambda: house.open_requests(clerk.key) == 8)
        draining = asyncio.create_task(house.relay.drain(TIMEOUT_S))
    await asyncio.wait_for(draining, TIMEOUT_S)
    house.relay.close_connections(1001, "the relay stops")
    for answer in answers:
        assert len(payload(await asyncio.wait_for(answer, TIMEOUT_S))) == 32
    assert await clerk.end() == 1001
    assert house.relay.session_count == 0


async def test_a_relay_that_drains_takes_nothing_new(house: House) -> None:
    clerk = await house.clerk()
    async with house.disk_held():
        taken = await clerk.start_write(listing(1))
        await until(lambda: house.open_requests(clerk.key) == 1)
        draining = asyncio.create_task(house.relay.drain(TIMEOUT_S))
        await asyncio.sleep(0)
        late = [await clerk.start_write(listing(number)) for number in range(2, 5)]
    await asyncio.wait_for(draining, TIMEOUT_S)
    assert len(payload(await asyncio.wait_for(taken, TIMEOUT_S))) == 32
    house.relay.close_connections(1001, "the relay stops")
    assert await clerk.end() == 1001
    assert all(answer.cancelled() for answer in late)
    # What got no answer was not done.
    assert (await house.store.reader.tail(1))[0] == 2


async def test_a_session_that_ends_frees_what_it_held(house: House) -> None:
    talkers: list[Talker] = [await house.clerk(), await house.visitor()]
    await talkers[0].subscribe()
    await talkers[1].subscribe()
    assert house.relay.session_count == 2
    for talker in talkers:
        await talker.close()
    await until(lambda: house.relay.session_count == 0)
    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    assert not hosted.feed.is_followed
    assert not house.relay.live_cards


class TestAfterARestore:
    """The log of five sets was restored; what comes next has the number of the restore."""

    NUMBER = number_after_restore(0, NOON)

    @pytest.fixture
    async def key(self, tmp_path: Path) -> PrivateKey:
        async with running_relay(tmp_path) as house:
            clerk = await house.clerk()
            for number in range(1, 5):
                await clerk.write(listing(number))
        restore(tmp_path)
        assert clerk.key is not None
        return clerk.key

    async def test_what_comes_next_has_a_number_that_nobody_was_told(
        self, tmp_path: Path, key: PrivateKey
    ) -> None:
        async with running_relay(tmp_path) as house:
            clerk = await house.session(key)
            clerk.nonce = 100
            await clerk.subscribe(5)
            await clerk.write(listing(5))
            # The relay's own next nonce is no other.
            await house.enrol()
            sets = await clerk.sets_until(self.NUMBER + 1)
            assert [one.seq for one in sets] == [self.NUMBER, self.NUMBER + 1]
            assert decode_header(sets[1].header).key_card_nonce == self.NUMBER
            assert clerk.sync_statuses[0].unpushed_patches == 0
            assert await house.relay.log_length(SHOP) == 7

    @pytest.mark.parametrize("has_gone_on", [False, True])
    async def test_a_client_that_is_ahead_is_told_to_start_again(
        self, tmp_path: Path, key: PrivateKey, has_gone_on: bool
    ) -> None:
        async with running_relay(tmp_path) as house:
            clerk = await house.session(key)
            clerk.nonce = 100
            if has_gone_on:
                await clerk.write(listing(5))
            for start in (6, 42, self.NUMBER - 1):
                with pytest.raises(Refused) as refused:
                    await clerk.subscribe(start)
                assert refused.value.code == Code.NOT_FOUND
                assert refused.value.message == "this log was restored from a backup: start again from 0"
            end = self.NUMBER if has_gone_on else 5
            for start in (self.NUMBER + has_gone_on, 2**40):
                with pytest.raises(Refused, match=f"ends at {end}"):
                    await clerk.subscribe(start)

    @pytest.mark.parametrize("is_read_from_disk", [False, True])
    @pytest.mark.parametrize("start", [0, 3, 5])
    @pytest.mark.parametrize(
        "filters",
        [
            (),
            (wire.Filter(ObjectType.LISTING, None),),
            tuple(wire.Filter(ObjectType.LISTING, number.to_bytes(8)) for number in range(1, 9)),
        ],
        ids=["everything", "a type", "single objects"],
    )
    async def test_whoever_is_not_ahead_goes_on_over_the_gap(
        self,
        tmp_path: Path,
        key: PrivateKey,
        start: int,
        filters: tuple[wire.Filter, ...],
        is_read_from_disk: bool,
    ) -> None:
        async with running_relay(tmp_path) as house:
            clerk = await house.session(key)
            clerk.nonce = 100
            for number in (5, 6):
                await clerk.write(listing(number))
            if is_read_from_disk:
                house.forget_recent_sets()
            await clerk.subscribe(start, *filters)
            first = 2 if filters and start == 0 else start + 1
            expected = [*range(first, 6), self.NUMBER, self.NUMBER + 1]
            assert [one.seq for one in await clerk.sets_until(self.NUMBER + 1)] == expected
            patches = len(expected) + (not filters and start == 0)
            assert clerk.sync_statuses[0].unpushed_patches == patches
            # And live from here.
            await clerk.write(listing(7))
            assert [one.seq for one in await clerk.sets_until(self.NUMBER + 2)] == [self.NUMBER + 2]

    async def test_a_set_in_parts_right_behind_the_gap_comes_whole(
        self, tmp_path: Path, key: PrivateKey
    ) -> None:
        async with running_relay(tmp_path, relay_limits(unacknowledged_pushes=1)) as house:
            clerk = await house.session(key)
            clerk.nonce = 100
            titles = ["x" * 100_000 for _ in range(15)]
            await clerk.write(
                *(
                    listing(10 + number, Metadata={"Title": "t", "Description": text})
                    for number, text in enumerate(titles)
                )
            )
            house.forget_recent_sets()
            reader = await house.visitor()
            await reader.subscribe(5)
            parts = [one for _ in range(2) for one in (await reader.next_push()).sets]
            assert [part.seq for part in parts] == [self.NUMBER] * 2
            assert sum(len(part.patches) for part in parts) == len(titles)

    async def test_a_shop_whose_log_was_lost_begins_with_the_number_of_the_restore(
        self, tmp_path: Path, key: PrivateKey
    ) -> None:
        async with running_relay(tmp_path) as house:
            clerk = await house.clerk(SHOP + 1)
            await clerk.subscribe()
            [first] = await clerk.sets_until(self.NUMBER)
            assert decode_header(first.header).key_card_nonce == self.NUMBER
            with pytest.raises(Refused, match="start again from 0"):
                await clerk.subscribe(42)
            root = await clerk.write(listing(1))
        async with running_relay(tmp_path) as house:
            clerk = await house.clerk(SHOP + 1)
            await clerk.subscribe()
            assert [one.seq for one in await clerk.sets_until(self.NUMBER + 2)] == [
                self.NUMBER,
                self.NUMBER + 1,
                self.NUMBER + 2,
            ]
            assert len(root) == 32
