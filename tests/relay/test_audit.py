"""What replaying a log finds: nothing where all is well, the first difference where somebody tampered."""

import sqlite3
from pathlib import Path

import pytest

from minirelay.relay.audit import Audited, Difference, audit
from minirelay.store.database import FILE_NAME, open_readonly
from tests.relay.house import SHOP, listing, order, running_relay


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """Make a shop with a history: clerks, a guest's order, removals, an unlinked card."""
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        guest = await house.guest()
        leaver = await house.clerk()
        await clerk.write(listing(1), listing(2), ("add", ("Inventory", 1), 7))
        await guest.write(order(5))
        await guest.write(("append", ("Orders", 5, "Items"), {"ListingID": 1, "Quantity": 2}))
        await leaver.write(("add", ("Tags", "sale\0"), {"Name": "sale", "ListingIDs": [1]}))
        await clerk.write(("remove", ("Listings", 2), None))
        wallet = next(
            one.key
            for one in await house.store.reader.load_objects(1)
            if one.object_type.name == "ACCOUNT" and leaver_key(leaver) in one.value
        )
        await clerk.write(("remove", ("Accounts", wallet, "KeyCards", 0), None))
    return tmp_path


def leaver_key(talker: object) -> bytes:
    key = getattr(talker, "key", None)
    assert key is not None
    public_key: bytes = key.public_key
    return public_key


async def audited(directory: Path) -> tuple[Audited, int]:
    steps: list[int] = []
    async with await open_readonly(directory) as store:
        row = await store.reader.shop(SHOP)
        assert row is not None
        result = await audit(store.reader, row, steps.append)
    return result, sum(steps)


def tamper(directory: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(directory / FILE_NAME)
    changed = connection.execute(statement, values).rowcount
    connection.commit()
    connection.close()
    assert changed > 0


async def test_a_sound_shop_is_replayed_to_its_root(directory: Path) -> None:
    result, steps = await audited(directory)
    assert result.set_count == steps == 9
    async with running_relay(directory) as house:
        clerk = await house.clerk()
        root = await clerk.write(listing(9))
    again, _ = await audited(directory)
    assert again.root_hash == root
    assert again.root_hash != result.root_hash


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE object SET value = x'00' WHERE object_type = 1", "listing"),
        ("DELETE FROM object WHERE object_type = 2", "tag"),
        ("UPDATE object SET key = x'0000000000000063' WHERE object_type = 6", "inventory"),
        (
            "INSERT INTO object (shop, object_type, key, owner, value) "
            "VALUES (1, 1, x'0000000000000063', 0, x'a0')",
            "not in the log",
        ),
        ("UPDATE object SET owner = 0 WHERE object_type = 3", "somebody else"),
        ("UPDATE key_card SET last_nonce = x'ffffffffffffffff' WHERE id = 1", "nonce"),
        ("UPDATE key_card SET is_unlinked = 0 WHERE is_unlinked = 1", "linked otherwise"),
        ("UPDATE key_card SET is_guest = 1 WHERE id = 1", "set 4"),
        ("UPDATE shop SET relay_nonce = 99", "relay's own nonce"),
        ("UPDATE patch_set SET listings = listings + 1 WHERE position & 0xff = 4", "set 4"),
        ("DELETE FROM patch_set WHERE position & 0xff = 5", "gap"),
        ("UPDATE patch_set SET wire = substr(wire, 1, length(wire) - 1) WHERE position & 0xff = 5", "set 5"),
        (
            "UPDATE patch_set SET leaves = (SELECT leaves FROM patch_set LIMIT 1) WHERE position & 0xff = 5",
            "set 5",
        ),
    ],
)
async def test_what_was_tampered_with_is_named(directory: Path, statement: str, words: str) -> None:
    tamper(directory, statement)
    with pytest.raises(Difference) as caught:
        await audited(directory)
    assert words in str(caught.value)


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
