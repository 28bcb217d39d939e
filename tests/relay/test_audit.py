"""What replaying a log finds: nothing where all is well, the first difference where somebody tampered.

`tests/system/test_tampering.py` tampers with every column.
"""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minirelay.client.received import open_received
from minirelay.errors import Refusal
from minirelay.protocol.cbor import Value, encode
from minirelay.protocol.gaps import GAP_STEP, number_after_restore
from minirelay.protocol.mmr import root
from minirelay.protocol.patch_set import (
    decode_parts,
    decode_patch_set,
    join_patch_set,
    open_patch_set,
    verify,
)
from minirelay.protocol.push import decode_set
from minirelay.relay.audit import Audited, Difference, audit, check_signers, read_signers
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.access import Role
from minirelay.shop.ownership import Author
from minirelay.store.database import FILE_NAME, open_readonly
from tests.raw_client import Spec, Talker
from tests.relay.house import (
    NOON,
    RELAY_KEY,
    SHOP,
    House,
    listing,
    order,
    restore,
    running_relay,
)
from tests.relay.requests import judged

NUMBER = number_after_restore(0, NOON)


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """Make a shop of nine sets."""
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        guest = await house.guest()
        await clerk.write(listing(1), listing(2), ("add", ("Inventory", 1), 7))
        await guest.write(order(5))
        for number in range(3, 8):
            await clerk.write(listing(number))
    return tmp_path


async def audited(directory: Path) -> tuple[Audited, int]:
    steps: list[int] = []
    async with await open_readonly(directory) as store:
        row = await store.reader.shop(SHOP)
        assert row is not None
        signers = await read_signers(store.reader)
        result = await audit(store.reader, row, signers, steps.append)
        check_signers(signers, result.signed_by)
    return result, sum(steps)


def tamper(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        assert connection.execute(statement).rowcount > 0
        connection.commit()


async def test_a_sound_shop_is_replayed_to_its_root(directory: Path) -> None:
    result, steps = await audited(directory)
    assert result.set_count == steps == 9
    async with running_relay(directory) as house:
        clerk = await house.clerk()
        root = await clerk.write(listing(9))
    again, _ = await audited(directory)
    assert again.root_hash == root
    assert again.root_hash != result.root_hash


async def test_of_several_differences_the_first_is_named(directory: Path) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        for column, seq in (("wire", 8), ("types", 6), ("leaves", 7)):
            connection.execute(
                f"UPDATE patch_set SET {column} = (SELECT {column} FROM patch_set WHERE position & 0xff = 1)"
                " WHERE position & 0xff = ?",
                (seq,),
            )
        connection.commit()
    with pytest.raises(Difference, match="set 6: its types"):
        await audited(directory)


async def test_whose_signers_are_the_relays_is_said(directory: Path) -> None:
    result, _ = await audited(directory)
    assert result.signed_by == {RELAY_KEY.public_key}


async def test_a_log_that_was_restored_is_sound(directory: Path) -> None:
    for at in (NOON, NOON + 60):
        restore(directory, at)
        result, steps = await audited(directory)
        async with running_relay(directory) as house:
            # The relay's own set comes first, then a clerk's.
            clerk = await house.clerk()
            root = await clerk.write(listing(at))
        again, more_steps = await audited(directory)
        assert again.root_hash == root
        assert again.set_count == more_steps == result.set_count + 2 == steps + 2


async def test_a_gap_may_be_narrow(directory: Path) -> None:
    """With a clock that is behind, the next multiple of 2^14 may be the next number."""
    restore(directory, 0)
    async with running_relay(directory) as house:
        clerk = await house.clerk()
        await clerk.write(listing(1000))
    tamper(directory, "UPDATE gap SET after = 16383, next = 16384 WHERE shop = 0")
    result, _ = await audited(directory)
    assert result.set_count == 11


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM gap WHERE shop = 1", "set 10 is missing"),
        ("UPDATE gap SET next = next + 16384 WHERE shop = 1", f"set {NUMBER + GAP_STEP} is missing"),
        ("UPDATE gap SET next = next - 16384 WHERE shop = 1", f"set {NUMBER - GAP_STEP} is missing"),
        ("UPDATE gap SET after = 8 WHERE shop = 1", f"set {NUMBER}: its listings"),
        ("INSERT INTO gap (shop, after, next) VALUES (1, 5, 16384)", "set 16384 is missing"),
        (
            f"INSERT INTO gap (shop, after, next) VALUES (1, {NUMBER + 50}, {NUMBER + GAP_STEP})",
            f"a gap is stored behind set {NUMBER + 50}",
        ),
        (
            f"INSERT INTO gap (shop, after, next) VALUES (1, {NUMBER + 1}, {NUMBER + GAP_STEP})",
            "the shop: its relay_nonce",
        ),
        (f"UPDATE shop SET relay_nonce = {NUMBER - 1}", "the shop: its relay_nonce"),
    ],
)
async def test_a_gap_that_is_not_the_logs_is_named(directory: Path, statement: str, words: str) -> None:
    restore(directory)
    async with running_relay(directory) as house:
        clerk = await house.clerk()
        await clerk.write(listing(1000))
    tamper(directory, statement)
    with pytest.raises(Difference) as caught:
        await audited(directory)
    assert words in str(caught.value)


async def test_a_pending_gap_has_the_relays_next_nonce(directory: Path) -> None:
    restore(directory)
    await audited(directory)
    tamper(directory, "UPDATE shop SET relay_nonce = relay_nonce + 1")
    with pytest.raises(Difference, match="nonce"):
        await audited(directory)


