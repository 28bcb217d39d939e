"""Several sets in one request: a client's, and the relay's right behind it, all or none."""

import asyncio
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from minirelay.errors import Refusal
from minirelay.protocol.cbor import Value
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, decode_header, open_patch_set
from minirelay.protocol.push import SequencedPartialPatchSet, decode_set
from minirelay.protocol.signing import recover
from minirelay.relay.audit import audit, check_signers, read_signers
from minirelay.relay.client_write import ClientWrite
from minirelay.relay.pending_sets import PendingSets
from minirelay.shop import canonical
from minirelay.shop.access import Role
from minirelay.shop.objects import Order
from minirelay.shop.order_states import OrderState
from minirelay.shop.ownership import Author
from minirelay.shop.state import ShopState
from minirelay.shop.work import CHANGE, PATCH, Work, WorkExceeded
from minirelay.store.database import open_readonly
from minirelay.store.messages import BatchReport
from tests.raw_client import Refused, Spec, Talker
from tests.relay import checkout_writes
from tests.relay.checkout_writes import CANCELED, judge_with_relays_sets
from tests.relay.house import (
    RELAY_KEY,
    SHOP,
    TIMEOUT_S,
    House,
    listing,
    order,
    running_relay,
)
from tests.relay.requests import CLERK, GUEST, NOW, card, open_head, seal

ROOT = Path(__file__).parent.parent.parent
ALL = 10**9


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Run a relay whose clients' orders are cancelled by it in the same transaction."""
    monkeypatch.setattr(ClientWrite, "judge", judge_with_relays_sets)
    async with running_relay(tmp_path) as house:
        yield house


async def assert_sound(directory: Path) -> int:
    """Check the log and all that is stored beside it, as `minirelay verify` does; return its length."""
    async with await open_readonly(directory) as store:
        row = await store.reader.shop(SHOP)
        assert row is not None
        signers = await read_signers(store.reader)
        audited = await audit(store.reader, row, signers, lambda _: None)
        check_signers(signers, audited.signed_by)
        return audited.set_count


def orders_of(sets: list[SequencedPartialPatchSet]) -> list[tuple[int, bytes]]:
    """Return the number of each set and who signed it."""
    return [(one.seq, recover(one.header, one.signature)) for one in sets]


async def test_the_clients_set_and_the_relays_are_one_transaction_and_one_answer(
    house: House, tmp_path: Path
) -> None:
    clerk, guest = await house.clerk(), await house.guest()
    assert guest.key is not None
    reports: list[BatchReport] = []
    house.store.writer.on_batch = reports.append
    root = await guest.write(order(7))
    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    head = await hosted.sequencer.opened()
    assert root == head.state.root_hash
    assert [report.commits for report in reports] == [1]
    assert (head.seq, head.relay_nonce) == (5, 4)
    value = head.state.get(ObjectType.ORDER, (7).to_bytes(8))
    assert value is not None
    assert canonical.load(Order, value).state is OrderState.CANCELED
    assert await house.store.reader.get_meta("order 7") == b"canceled"
    # The next ones of both go on behind.
    assert await clerk.write(order(8)) != root
    assert await house.durable_seq() == 8
    await house.relay.drain(TIMEOUT_S)
    assert await assert_sound(tmp_path) == 8


async def test_subscribers_get_all_in_their_order_and_the_writer_right_before_its_answer(
    house: House,
) -> None:
    clerk, other = await house.clerk(), await house.guest()
    writer = await house.line(await house.enrol(is_guest=True))
    visitor = await house.visitor()
    assert writer.key is not None
    begin = await house.durable_seq()
    for client in (writer, clerk, other, visitor):
        await client.subscribe(begin)
    answer = await writer.start_write(order(7))
    await writer.read_until(answer.done)
    mine = writer.pushes.get_nowait()
    expected = [
        (begin + 1, writer.key.public_key),
        (begin + 2, RELAY_KEY.public_key),
        (begin + 3, RELAY_KEY.public_key),
    ]
    # One push with all three, and nothing between it and the answer.
    assert orders_of(list(mine.sets)) == expected
    assert type(writer.received[-2].message) is type(mine)
    assert orders_of(await clerk.sets_until(begin + 3)) == expected
    for blind in (other, visitor):
        await blind.quiet()
        assert blind.pushes.empty()


async def test_the_relays_nonces_go_on_and_its_sets_are_under_the_shops_id(house: House) -> None:
    clerk = await house.clerk()
    for number in (1, 2, 3):
        await clerk.write(order(number))
    page = await house.store.reader.page(1, after_seq=0, upto_seq=ALL, max_patches=ALL, max_bytes=ALL)
    headers = [decode_header(decode_set(one.wire).header) for one in page if one.author == 0]
    assert [header.key_card_nonce for header in headers] == list(range(1, 8))
    assert {header.shop_id for header in headers} == {SHOP}


async def write_orders(clerk: Talker) -> None:
    """Write one order after the other until one is refused."""
    for number in count(1):
        await clerk.write(order(number))


async def test_of_a_commit_that_fails_nothing_is_stored_and_nothing_pushed(
    house: House, tmp_path: Path
) -> None:
    clerk = await house.clerk()
    await clerk.subscribe(1)
    async with house.disk_full():
        with pytest.raises(Refused, match="could not be stored"):
            await write_orders(clerk)
    end = await house.durable_seq()
    assert end % 3 == 1
    notes = [await house.store.reader.get_meta(f"order {(end - 1) // 3 + more}") for more in (0, 1)]
    assert notes == [b"canceled", None]
    # The same numbers and nonces are used again.
    await clerk.write(order(20_000))
    assert [one.seq for one in await clerk.sets_until(end + 3)] == list(range(2, end + 4))
    await house.relay.drain(TIMEOUT_S)
    assert await assert_sound(tmp_path) == end + 3


