"""Whatever is changed in a database with another program, `minirelay verify` says so: column by column."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.unixfs import CHUNK_BYTES
from minirelay.cli.main import run
from minirelay.protocol.cbor import Value
from minirelay.protocol.patch_set import decode_parts, verify
from minirelay.protocol.push import decode_set, encode_set
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.clock import utc_now
from minirelay.relay.messages import Enrolment
from minirelay.store.database import FILE_NAME, Store
from tests.blobs.test_library import put
from tests.raw_client import Talker
from tests.relay.checkout_specs import choose_payment, commit_order, open_shop
from tests.relay.house import RELAY_KEY, SHOP, House, listing, order, restore, running_relay
from tests.relay.selling import known_facts
from tests.shop.patching import OTHER_PAYEE

OTHER_SHOP = 2**256 - 1
STRANGER = PrivateKey.from_bytes(b"\x13" * 32)
NEW_WALLET = PrivateKey.from_bytes(b"\x14" * 32)

NOT_COMPARED = {
    "migration.applied_at": "nothing else tells when the schema was migrated",
    "meta.key": "notes, which are of no shop",
    "meta.value": "notes, which are of no shop",
    "object.row": "the place in the file, which means nothing",
    "reservation.ends_at": "by the relay's clock",
    "reservation.extended_until": "by the relay's clock",
    "payment_request.issued_at_block": "of the chain",
    "payment_request.is_dead": "found on the chain",
    "payment_request.received": "found on the chain",
    "payment_request.is_watched": "found on the chain",
    "payment_transfer.kind": "found on the chain",
    "payment_transfer.token": "found on the chain",
    "payment_transfer.transaction_hash": "found on the chain",
    "payment_transfer.log_index": "found on the chain",
    "payment_transfer.block_number": "found on the chain",
    "payment_transfer.block_hash": "found on the chain",
    "payment_transfer.amount": "found on the chain",
    "payment_transfer.is_proven": "found on the chain",
    "payment_transfer.is_deep": "found on the chain",
    "payment_transfer.is_in_time": "found on the chain",
    "payment_transfer.chain_id": "found on the chain",
    "stray_search.chain_id": "to be asked of the chain",
    "stray_search.is_read": "to be asked of the chain",
    "payment_decision.id": "the place in the file, which means nothing",
    "payment_decision.decision": "by a person",
    "payment_decision.decided_by": "by a person",
    "payment_decision.reason": "by a person",
    "payment_decision.decided_at": "by a person",
    "account_check.shop_id": "to be asked of the chain",
    "account_check.wallet": "to be asked of the chain",
    "account_check.may_be_added": "to be asked of the chain",
    "alert.acknowledged_at": "by a person",
    "webhook_topic.name": "a setting",
    **dict.fromkeys([f"webhook_told.{one}" for one in ("key", "times")], "told before, not stored elsewhere"),
    **dict.fromkeys(
        [
            f"webhook_event.{one}"
            for one in (
                *("id", "key", "times", "topic", "stream", "state", "request", "alert", "amount", "count"),
                *("detail", "is_urgent", "is_over", "created_at"),
            )
        ],
        "to be told, and then gone",
    ),
    "chain_head.chain_id": "of the chain",
    "chain_head.number": "of the chain",
    "chain_head.hash": "of the chain",
    "chain_head.parent": "of the chain",
    "chain_head.timestamp": "of the chain",
    "chain_mark.chain_id": "of the chain",
    "chain_mark.scanned": "of the chain",
    "chain_mark.deep": "of the chain",
    "chain_mark.final": "of the chain",
    "chain_mark.final_time": "of the chain",
    "missing_time.since": "by the relay's clock",
    "missing_time.until": "by the relay's clock",
    "unknown_payment.chain_id": "of the chain",
    "unknown_payment.transaction_hash": "of the chain",
    "unknown_payment.log_index": "of the chain",
    "unknown_payment.request": "of the chain",
    "unknown_payment.block_number": "of the chain",
    "unknown_payment.block_hash": "of the chain",
    "shop_blob.uploaded_at": "by the relay's clock",
    "block.row": "the place in the file, which means nothing",
    "alert.id": "the place in the file, which means nothing",
    "alert.raised_at": "by the relay's clock",
    "alert.is_urgent": "how it is told, not what of",
    "alert.amount": "found on the chain",
    "alert.count": "found on the chain",
    "alert.detail": "words for a person",
    "alert.ended_at": "by the relay's clock",
}

CLERK, GUEST, LEAVER = 1, 2, 3
A_CARD = "(9, x'{key}', 1, zeroblob(20), 1, zeroblob(8), 0, 0)".format(key="02" * 33)

UNPAID, COMMITTED, REOPENED, CANCELED = (f"x'{number:016x}'" for number in (5, 6, 7, 8))
ANOTHER_REQUEST = """SELECT 3, shop, zeroblob(32), order_id, card, chain_id, ttl, currency, amount, payee,
    pricing_chain, pricing_address, price, region, listing_hashes, issued_at, issued_at_block, state, is_dead,
    received, is_watched FROM payment_request WHERE row = 1"""

A_TRANSFER = """INSERT INTO payment_transfer VALUES
    (zeroblob(32), 'balance', zeroblob(20), x'', 0, x'', 1, zeroblob(32), zeroblob(32), 1, 1, 1)"""

A_SEARCH = "INSERT INTO stray_search VALUES (zeroblob(32), zeroblob(8), 1)"

A_DECISION = "INSERT INTO payment_decision VALUES (9, zeroblob(32), 'accept', 'x', '', 0)"

# What is changed, by column; a word of what `verify` has to say about it, and where.
COLUMNS = [
    ("migration.number", "UPDATE migration SET number = 99 WHERE number = 1", "migrations"),
    ("migration.name", "UPDATE migration SET name = 'x' WHERE number = 1", "migrations"),
    ("shop.id", "UPDATE shop SET id = 77 WHERE id = 1", "is of no shop"),
    ("shop.shop_id", "UPDATE shop SET shop_id = zeroblob(32) WHERE id = 1", "set 1 is of shop 4711"),
    ("shop.relay_nonce", "UPDATE shop SET relay_nonce = 99 WHERE id = 1", "the shop: its relay_nonce"),
    (
        "shop.created_at",
        "UPDATE shop SET created_at = created_at + 1 WHERE id = 1",
        "the shop: its created_at",
    ),
    ("shop.authors_after", "UPDATE shop SET authors_after = 1 WHERE id = 1", "set 1: its author is stored"),
    ("key_card.id", "UPDATE key_card SET id = 99 WHERE id = 2", "set 5 is stored as another author's"),
    ("key_card.public_key", "UPDATE key_card SET public_key = zeroblob(33) WHERE id = 2", "is not stored"),
    ("key_card.shop", "UPDATE key_card SET shop = 2 WHERE id = 2", "but not stored, or of another shop"),
    ("key_card.wallet", "UPDATE key_card SET wallet = zeroblob(20) WHERE id = 1", "its wallet is stored"),
    ("key_card.is_guest", "UPDATE key_card SET is_guest = 0 WHERE id = 2", "its is_guest is stored"),
    ("key_card.last_nonce", "UPDATE key_card SET last_nonce = zeroblob(8) WHERE id = 1", "its last_nonce"),
    ("key_card.is_unlinked", "UPDATE key_card SET is_unlinked = 0 WHERE id = 3", "its is_unlinked is stored"),
    ("key_card.enrolled_at", "UPDATE key_card SET enrolled_at = 5 WHERE id = 3", "its enrolled_at is stored"),
    ("patch_set.position", "UPDATE patch_set SET position = position + 90 WHERE position = {9}", "gap"),
    (
        "patch_set.patch_count",
        "UPDATE patch_set SET patch_count = 7 WHERE position = {4}",
        "set 4: its patch_count",
    ),
    ("patch_set.types", "UPDATE patch_set SET types = 126 WHERE position = {4}", "set 4: its types"),
    ("patch_set.listings", "UPDATE patch_set SET listings = 9 WHERE position = {4}", "set 4: its listings"),
    ("patch_set.tags", "UPDATE patch_set SET tags = 9 WHERE position = {4}", "set 4: its tags"),
    ("patch_set.orders", "UPDATE patch_set SET orders = 9 WHERE position = {4}", "set 4: its orders"),
    ("patch_set.accounts", "UPDATE patch_set SET accounts = 9 WHERE position = {4}", "set 4: its accounts"),
    ("patch_set.manifest", "UPDATE patch_set SET manifest = 9 WHERE position = {4}", "set 4: its manifest"),
    (
        "patch_set.inventory",
        "UPDATE patch_set SET inventory = 9 WHERE position = {4}",
        "set 4: its inventory",
    ),
    (
        "patch_set.size_bytes",
        "UPDATE patch_set SET size_bytes = 9 WHERE position = {4}",
        "set 4: its size_bytes",
    ),
    ("patch_set.leaves", "UPDATE patch_set SET leaves = x'90' WHERE position = {4}", "set 4: its leaves"),
    (
        "patch_set.wire",
        "UPDATE patch_set SET wire = CAST(x'00' || wire AS BLOB) WHERE position = {4}",
        "set 4",
    ),
    (
        "patch_set.author",
        "UPDATE patch_set SET author = 0 WHERE position = {4}",
        "set 4 is stored as the relay's",
    ),
    (
        "patch_index.shop",
        "UPDATE patch_index SET shop = 2 WHERE shop = 1 AND seq = 4 AND leaf = 0",
        "set 4: the index",
    ),
    (
        "patch_index.object_type",
        "UPDATE patch_index SET object_type = 2 WHERE shop = 1 AND seq = 4 AND leaf = 1",
        "patch 1",
    ),
    (
        "patch_index.object_id",
        "UPDATE patch_index SET object_id = x'00' WHERE shop = 1 AND seq = 4 AND leaf = 2",
        "patch 2",
    ),
    (
        "patch_index.seq",
        "UPDATE patch_index SET seq = 5 WHERE shop = 1 AND seq = 4 AND leaf = 0",
        "set 4: the index",
    ),
    (
        "patch_index.leaf",
        "UPDATE patch_index SET leaf = 9 WHERE shop = 1 AND seq = 4 AND leaf = 0",
        "set 4: the index",
    ),
    ("patch_index.owner", "UPDATE patch_index SET owner = 1 WHERE shop = 1 AND seq = 5", "set 5: the index"),
    (
        "object.shop",
        "UPDATE object SET shop = 2 WHERE shop = 1 AND object_type = 2",
        "in the log, but not stored",
    ),
    (
        "object.object_type",
        "UPDATE object SET object_type = 3 WHERE object_type = 6",
        "is stored, but not in the log",
    ),
    ("object.key", "UPDATE object SET key = zeroblob(8) WHERE shop = 1 AND object_type = 6", "inventory"),
    ("object.owner", "UPDATE object SET owner = 1 WHERE shop = 1 AND object_type = 1", "listing"),
    ("object.value", "UPDATE object SET value = x'00' WHERE shop = 1 AND object_type = 1", "listing"),
    ("object.pieces", "UPDATE object SET pieces = 3 WHERE pieces = 2", "pieces of large objects"),
    ("object_piece.position", "UPDATE object_piece SET position = position + 5", "pieces of large objects"),
    (
        "object_piece.value",
        "UPDATE object_piece SET value = CAST(replace(value, 'sale', 'sole') AS BLOB)",
        "listing",
    ),
    (
        "relay_signer.public_key",
        "UPDATE relay_signer SET public_key = zeroblob(33)",
        "set 1 is stored as the relay's",
    ),
    ("gap.shop", "UPDATE gap SET shop = 77 WHERE shop = 1", "a gap in the log of no shop"),
    ("gap.after", "UPDATE gap SET after = 3 WHERE shop = 1", "is missing"),
    ("gap.next", "UPDATE gap SET next = next + 16384 WHERE shop = 1", "the shop: its relay_nonce"),
    ("reservation.shop", "UPDATE reservation SET shop = 1", "its card is not that"),
    (
        "reservation.order_id",
        f"UPDATE reservation SET order_id = zeroblob(8) WHERE order_id = {UNPAID}",
        "there is no such order",
    ),
    ("reservation.card", f"UPDATE reservation SET card = 0 WHERE order_id = {REOPENED}", "its card"),
    (
        "reservation.units",
        f"UPDATE reservation SET units = (SELECT units FROM reservation WHERE order_id = {UNPAID}) "
        f"WHERE order_id = {COMMITTED}",
        "its units",
    ),
    ("reservation.is_chosen", "UPDATE reservation SET is_chosen = 1", "its is_chosen"),
    ("reservation.hold", f"UPDATE reservation SET hold = 2 WHERE order_id = {UNPAID}", "no payment request"),
    ("payment_request.row", "UPDATE payment_request SET row = 99 WHERE row = 1", "the order of issue"),
    ("payment_request.shop", "UPDATE payment_request SET shop = 1 WHERE row = 1", "not in the log"),
    ("payment_request.id", "UPDATE payment_request SET id = zeroblob(32) WHERE row = 1", "is not stored"),
    (
        "payment_request.order_id",
        f"UPDATE payment_request SET order_id = {COMMITTED} WHERE row = 1",
        "its order_id",
    ),
    ("payment_request.card", "UPDATE payment_request SET card = 0 WHERE row = 1", "its card"),
    (
        "payment_request.chain_id",
        "UPDATE payment_request SET chain_id = zeroblob(8) WHERE row = 1",
        "its chain_id",
    ),
    ("payment_request.ttl", "UPDATE payment_request SET ttl = ttl + 1 WHERE row = 1", "its ttl"),
    (
        "payment_request.currency",
        "UPDATE payment_request SET currency = zeroblob(20) WHERE row = 1",
        "currency or payee",
    ),
    (
        "payment_request.amount",
        "UPDATE payment_request SET amount = zeroblob(32) WHERE row = 1",
        "its amount",
    ),
    (
        "payment_request.payee",
        "UPDATE payment_request SET payee = zeroblob(20) WHERE row = 1",
        "currency or payee",
    ),
    (
        "payment_request.pricing_chain",
        "UPDATE payment_request SET pricing_chain = zeroblob(8) WHERE row = 1",
        "its pricing_chain",
    ),
    (
        "payment_request.pricing_address",
        "UPDATE payment_request SET pricing_address = zeroblob(20) WHERE row = 1",
        "pricing_address",
    ),
    ("payment_request.price", "UPDATE payment_request SET price = zeroblob(32) WHERE row = 1", "its price"),
    ("payment_request.region", "UPDATE payment_request SET region = 'far' WHERE row = 1", "its region"),
    (
        "payment_request.listing_hashes",
        "UPDATE payment_request SET listing_hashes = (SELECT hash FROM block WHERE row = 1) WHERE row = 1",
        "its listing_hashes",
    ),
    (
        "payment_request.issued_at",
        "UPDATE payment_request SET issued_at = issued_at + 1 WHERE row = 1",
        "its issued_at",
    ),
    (
        "payment_request.state",
        "UPDATE payment_request SET state = 'lost' WHERE row = 1",
        "the unknown state 'lost'",
    ),
    ("block.hash", "UPDATE block SET hash = zeroblob(32) WHERE row = 1", "is not what its hash says"),
    ("block.data", "UPDATE block SET data = zeroblob(32) WHERE row = 1", "is not what its hash says"),
    ("block.is_served", "UPDATE block SET is_served = 1 WHERE row = 1", "is said to be served"),
    ("alert.kind", "UPDATE alert SET kind = 'withdrawn currency'", "alert 1 is about other payment requests"),
    ("alert.shop", "UPDATE alert SET shop = 1", "alert 1 is about other payment requests"),
    ("alert.chain_id", "UPDATE alert SET chain_id = zeroblob(8)", "alert 1 is about other payment requests"),
    ("alert.address", "UPDATE alert SET address = zeroblob(20)", "alert 1 is about other payment requests"),
    (
        "alert.request_ids",
        "UPDATE alert SET request_ids = CAST(request_ids || zeroblob(32) AS BLOB)",
        "alert 1 is about other payment requests",
    ),
    ("alert.told_of", "UPDATE alert SET told_of = 'late:00'", "alert 1 is told of something else"),
    ("blob.row", "UPDATE blob SET row = 77 WHERE row = 1", "a row of "),
    (
        "blob.hash",
        "UPDATE blob SET hash = zeroblob(32) WHERE row = 1",
        "those of another file",
    ),
    ("blob.size", "UPDATE blob SET size = size - 1 WHERE row = 1", "those of another file"),
    ("blob.media_type", "UPDATE blob SET media_type = 'text/html' WHERE row = 1", "its media type"),
    ("blob_block.blob", "UPDATE blob_block SET blob = 2 WHERE place < 0", "at another place"),
    ("blob_block.place", "UPDATE blob_block SET place = -7 WHERE place < 0", "at another place"),
    (
        "blob_block.block",
        "UPDATE blob_block SET block = (SELECT block FROM blob_block WHERE blob = 2) WHERE place < 0",
        "is served, and of no file",
    ),
    ("shop_blob.shop", "UPDATE shop_blob SET shop = 77 WHERE blob = 1", "is of no shop"),
    ("shop_blob.blob", "UPDATE OR REPLACE shop_blob SET blob = 2 WHERE blob = 1", "is of no shop"),
    ("payment_decision.request", f"{A_DECISION} -- request", "is of no payment_request"),
    ("payment_transfer.request", f"{A_TRANSFER} -- request", "is of no payment_request"),
    ("stray_search.request", f"{A_SEARCH} -- request", "is of no payment_request"),
]

# Rows that are missing or too many, and the same columns changed elsewhere.
OTHERS = [
    ("DELETE FROM migration WHERE number = 2", "migrations"),
    ("DELETE FROM shop WHERE id = 2", "is of no shop"),
    ("INSERT INTO shop VALUES (9, zeroblob(32), 0, 0, 0)", "a shop without a log, with the row id 9"),
    ("UPDATE shop SET authors_after = 99 WHERE id = 1", "set 1: its author is stored"),
    ("DELETE FROM key_card WHERE id = 2", "is not stored"),
    (f"INSERT INTO key_card VALUES {A_CARD}", "not enrolled in the log"),
    ("UPDATE key_card SET is_guest = 1 WHERE id = 1", "its is_guest is stored"),
    ("UPDATE key_card SET is_unlinked = 1 WHERE id = 1", "its is_unlinked is stored"),
    ("DELETE FROM patch_set WHERE position = {9}", "gap"),
    ("DELETE FROM patch_set WHERE position >> 40 = 2", "a shop without a log"),
    ("UPDATE patch_set SET position = 9 << 40 | 1 WHERE position = {10}", "a log without a shop"),
    ("UPDATE patch_set SET leaves = x'c1' WHERE position = {4}", "can't be read"),
    ("UPDATE patch_set SET author = 2 WHERE position = {4}", "set 4 is stored as another author's"),
    ("UPDATE patch_set SET author = NULL WHERE position = {4}", "set 4: its author is not stored"),
    ("UPDATE patch_set SET author = 1 WHERE position = {2}", "set 2 is signed by no key card"),
    ("DELETE FROM patch_index WHERE shop = 1 AND seq = 10", "set 10: the index lacks its patch 0"),
    ("DELETE FROM patch_index", "set 1: the index lacks its patch 0"),
    ("UPDATE patch_index SET owner = 0 WHERE shop = 1 AND owner = 2 AND seq = 5", "set 5: the index"),
    ("INSERT INTO patch_index VALUES (1, 1, zeroblob(8), 99, 0, 0)", "for patch 0 of set 99"),
    ("INSERT INTO patch_index VALUES (1, 1, zeroblob(8), 4, 99, 0)", "for patch 99 of set 4"),
    ("INSERT INTO patch_index VALUES (1, 1, zeroblob(8), 4, 0, 0)", "for patch 0 of set 4"),
    ("INSERT INTO patch_index VALUES (9, 1, zeroblob(8), 4, 0, 0)", "a row of patch_index is of no shop"),
    ("DELETE FROM object WHERE shop = 1 AND object_type = 5", "manifest 0x is in the log, but not stored"),
    ("INSERT INTO object VALUES (NULL, 1, 1, zeroblob(8), 0, x'a0', 0)", "but not in the log"),
    ("INSERT INTO object VALUES (NULL, 1, 9, zeroblob(8), 0, x'a0', 0)", "unknown type 9"),
    ("UPDATE object SET pieces = 1 WHERE pieces = 2", "listing"),
    ("DELETE FROM object_piece", "pieces of large objects"),
    ("INSERT INTO object_piece SELECT max(position) + 1, x'00' FROM object_piece", "pieces of large objects"),
    ("INSERT INTO object_piece VALUES (99999 << 20 | 1, x'00')", "pieces of no object, with the row 99999"),
    ("UPDATE object SET owner = 0 WHERE shop = 1 AND object_type = 3", "somebody else"),
    ("DELETE FROM gap WHERE shop = 1", "the shop: its relay_nonce"),
    ("UPDATE gap SET after = 99 WHERE shop = 1", "a gap is stored behind set 99"),
    ("DELETE FROM relay_signer", "set 1 is stored as the relay's"),
    ("INSERT INTO relay_signer VALUES (zeroblob(33))", "signed nothing in the logs"),
    ("UPDATE reservation SET units = x'c1'", "a reservation that can't be read"),
    ("UPDATE reservation SET is_chosen = 0", "its is_chosen"),
    (f"UPDATE reservation SET order_id = {CANCELED} WHERE order_id = {COMMITTED}", "the order is closed"),
    (
        "UPDATE reservation SET units = "
        f"(SELECT units FROM reservation WHERE order_id = {COMMITTED}) WHERE order_id = {REOPENED}",
        "its units",
    ),
    ("INSERT INTO reservation VALUES (9, zeroblob(8), 0, x'90', 0, 0, 0, 0)", "is of no shop"),
    ("DELETE FROM payment_request WHERE row = 1", "written by set 6, is not stored"),
    (f"INSERT INTO payment_request {ANOTHER_REQUEST}", "payment request 3 is stored, but not in the log"),
    (
        "UPDATE payment_request SET listing_hashes = zeroblob(64) WHERE row = 2",
        "a listing that was sold, is not stored",
    ),
    ("DELETE FROM block WHERE row = 1", "a listing that was sold, is not stored"),
    (f"INSERT INTO block VALUES (9, x'{sha256(b'').hexdigest()}', x'', 0)", "of no listing that was sold"),
    ("DELETE FROM blob_block WHERE place < 0", "at another place"),
    ("DELETE FROM blob_block WHERE blob = 2", "lacks a part of a blob"),
    ("DELETE FROM shop_blob", "is of no shop"),
    ("UPDATE alert SET kind = 'x'", "alert 1 is of the unknown kind 'x'"),
    ("UPDATE alert SET request_ids = x''", "alert 1 is told of something else"),
    ("DROP INDEX patch_index_by_owner", "index patch_index_by_owner"),
    ("CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM meta; END", "trigger t"),
]


async def fill(directory: Path) -> None:
    """Make two shops, one with a history: clerks, a guest's order, removals, an unlinked card."""
    async with running_relay(directory, facts=known_facts()) as house:
        clerk, guest, leaver = await house.clerk(), await house.guest(), await house.clerk()
        await clerk.write(listing(1), listing(2), ("add", ("Inventory", 1), 7))
        await guest.write(order(5))
        await guest.write(("append", ("Orders", 5, "Items"), {"ListingID": 1, "Quantity": 2}))
        await leaver.write(("add", ("Tags", "sale"), {"Name": "sale", "ListingIDs": [1]}))
        await clerk.write(("remove", ("Listings", 2), None))
        assert leaver.key is not None
        wallet = house.wallets[leaver.key.public_key]
        await clerk.write(("remove", ("Accounts", wallet, "KeyCards", 0), None))
        details: Value = {"Title": "Large", "Description": "Large, and for sale. " * 500}
        await clerk.write(listing(3, Metadata=details))
        other = await house.clerk(OTHER_SHOP)
        await other.write(listing(1))
        await sell(house, other)
    await upload(directory)
    restore(directory)