async def test_every_byte_of_a_set_matters(directory: Path) -> None:
    connection = sqlite3.connect(directory / FILE_NAME)
    position, wire = connection.execute(
        "SELECT position, wire FROM patch_set WHERE position & 0xff = 5"
    ).fetchone()
    for place in range(0, len(wire), 7):
        changed = bytearray(wire)
        changed[place] ^= 1
        connection.execute("UPDATE patch_set SET wire = ? WHERE position = ?", (bytes(changed), position))
        connection.commit()
        with pytest.raises(Difference):
            await audited(directory)
    connection.close()


async def test_it_reads_beside_a_relay_that_writes(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        for number in range(1, 30):
            await clerk.write(listing(number))
            result, _ = await audited(tmp_path)
            assert result.set_count == number + 1


async def test_what_moves_on_meanwhile_is_no_difference(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        await house.enrol()
        stop = asyncio.Event()
        writing = [asyncio.create_task(keep_writing(house, number, stop)) for number in range(1, 4)]
        counts = [(await audited(tmp_path))[0].set_count for _ in range(15)]
        stop.set()
        await asyncio.gather(*writing)
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


async def keep_writing(house: House, number: int, stop: asyncio.Event) -> None:
    """Enrol cards, write listings, change them, and unlink the cards, until told to stop."""
    while not stop.is_set():
        clerk = await house.clerk()
        assert clerk.key is not None
        await clerk.write(listing(number))
        await clerk.write(("replace", ("Listings", number, "Price"), 5))
        await clerk.write(("remove", ("Listings", number), None))
        wallet = house.wallets[clerk.key.public_key]
        await clerk.write(("remove", ("Accounts", wallet, "KeyCards", 0), None))


async def test_what_a_moving_log_has_wrong_is_found_all_the_same(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        await clerk.write(listing(1))
        await house.store.writer.barrier()
        await house.store.writer.connection.run(lambda db: db.execute("UPDATE object SET value = x'00'"))
        stop = asyncio.Event()
        writing = asyncio.create_task(keep_writing(house, 9, stop))
        with pytest.raises(Difference, match="stored otherwise"):
            await audited(tmp_path)
        stop.set()
        await writing


async def append_as_before_the_limits(
    house: House, clerk: Talker, header: dict[str, Value], patches: list[Value]
) -> None:
    """Append a set that a relay accepted once, and that no relay would accept now."""
    assert clerk.key is not None
    clerk.nonce += 1
    leaves = [encode(one) for one in patches]
    fields: dict[str, Value] = {
        "KeyCardNonce": clerk.nonce,
        "ShopID": SHOP,
        "Timestamp": datetime.now(UTC),
        "RootHash": root(leaves),
    }
    raw = encode(fields | header)  # type: ignore[arg-type]
    signature = clerk.key.sign(raw)
    with pytest.raises(Refusal):
        decode_patch_set(join_patch_set(raw, signature, leaves))
    verified = verify(decode_parts(raw, signature, leaves))
    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    head: ShopHead = await hosted.sequencer.opened()
    card = head.cards[clerk.key.public_key]
    accepted = judged(head, Author(Role.CLERK, card.row_id), verified)
    await house.store.writer.commit(head.append(accepted))


async def append_as_accepted(house: House, clerk: Talker, *patches: Spec) -> None:
    """Append a clerk's set as if the policy of its day had let it pass."""
    assert clerk.key is not None
    hosted = await house.relay.shops.find(SHOP)
    assert hosted is not None
    head = await hosted.sequencer.opened()
    author = Author(Role.CLERK, head.cards[clerk.key.public_key].row_id)
    accepted = judged(head, author, open_patch_set(clerk.seal(*patches)))
    await house.store.writer.commit(head.append(accepted))


async def test_what_was_decided_when_a_set_was_accepted_is_not_decided_again(tmp_path: Path) -> None:
    item: Spec = ("append", ("Orders", 5, "Items"), {"ListingID": 1, "Quantity": 1})
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        await clerk.write(listing(1), order(5), item)
        for state in (3, 1, 3):
            await append_as_accepted(house, clerk, ("replace", ("Orders", 5, "State"), state))
        # A client may not remove an order in checkout, but the rules of the state have nothing against it.
        await append_as_accepted(house, clerk, ("remove", ("Orders", 5), None))
    result, _ = await audited(tmp_path)
    assert result.set_count == 6


HOLLOW: Value = {
    "Op": "replace",
    "Path": ["Manifest", "AcceptedCurrencies"],
    "Value": {1: {bytes(20): {}}},
    "Comment": [[] for _ in range(60_000)],
}


async def test_a_log_from_before_the_limits_is_sound_for_audits_and_clients(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        await append_as_before_the_limits(house, clerk, {"Comment": "x" * 300_000}, [HOLLOW, HOLLOW])
        creation: Value = {"Op": "add", "Path": ["Tags", "a"], "Value": {"Name": "a"}}
        removal: Value = {"Op": "remove", "Path": ["Tags", "a"], "Value": None}
        await append_as_before_the_limits(house, clerk, {}, [creation, removal] * 8_193)
        wires = [
            stored.wire
            for stored in await house.store.reader.page(
                1, after_seq=1, upto_seq=3, max_patches=10**6, max_bytes=2**30
            )
        ]
    assert [len(open_received(decode_set(wire), SHOP).patches) for wire in wires] == [2, 16_386]
    result, _ = await audited(tmp_path)
    assert (result.set_count, result.patch_count) == (3, 2 + 2 + 16_386)
