"""`tests/system/test_tampering.py` tampers with each column; here: however much there is."""

import sqlite3
from hashlib import sha256

import pytest
from msgspec.structs import replace

from minirelay.shop.checkout import AlertKind, CheckoutAlert
from minirelay.shop.payment_details import ListingSnapshot
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.checkout_integrity import find_alert_damage, find_block_damage
from tests.shop.checkouts import CHAIN
from tests.shop.issued import issued
from tests.shop.patching import PAYEE
from tests.store.examples import beginning
from tests.store.test_checkout_rows import outcome, put

COUNT = 40


@pytest.fixture
def filled(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """A database with many listings that were sold and requests that were withdrawn, read in small steps."""
    store_rows(db, rows_of(beginning()).statements())
    sold = [ListingSnapshot(sha256(bytes([n])).digest(), bytes([n])) for n in range(COUNT)]
    requests = [replace(issued(n), listing_hashes=(one.hash,) * 2) for n, one in enumerate(sold, 1)]
    ids = tuple(one.id for one in requests)
    alert = CheckoutAlert(AlertKind.WITHDRAWN_PAYEE, (CHAIN, PAYEE), ids)
    put(db, outcome(new=requests, snapshots=sold, alerts=[alert]))
    monkeypatch.setattr("minirelay.store.checkout_integrity.STEP_OBJECTS", 7)
    monkeypatch.setattr("minirelay.store.checkout_integrity._ALERT_STEP_BYTES", 7 * 32)
    monkeypatch.setattr("minirelay.store.objects.STEP_BYTES", 3)
    return db


def test_what_is_sound_has_no_damage(filled: sqlite3.Connection) -> None:
    assert find_block_damage(filled) is None
    assert find_alert_damage(filled) is None


@pytest.mark.parametrize("row", range(1, COUNT + 1, 6))
def test_each_block_is_looked_at(filled: sqlite3.Connection, row: int) -> None:
    filled.execute("UPDATE block SET data = x'ffff' WHERE row = ?", (row,))
    assert "is not what its hash says" in (find_block_damage(filled) or "")
    filled.execute("DELETE FROM block WHERE row = ?", (row,))
    assert "is not stored" in (find_block_damage(filled) or "")


@pytest.mark.parametrize("row", range(1, COUNT + 1, 6))
def test_each_request_of_an_alert_is_looked_for(filled: sqlite3.Connection, row: int) -> None:
    filled.execute("UPDATE payment_request SET payee = zeroblob(20) WHERE row = ?", (row,))
    assert "alert 1 is about other" in (find_alert_damage(filled) or "")


def test_a_block_of_nothing_is_named_unless_it_is_served(filled: sqlite3.Connection) -> None:
    filled.execute("INSERT INTO block VALUES (99, ?, x'', 1)", (sha256(b"").digest(),))
    assert find_block_damage(filled) is None
    filled.execute("UPDATE block SET is_served = 0 WHERE row = 99")
    assert f"0x{sha256(b'').hexdigest()} is of no listing" in (find_block_damage(filled) or "")
