"""What the sequencer does with a write and with an enrolment: every check of spec 02, in its order."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol import mmr
from minirelay.protocol.cbor import Value, encode
from minirelay.protocol.envelope import PatchSetWriteRequest
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import (
    decode_patch,
    join_patch_set,
)
from minirelay.protocol.push import decode_set
from minirelay.protocol.signing import PrivateKey, recover
from minirelay.relay import sequencer
from minirelay.relay.client_write import ClientWrite
from minirelay.relay.messages import Outcome
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.object_sizes import ObjectLimits
from minirelay.shop.work import Work, WorkExceeded
from minirelay.store.errors import StoreUnavailable
from tests.limits import WRITES
from tests.raw_client import Refused, Spec, payload
from tests.relay.house import (
    RELAY_KEY,
    TIMEOUT_S,
    House,
    images,
    listing,
    new_key,
    order,
)
from tests.relay.requests import (
    CLERK,
    GUEST,
    NOW,
    SHOP_ID,
    STRANGER,
    crowded_head,
    enrolment,
    open_head,
    seal,
    wire_of,
    write,
)


def prepared(request: ClientWrite) -> ClientWrite:
    """Take the steps that need no head, as the sequencer does; they raise nothing."""
    request.decode()
    request.verify()
    return request


def refusal(head: ShopHead, sealed: bytes, key: PrivateKey = CLERK) -> Refusal:
    with pytest.raises(Refusal) as refused:
        write(head, sealed, key).judge(head)
    with pytest.raises(Refusal) as refused_when_prepared:
        prepared(write(head, sealed, key)).judge(head)
    first, second = refused.value, refused_when_prepared.value
    assert (first.code, first.message, first.object_id) == (second.code, second.message, second.object_id)
    return first


def accept(head: ShopHead, sealed: bytes, key: PrivateKey = CLERK) -> Accepted:
    request = prepared(write(head, sealed, key))
    accepted = request.judge(head)
    assert wire_of(write(head, sealed, key).judge(head)) == wire_of(accepted)
    head.append(accepted)
    return accepted


# -- a client's write


def test_a_sound_set_is_accepted_and_numbered() -> None:
    head = open_head()
    accepted = accept(head, seal([listing(1)]))
    assert (head.seq, decode_set(wire_of(accepted)).seq) == (3, 3)
    assert head.state is accepted.entries[-1].applied.state
    assert head.cards[CLERK.public_key].last_nonce == 1


@pytest.mark.parametrize("shop_id", [0, 76, SHOP_ID << 8, 2**256 - 1])
def test_another_shop_id_is_invalid(shop_id: int) -> None:
    assert refusal(open_head(), seal([listing(1)], shop_id=shop_id)).code == Code.INVALID


def test_another_signer_is_invalid() -> None:
    head = open_head()
    for key in (STRANGER, GUEST, RELAY_KEY):
        refused = refusal(head, seal([listing(1)], key=key))
        assert refused.code == Code.INVALID
        assert "invalid signature" in refused.message


def test_a_wrong_root_is_invalid() -> None:
    header = encode({"KeyCardNonce": 1, "ShopID": SHOP_ID, "Timestamp": NOW, "RootHash": bytes(32)})
    patch = encode({"Op": "remove", "Path": ["Listings", 1], "Value": None})
    sealed = join_patch_set(header, CLERK.sign(header), [patch])
    assert "unexpected root hash" in refusal(open_head(), sealed).message


def test_the_bytes_that_were_signed_are_stored_as_they_came() -> None:
    head = open_head()
    # A client that sorts nothing, and writes its numbers long.
    patch = bytes.fromhex(
        "a3 6556616c7565 1b0000000000000007 645061746883 684c697374696e6773 01 655072696365"
    )
    patch += bytes.fromhex("624f70 677265706c616365")
    accept(head, seal([listing(1)]))
    root = mmr.root([patch])
    header = bytes.fromhex("a4 68526f6f7448617368 5820") + root
    header += (
        bytes.fromhex("6c4b657943617264 4e6f6e6365 1b0000000000000002") + encode("ShopID") + encode(SHOP_ID)
    )
    header += encode("Timestamp") + encode(NOW)
    accepted = accept(head, join_patch_set(header, CLERK.sign(header), [patch]))
    pushed = decode_set(wire_of(accepted))
    assert (pushed.header, pushed.patches) == (header, (patch,))
    assert recover(pushed.header, pushed.signature) == CLERK.public_key


@pytest.mark.parametrize(("key", "share"), [(CLERK, 10), (GUEST, 9)])
def test_a_log_takes_its_share_and_no_more_and_guests_leave_some_to_clerks(
    key: PrivateKey, share: int
) -> None:
    head = open_head()
    sealed = seal([order(1)], key=key)
    needed = head.counts.size_bytes + len(sealed)
    request = write(head, sealed, key)
    # The smallest log of which that share is enough.
    enough = needed if share == 10 else -(-needed * 10 // 9)
    for log_bytes, is_taken in ((enough + 1, True), (enough, True), (enough - 2, False), (1, False)):
        request.terms = replace(request.terms, limits=replace(WRITES, log_bytes=log_bytes))
        if is_taken:
            request.judge(head)
        else:
            with pytest.raises(Refusal, match="storage is full, try again later") as refused:
                request.judge(head)
            assert refused.value.code == Code.INVALID


@pytest.mark.parametrize(("ahead_s", "is_accepted"), [(-(10**8), True), (0, True), (300, True), (301, False)])
def test_a_timestamp_may_be_five_minutes_ahead(ahead_s: int, is_accepted: bool) -> None:
    head = open_head()
    sealed = seal([listing(1)], timestamp=NOW + timedelta(seconds=ahead_s))
    if is_accepted:
        accept(head, sealed)
    else:
        refused = refusal(head, sealed)
        assert refused.code == Code.INVALID
        assert "future" in refused.message


def test_nonces_grow_and_may_leave_gaps() -> None:
    head = open_head()
    for number, nonce in enumerate((1, 2, 10, 2**31, 2**63 - 1, 2**63, 2**64 - 1), start=1):
        accept(head, seal([listing(number)], nonce=nonce))
        for again in {nonce, 1}:
            refused = refusal(head, seal([listing(99)], nonce=again))
            assert refused.code == Code.INVALID
            assert "event nonce re-use" in refused.message


@pytest.mark.parametrize("nonce", [0, 2**64])
def test_a_nonce_that_is_none_is_invalid(nonce: int) -> None:
    assert refusal(open_head(), seal([listing(1)], nonce=nonce)).code == Code.INVALID


def test_a_refused_set_uses_up_no_nonce() -> None:
    head = open_head()
    before = head.state
    refusal(head, seal([listing(1), listing(1)], nonce=5))
    assert head.state is before
    accept(head, seal([listing(1)], nonce=5))


def test_cards_have_nonces_of_their_own() -> None:
    head = open_head()
    accept(head, seal([listing(1)], nonce=2**64 - 1))
    accept(head, seal([order(1)], nonce=1, key=GUEST), GUEST)
    assert head.cards[GUEST.public_key].last_nonce == 1
    assert head.relay_nonce == 2


def test_a_set_is_all_or_nothing() -> None:
    head = open_head()
    refused = refusal(head, seal([listing(1), listing(2), ("remove", ("Listings", 9), None), listing(3)]))
    assert (refused.code, refused.object_id) == (Code.NOT_FOUND, 9)
    accept(head, seal([listing(1), listing(2), listing(3)]))


def test_an_unlinked_or_forgotten_card_is_refused() -> None:
    head = open_head()
    sealed = seal([listing(1)])
    request = write(head, sealed)
    head.cards[CLERK.public_key].is_unlinked = True
    with pytest.raises(Refusal) as refused:
        request.judge(head)
    assert refused.value.code == Code.UNLINKED_KEYCARD
    del head.cards[CLERK.public_key]
    with pytest.raises(Refusal) as refused:
        request.judge(head)
    assert refused.value.code == Code.UNLINKED_KEYCARD


@pytest.mark.parametrize("garbage", [b"", b"\xff", b"\xa0", b"\xa3" * 40, bytes(3000)])
def test_garbage_is_invalid(garbage: bytes) -> None:
    assert refusal(open_head(), garbage).code == Code.INVALID


def test_a_guest_is_judged_as_a_guest() -> None:
    head = open_head()
    assert refusal(head, seal([listing(1)], key=GUEST), GUEST).code == Code.NOT_FOUND
    accept(head, seal([order(1)], key=GUEST), GUEST)
    assert head.owners == {(1).to_bytes(8): head.cards[GUEST.public_key].row_id}


def test_outcomes_are_the_root_the_refusal_or_try_again() -> None:
    answers: list[Outcome] = []
    head = open_head()
    request = write(head, seal([listing(1)]), answers=answers)
    refused = Refusal(Code.NOT_FOUND, "no", 3)
    request.stored(bytes(32))
    request.refuse(refused)
    request.refuse(StoreUnavailable("disk full"))
    assert answers[:2] == [bytes(32), refused]
    failed = answers[2]
    assert isinstance(failed, Refusal)
    assert failed.code == Code.INVALID
    assert "could not be stored, try again" in failed.message
    assert "disk" not in failed.message


def test_what_is_wrong_with_the_header_is_said_before_what_is_wrong_with_the_signature() -> None:
    head = open_head()
    accept(head, seal([listing(1)]))
    refused = refusal(head, seal([listing(2)], key=STRANGER))
    assert "event nonce re-use" in refused.message
    sealed = seal([listing(2)], nonce=2, shop_id=5)
    recovery_id = sealed.index(b"Signature") + len(b"Signature") + 2 + 64
    assert "another shop" in refusal(head, sealed[:recovery_id] + b"\x09" + sealed[recovery_id + 1 :]).message


def test_what_waits_for_its_commit_is_held_as_bytes_only() -> None:
    head = open_head()
    request = prepared(write(head, seal([listing(1)])))
    assert None not in request.prepared
    first = request.judge(head)
    assert request.prepared == (None, None)
    # It can be judged again, if a commit before it fails.
    assert wire_of(request.judge(head)) == wire_of(first)
    head.append(first)
    used_again = prepared(write(head, seal([listing(2)])))
    with pytest.raises(Refusal, match="re-use"):
        used_again.judge(head)
    assert used_again.prepared == (None, None)


def test_a_request_weighs_what_it_brings() -> None:
    head = open_head()
    sealed = seal([listing(1)])
    assert write(head, sealed).size_bytes == len(sealed)


# -- how much a set may ask for


def order_of(items: int) -> Spec:
    return ("add", ("Orders", 5), {"ID": 5, "Items": [{"ListingID": 1, "Quantity": 1}] * items, "State": 1})


def with_limits(head: ShopHead, sealed: bytes, key: PrivateKey = CLERK, **limits: Any) -> ClientWrite:
    request = write(head, sealed, key)
    request.terms = replace(request.terms, limits=replace(WRITES, **limits))
    return request


def work_of(head: ShopHead, sealed: bytes) -> int:
    work = Work(10**9)
    write(head, sealed).judge(head, work)
    return work.spent


def test_a_guests_set_may_have_so_many_patches_and_a_clerks_many_more() -> None:
    head = open_head()
    for key, is_refused in ((GUEST, True), (CLERK, False)):
        add = order(int(is_refused) + 1)
        path = ("Orders", int(is_refused) + 1, "Items")
        patches: list[Spec] = [add, ("replace", path, []), ("replace", path, [])]
        for most, refused in ((3, False), (2, is_refused)):
            request = with_limits(head, seal(patches, nonce=5, key=key), key, guest_patches=most)
            if refused:
                with pytest.raises(Refusal, match="at most 2"):
                    request.judge(head)
            else:
                request.judge(head)


def test_a_set_may_make_so_much_work() -> None:
    head = open_head()
    sealed = seal([listing(1), listing(2)])
    work = work_of(head, sealed)
    with_limits(head, sealed, work=work).judge(head)
    with pytest.raises(Refusal, match="touches too much at once") as refused:
        with_limits(head, sealed, work=work - 1).judge(head)
    assert refused.value.code is Code.INVALID


def test_what_is_too_much_for_the_loop_is_kept_decoded_for_the_thread() -> None:
    head = open_head()
    sealed = seal([listing(1)])
    work = work_of(head, sealed)
    request = prepared(write(head, sealed))
    held = request.prepared
    with pytest.raises(WorkExceeded):
        request.judge(head, Work(work - 1))
    assert request.prepared == held
    prepared(request)
    assert request.prepared == held
    assert request.judge(head, Work(work)).entries


@pytest.mark.parametrize("way", ["whole", "piece by piece", "in one of two sets"])
def test_an_order_is_refused_that_would_be_too_large(way: str) -> None:
    head = open_head()
    accept(head, seal([listing(1)]))
    append: Spec = ("append", ("Orders", 5, "Items"), {"ListingID": 1, "Quantity": 1})
    sets = {
        "whole": [[order_of(3000)]],
        "piece by piece": [[order_of(0), *[append] * 3000]],
        "in one of two sets": [[order_of(2900)], [append] * 100],
    }[way]
    for number, patches in enumerate(sets[:-1]):
        accept(head, seal(patches, nonce=2 + number))
    before = head.state
    refused = refusal(head, seal(sets[-1], nonce=9))
    assert (refused.code, "65536" in refused.message) == (Code.INVALID, True)
    assert head.state is before
    accept(head, seal([order(6)], nonce=9))


REGION: Value = {"Country": "", "PostalCode": "", "City": ""}
ITEM: Value = {"ListingID": 1, "Quantity": 1}


@pytest.mark.parametrize(
    ("object_type", "key", "grow"),
    [
        (ObjectType.LISTING, (1).to_bytes(8), ("append", ("Listings", 1, "Metadata", "Images"), "x" * 200)),
        (ObjectType.LISTING, (1).to_bytes(8), ("replace", ("Listings", 1, "Metadata", "Title"), "x" * 200)),
        (ObjectType.TAG, b"t", ("append", ("Tags", "t", "ListingIDs"), 1)),
        (ObjectType.TAG, b"t", ("replace", ("Tags", "t", "Name"), "x" * 200)),
        (ObjectType.MANIFEST, b"", ("add", ("Manifest", "ShippingRegions", "x" * 200), REGION)),
        (ObjectType.MANIFEST, b"", ("add", ("Manifest", "Payees", 1, bytes(20)), {"CallAsContract": True})),
        (
            ObjectType.ORDER,
            (5).to_bytes(8),
            ("append", ("Orders", 5, "Items"), {"ListingID": 1, "Quantity": 1}),
        ),
    ],
    ids=lambda value: "-".join(map(str, value[1]))[:40] if isinstance(value, tuple) else "",
)
def test_every_patch_that_grows_an_object_meets_its_limit(
    object_type: ObjectType, key: bytes, grow: Spec
) -> None:
    head = open_head()
    accept(head, seal([listing(1), ("add", ("Tags", "t"), {"Name": "t"}), order_of(1)]))
    sealed = seal([("add", ("Inventory", 1), 7), grow, ("increment", ("Inventory", 1), 7)], nonce=2)
    state = write(head, sealed).judge(head).entries[-1].applied.state
    size = len(state.get(object_type, key) or b"")
    assert size > len(head.state.get(object_type, key) or b"")
    with_limits(head, sealed, objects=ObjectLimits(size, size)).judge(head)
    is_order = object_type is ObjectType.ORDER
    others = ObjectLimits(size - 1, 10**6) if is_order else ObjectLimits(10**6, size - 1)
    with pytest.raises(Refusal, match=f"more than {size - 1}"):
        with_limits(head, sealed, objects=others).judge(head)


def test_an_unlinked_guest_among_many() -> None:
    head = crowded_head(100_000)
    accepted = accept(head, seal([("remove", ("Accounts", bytes(20), "KeyCards", 0), None)]))
    assert accepted.entries[0].applied.unlinked == (GUEST.public_key,)
    assert head.cards[GUEST.public_key].is_unlinked
    again = seal([("remove", ("Accounts", bytes(20), "KeyCards", 100_000), None)], nonce=2)
    assert "no key card 100000" in refusal(head, again).message


def test_a_removed_account_comes_back_whole() -> None:
    head = open_head()
    accept(head, seal([("remove", ("Accounts", b"\x0a" * 20, "KeyCards", 0), None)]))
    request = enrolment(STRANGER)
    pushed = decode_set(wire_of(request.judge(head)))
    patch = decode_patch(pushed.patches[0])
    assert (patch.op, patch.fields, patch.value) == ("append", ("KeyCards",), STRANGER.public_key)


# -- over the wire


async def test_nonces_over_the_wire_and_across_a_failure(house: House) -> None:
    clerk = await house.clerk()
    await clerk.write_sealed(clerk.seal(listing(1), nonce=2**63))
    with pytest.raises(Refused) as refused:
        await clerk.write_sealed(clerk.seal(listing(2), nonce=2**63))
    assert (refused.value.code, "event nonce re-use" in refused.value.message) == (Code.INVALID, True)
    await clerk.write_sealed(clerk.seal(listing(2), nonce=2**64 - 1))
    with pytest.raises(Refused):
        await clerk.write_sealed(clerk.seal(listing(3), nonce=1))


async def test_one_sessions_answers_leave_in_the_order_of_its_writes(house: House) -> None:
    clerk = await house.clerk()
    many = images(1, 300, 150)
    writes: list[Sequence[Spec]] = [[listing(number) for number in range(1, 301)]]
    for number in range(1, 30):
        # Large and small, good and bad, judged beside the loop and on it.
        writes += [
            many,
            [listing(1000 + number)],
            [("remove", ("Listings", 5000 + number), None)],
            [listing(1000 + number)],
            [("replace", ("Listings", number, "Price"), number)],
        ]
    answers = [await clerk.start_write(*patches) for patches in writes]
    outcomes = []
    for answer in answers:
        try:
            payload(await asyncio.wait_for(answer, TIMEOUT_S))
            outcomes.append("stored")
        except Refused as refused:
            outcomes.append(refused.code.name)
    assert outcomes == ["stored"] + ["stored", "stored", "NOT_FOUND", "INVALID", "stored"] * 29
    ids = [one.request_id for one in clerk.received if one.request_id > 2]
    assert ids == sorted(ids)


async def test_writes_of_all_sessions_are_processed_in_the_order_in_which_they_arrive(house: House) -> None:
    lines = [await house.line(await house.enrol()) for _ in range(3)]
    answers = []
    for number in range(1, 31):
        # Every fifth is judged beside the loop; those behind it wait for it.
        sender, count = lines[number % 3], 300 if number % 5 == 0 else 1
        patches = [listing(1000 * number + offset) for offset in range(count)]
        answers.append((sender, await sender.start_write(*patches)))
    for sender, answer in answers:
        await sender.read_until(answer.done)
        payload(answer.result())
    reader = await house.visitor()
    await reader.subscribe(3)
    first_ids = [decode_patch(one.patches[0]).path[1] for one in await reader.sets_until(33)]
    assert first_ids == [1000 * number for number in range(1, 31)]


async def test_a_set_of_ten_thousand_patches_is_stored_and_others_go_on_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk, other = await house.clerk(), await house.clerk()
    go_on = threading.Event()
    judge = ClientWrite.judge

    def held_up(request: ClientWrite, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        if request.size_bytes > sequencer.THREAD_BYTES:
            assert go_on.wait(TIMEOUT_S)
        return judge(request, head, loop_work)

    monkeypatch.setattr(ClientWrite, "judge", held_up)
    large = clerk.seal(*(listing(number) for number in range(1, 10_001)))
    answer = await clerk.start(PatchSetWriteRequest(large))
    for _ in range(3):
        # They are answered, so the loop turns.
        visitor = await house.visitor()
        await visitor.subscribe(1)
        await visitor.close()
    assert not answer.done()
    go_on.set()
    assert len(payload(await asyncio.wait_for(answer, TIMEOUT_S))) == 32
    await other.write(listing(20_000))
    hosted = await house.relay.shops.find(clerk.shop_id)
    assert hosted is not None
    assert hosted.feed.counts.listings == 10_001


async def test_a_card_of_nobody_cannot_write(house: House) -> None:
    clerk = await house.clerk()
    with pytest.raises(Refused) as refused:
        await clerk.write_sealed(clerk.seal(listing(1), key=new_key()))
    assert refused.value.code == Code.INVALID
    with pytest.raises(Refused) as refused:
        await clerk.write_sealed(clerk.seal(listing(1), shop_id=1))
    assert refused.value.code == Code.INVALID
    with pytest.raises(Refused) as refused:
        await clerk.write_sealed(clerk.seal(listing(1), ahead=timedelta(hours=1)))
    assert refused.value.code == Code.INVALID
    await clerk.write_sealed(clerk.seal(listing(1), ahead=timedelta(minutes=4)))