async def test_a_killed_relay_has_all_sets_of_a_request_or_none(tmp_path: Path) -> None:
    for answers in (1, 5, 30):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            checkout_writes.__name__,
            str(tmp_path),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        for _ in range(answers):
            await process.stdout.readline()
        process.kill()
        rest = (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
        answered = answers + sum(line.endswith(b"\n") for line in rest)
        async with await open_readonly(tmp_path) as store:
            orders = [
                one for one in await store.reader.load_objects(1) if one.object_type is ObjectType.ORDER
            ]
            states = [canonical.load(Order, one.value).state for one in orders]
            for one in orders:
                assert await store.reader.get_meta(f"order {int.from_bytes(one.key)}") == b"canceled"
            enrolments = len(await store.reader.cards(1))
        assert len(states) >= answered
        assert set(states) == {OrderState.CANCELED}
        assert await assert_sound(tmp_path) == enrolments + 3 * len(states)


def test_a_refused_set_of_the_relay_refuses_the_request() -> None:
    head = open_head()
    before = head.state, head.seq, head.relay_nonce
    pending = PendingSets(head)
    author = Author(Role.GUEST, card(head, GUEST).row_id)
    pending.apply(author, open_patch_set(seal([order(1)], key=GUEST)))
    with pytest.raises(Refusal):
        pending.apply_own([NewPatch("replace", ("Orders", 1, "State"), CANCELED)], RELAY_KEY, NOW)
    assert (head.state, head.seq, head.relay_nonce) == before


def test_each_set_is_judged_on_the_state_and_the_owners_behind_the_one_before() -> None:
    head = open_head()
    guest = Author(Role.GUEST, card(head, GUEST).row_id)
    pending = PendingSets(head)
    pending.apply(guest, open_patch_set(seal([order(1)], key=GUEST)))
    # Whose order it is, the head does not know yet.
    applied = pending.apply_own([NewPatch("add", ("Orders", 1, "CanceledAt"), NOW)], RELAY_KEY, NOW)
    assert applied.patch_owners == (guest.card_row,)
    clerk = Author(Role.CLERK, card(head, CLERK).row_id)
    pending.apply(clerk, open_patch_set(seal([("remove", ("Orders", 1), None)])))
    pending.apply(clerk, open_patch_set(seal([order(1)], nonce=2)))
    applied = pending.apply_own([NewPatch("add", ("Orders", 1, "CanceledAt"), NOW)], RELAY_KEY, NOW)
    assert applied.patch_owners == (0,)
    commit = head.append(pending.accepted())
    assert [one.seq for one in commit.sets] == [3, 4, 5, 6, 7]
    assert [one.author for one in commit.sets] == [guest.card_row, 0, clerk.card_row, clerk.card_row, 0]
    assert (commit.relay_nonce, commit.nonces) == (4, {guest.card_row: 1, clerk.card_row: 2})
    assert head.owners == {}
    assert head.counts.orders == 5


def test_what_one_set_has_decoded_the_next_does_not_decode_again() -> None:
    head = open_head()
    pending, work = PendingSets(head), Work()
    items: list[Value] = [{"ListingID": 1, "Quantity": 1}] * 500
    added: Spec = ("add", ("Orders", 1), {"ID": 1, "State": 1, "Items": items})
    pending.apply(
        Author(Role.CLERK, card(head, CLERK).row_id),
        open_patch_set(seal([listing(1), added])),
    )
    size = len(pending.state.get(ObjectType.ORDER, (1).to_bytes(8)) or b"")
    pending.apply_own([NewPatch("add", ("Orders", 1, "CanceledAt"), NOW)], RELAY_KEY, NOW, work)
    # Signed, changed and hashed; to decode it would be a unit for every other byte, and more for each item.
    assert work.spent < 4500 + PATCH + CHANGE + size // 4


def test_a_state_between_two_sets_is_not_hashed() -> None:
    head = open_head()
    pending = PendingSets(head)
    pending.apply(Author(Role.CLERK, card(head, CLERK).row_id), open_patch_set(seal([order(1)])))
    pending.apply_own([NewPatch("add", ("Orders", 1, "CanceledAt"), NOW)], RELAY_KEY, NOW)
    accepted = pending.accepted()
    between, last = (one.applied.state for one in accepted.entries)
    assert ["root_hash" in vars(one) for one in (between, last)] == [False, True]
    # As it would be without a state between.
    assert last.root_hash == ShopState.from_objects(last.objects()).root_hash


def test_what_the_relay_signs_is_work_for_the_loop_too() -> None:
    head = open_head()
    pending, work = PendingSets(head), Work()
    pending.apply(Author(Role.CLERK, card(head, CLERK).row_id), open_patch_set(seal([order(1), order(2)])))
    patches = [NewPatch("add", ("Orders", number, "CanceledAt"), NOW) for number in (1, 2)]
    pending.apply_own(patches[:1], RELAY_KEY, NOW, work)
    assert work.spent >= 4500
    with pytest.raises(WorkExceeded):
        pending.apply_own(patches[1:], RELAY_KEY, NOW, Work(4499))