async def upload(directory: Path) -> None:
    """Store a file of two chunks for the first shop, and a small one."""
    async with (
        await Store.open(directory) as store,
        BlobLibrary.opened(store, shop_bytes=2**30, now=utc_now) as library,
    ):
        await put(library, b"\x89PNG\r\n\x1a\n" + bytes(CHUNK_BYTES))
        await put(library, b"small")


async def sell(house: House, clerk: Talker) -> None:
    """Bring orders of a shop into checkout: one unpaid, whose second request is withdrawn, and others."""
    guest = await house.guest(OTHER_SHOP)
    await clerk.write(*open_shop(2, 3))
    await guest.write(*commit_order(5, l2=2, l3=1), *choose_payment(5))
    await guest.write(*choose_payment(5, OTHER_PAYEE))
    await clerk.write(("remove", ("Manifest", "Payees", 1337, OTHER_PAYEE), None))
    for number in (6, 7, 8):
        await guest.write(*commit_order(number, l3=4))
    await guest.write(("replace", ("Orders", 7, "State"), 1))
    canceled_at: Value = datetime(2027, 1, 1, tzinfo=UTC)
    await guest.write(
        ("add", ("Orders", 8, "CanceledAt"), canceled_at), ("replace", ("Orders", 8, "State"), 2)
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sound")
    asyncio.run(fill(directory))
    return directory


@pytest.fixture
def directory(sound: Path, tmp_path: Path) -> Path:
    shutil.copy(sound / FILE_NAME, tmp_path)
    return tmp_path


def tamper(directory: Path, statement: str, *values: object) -> None:
    """Run a statement; {4} stands for the position of set 4 of the first shop."""
    for seq in range(11):
        statement = statement.replace(f"{{{seq}}}", str(1 << 40 | seq))
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        changed = connection.execute(statement, values).rowcount
        connection.commit()
    assert changed != 0


def difference(directory: Path, capsys: pytest.CaptureFixture[str]) -> str | None:
    """Run `verify`; give the first difference, None if there is none. Each is one line."""
    code = run(["verify", "--json", "--data-dir", str(directory)])
    printed = capsys.readouterr()
    assert printed.err == ""
    results: list[dict[str, Any]] = json.loads(printed.out)
    differences = [one["difference"] for one in results if not one["ok"]]
    assert code == (1 if differences else 0)
    assert not any("\n" in one for one in differences)
    return differences[0] if differences else None


def test_a_sound_database_has_no_difference(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert difference(directory, capsys) is None


@pytest.mark.parametrize(("column", "statement", "words"), COLUMNS, ids=[one[0] for one in COLUMNS])
def test_a_changed_column_is_named(
    directory: Path, capsys: pytest.CaptureFixture[str], column: str, statement: str, words: str
) -> None:
    assert column.partition(".")[2] in statement
    tamper(directory, statement)
    assert words in (difference(directory, capsys) or "nothing")


@pytest.mark.parametrize(("statement", "words"), OTHERS)
def test_rows_that_are_missing_or_too_many_are_named(
    directory: Path, capsys: pytest.CaptureFixture[str], statement: str, words: str
) -> None:
    tamper(directory, statement)
    assert words in (difference(directory, capsys) or "nothing")


def test_every_column_of_every_table_is_compared(directory: Path) -> None:
    sql = """SELECT tables.name || '.' || columns.name FROM pragma_table_list AS tables
        JOIN pragma_table_info(tables.name) AS columns
        WHERE tables.schema = 'main' AND tables.name NOT LIKE 'sqlite%'"""
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        columns = {name for (name,) in connection.execute(sql)}
    assert columns == {name for name, _, _ in COLUMNS} | NOT_COMPARED.keys()


# -- who signed


def resign(directory: Path, seq: int, key: PrivateKey) -> None:
    """Let another key sign a set; all that is stored of it stays right but for that."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        position = 1 << 40 | seq
        sql = "SELECT wire FROM patch_set WHERE position = ?"
        pushed = decode_set(connection.execute(sql, (position,)).fetchone()[0])
        signed = verify(decode_parts(pushed.header, key.sign(pushed.header), pushed.patches))
        connection.execute(
            "UPDATE patch_set SET wire = ? WHERE position = ?", (encode_set(seq, signed), position)
        )
        connection.commit()


def forget_authors(directory: Path) -> None:
    """Make the database what one from before authors were stored becomes."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        connection.executescript("""UPDATE patch_set SET author = NULL; DELETE FROM relay_signer;
            UPDATE shop SET authors_after = (SELECT max(position) & 0xffffffffff FROM patch_set
                WHERE position >> 40 = shop.id);""")


@pytest.mark.parametrize("seq", [1, 2, 3, 4, 5, 10])
@pytest.mark.parametrize("is_old", [False, True])
def test_a_signer_whom_nobody_knows_is_not_the_relay(
    directory: Path, capsys: pytest.CaptureFixture[str], seq: int, is_old: bool
) -> None:
    if is_old:
        forget_authors(directory)
    resign(directory, seq, STRANGER)
    found = difference(directory, capsys) or "nothing"
    if is_old and seq == 1:
        # The first set is the relay's, and those who signed the others are strangers then. The second shop
        # has the relay's real key, so they aren't.
        assert found == "nothing"
    else:
        assert f"set {seq} is" in found
        assert "signed" in found


def test_a_database_from_before_authors_were_stored_has_no_difference(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_authors(directory)
    assert difference(directory, capsys) is None
    tamper(directory, "UPDATE patch_set SET author = 1 WHERE position = {4}")
    assert "set 4: its author is stored" in (difference(directory, capsys) or "")


@pytest.mark.parametrize("is_old", [False, True])
def test_the_relays_key_as_a_key_card_does_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_old: bool
) -> None:
    async def write(house: House, number: int) -> None:
        await (await house.guest()).write(order(number))
        await (await house.clerk()).write(listing(number))

    async def live() -> None:
        async with running_relay(tmp_path) as house:
            await house.enrol()
            # As it was possible once: here nothing checks it.
            await house.relay.admit(Enrolment(SHOP, bytes(20), RELAY_KEY.public_key, is_guest=True))
            await write(house, 1)
        if is_old:
            forget_authors(tmp_path)
        # The wallet's key is replaced; the old one stays known.
        async with running_relay(tmp_path, wallet=NEW_WALLET) as house:
            await write(house, 2)

    asyncio.run(live())
    assert difference(tmp_path, capsys) is None
    resign(tmp_path, 3, STRANGER)
    assert "set 3 is" in (difference(tmp_path, capsys) or "")
