"""Importing: all of a shop arrives, or nothing; whatever a file says, it is one clear line."""

import asyncio
import hashlib
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import StoreError
from minirelay.operations import importing
from minirelay.operations.backups import BackupDamaged
from minirelay.operations.export_file import Export, copy_database, read_export, seal
from minirelay.operations.importing import DRAFT, Imported, import_file
from minirelay.operations.manifest import hash_file
from minirelay.protocol.gaps import GAP_STEP
from minirelay.relay.audit import audit, read_signers
from minirelay.store.connection import connect_to_write
from minirelay.store.database import FILE_NAME, Store, open_readonly
from minirelay.store.errors import SchemaTooNew, StoreLocked, StoreUnreadable
from minirelay.store.lock import DirectoryLock
from minirelay.store.schema import EXPORT_APPLICATION_ID, migrate, migrations
from minirelay.store.shop_copy import columns_of
from minirelay.store.shop_import import TooFarBack, Unwanted
from tests.operations.shops import OTHER_SHOP, SHOP, everything, export_of, fill_other, make_other, run_sql
from tests.store.shop_rows import rows_of


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return everything(tmp_path_factory.mktemp("source") / "data")


@pytest.fixture(scope="module")
def exported(source: Path) -> Path:
    """An export of the shop with orders."""
    path = source.parent / "export"
    export_of(source, OTHER_SHOP, path)
    return path


def verified(directory: Path) -> dict[int, tuple[int, str]]:
    """Check all that is stored, as `verify` does; give the end and root hash of each shop."""

    async def check() -> dict[int, tuple[int, str]]:
        async with await open_readonly(directory) as store:
            assert await store.reader.find_damage() is None
            signers = await read_signers(store.reader)
            found = {}
            for row in await store.reader.shops():
                audited = await audit(store.reader, row, signers, lambda _: None)
                end = (await store.reader.tail(row.row_id))[0]
                found[row.shop_id] = end, f"0x{audited.root_hash.hex()}"
            return found

    return asyncio.run(check())


def query(directory: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{directory / FILE_NAME}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, values).fetchall()


def content(directory: Path) -> dict[str, object]:
    """All that is in a database."""
    with closing(sqlite3.connect(f"file:{directory / FILE_NAME}?mode=ro", uri=True)) as connection:
        return {"sql": list(connection.iterdump())}


def only_empty(directory: Path) -> bool:
    """Return whether nothing is left lying about, not even a database, but for what was locked."""
    return {path.name for path in directory.iterdir()} <= {"minirelay.lock"}


@pytest.mark.parametrize("shop_id", [SHOP, OTHER_SHOP])
def test_everything_of_a_shop_arrives_behind_what_is_there(
    tmp_path: Path, source: Path, shop_id: int
) -> None:
    fill_other(tmp_path / "data")
    # What is there has other row ids, and the same shops must not be there.
    make_other(tmp_path / "data")
    made = export_of(source, shop_id, tmp_path / "file")
    before = query(tmp_path / "data", "SELECT max(id) FROM key_card")
    done = import_file(tmp_path / "file", tmp_path / "data")
    assert done.export == made
    expected, found = rows_of(source, shop_id), rows_of(tmp_path / "data", shop_id)
    assert query(tmp_path / "data", "SELECT min(id) FROM key_card WHERE shop = 3") > before
    for whole in (expected, found):
        (shop,) = whole["shop"]
        shop["relay_nonce"] = 0
    gaps = found.pop("gap")
    # The source was restored, too, and nothing came since.
    (restored,) = expected.pop("gap")
    assert restored["after"] == made.sequence_number
    assert done.goes_on > restored["next"]
    assert gaps[:-1] == []
    assert gaps[-1] == {"after": made.sequence_number, "next": done.goes_on}
    assert {name: len(rows) for name, rows in found.items()} == {
        name: len(rows) for name, rows in expected.items()
    }
    for name, rows in expected.items():
        assert found[name] == rows, name


def test_what_was_imported_verifies_and_goes_on(tmp_path: Path, source: Path, exported: Path) -> None:
    done = import_file(exported, tmp_path / "data")
    assert verified(tmp_path / "data") == {OTHER_SHOP: (done.export.sequence_number, done.export.root_hash)}
    both = import_file(_export_first(source, tmp_path), tmp_path / "data")
    assert verified(tmp_path / "data")[SHOP] == (both.export.sequence_number, both.export.root_hash)
    assert verified(source)[SHOP] == verified(tmp_path / "data")[SHOP]


def _export_first(source: Path, folder: Path) -> Path:
    export_of(source, SHOP, folder / "first")
    return folder / "first"


def test_the_log_goes_on_behind_a_gap_and_so_does_the_nonce(tmp_path: Path, exported: Path) -> None:
    done = import_file(exported, tmp_path / "data")
    assert done.goes_on % GAP_STEP == 0
    assert done.goes_on >= (int(time.time()) // 60 - 2) * GAP_STEP
    assert query(tmp_path / "data", "SELECT relay_nonce FROM shop") == [(done.goes_on - 1,)]


def test_clients_that_were_told_more_here_are_not_told_it_again(tmp_path: Path, exported: Path) -> None:
    far = 2**39 // GAP_STEP * GAP_STEP
    asyncio.run(_opened(tmp_path / "data"))
    # What begins with a gap after a restore of all shops.
    run_sql(tmp_path / "data", f"INSERT INTO gap VALUES (0, 0, {far})")
    assert import_file(exported, tmp_path / "data").goes_on > far


async def _opened(directory: Path) -> None:
    async with await Store.open(directory):
        pass


def test_the_alert_names_the_time_that_is_missing(tmp_path: Path, exported: Path) -> None:
    done = import_file(exported, tmp_path / "data")
    ((told,),) = query(tmp_path / "data", "SELECT told_of FROM alert WHERE kind = 'imported'")
    since = time.strftime("%Y-%m-%d %H:%M", time.gmtime(done.export.exported_at))
    assert f"shop {OTHER_SHOP} was imported: what came from {since} to " in str(told)
    ((first, last),) = query(tmp_path / "data", "SELECT since, until FROM missing_time")
    assert first == done.export.exported_at
    assert isinstance(last, int)
    assert abs(last - time.time()) < 60


# -- chains


def test_a_chain_that_was_never_read_is_read_from_where_the_export_was(
    tmp_path: Path, exported: Path
) -> None:
    (chain,) = import_file(exported, tmp_path / "data").rewound
    assert (chain.chain_id, chain.read_from, chain.before) == (1337, 85, None)
    assert query(tmp_path / "data", "SELECT scanned, deep, final, final_time FROM chain_mark") == [
        (85, 85, 0, 0)
    ]
    assert query(tmp_path / "data", "SELECT number FROM chain_head") == [(85,)]
    assert query(tmp_path / "data", "SELECT value FROM meta WHERE key = 'payments_looked_at_1337'") == [
        (bytes.fromhex("000000006ab13f68"),)
    ]


AHEAD = """INSERT INTO chain_mark VALUES (x'0000000000000539', 1000, 990, 980, 1790009800);
    INSERT INTO chain_head VALUES (x'0000000000000539', 80, zeroblob(32), zeroblob(32), 1790000200);
    INSERT INTO chain_head VALUES (x'0000000000000539', 980, zeroblob(32), zeroblob(32), 1790009800);
    INSERT INTO meta VALUES ('payments_looked_at_1337', x'000000006ab16290');"""


def test_a_chain_goes_back_to_where_the_export_was_and_no_further(tmp_path: Path, exported: Path) -> None:
    asyncio.run(_opened(tmp_path))
    run_sql(tmp_path, AHEAD)
    (chain,) = import_file(exported, tmp_path).rewound
    assert (chain.read_from, chain.before) == (85, 990)
    assert query(tmp_path, "SELECT scanned, deep, final, final_time FROM chain_mark") == [
        (85, 85, 80, 1790000200)
    ]
    # Other shops' payments were looked at later, and what is noted of them stays.
    assert query(tmp_path, "SELECT key, value FROM meta WHERE key GLOB 'payments_looked*' ORDER BY key") == [
        ("payments_looked_at_1337", bytes.fromhex("000000006ab16290")),
        ("payments_looked_at_1337/1", bytes.fromhex("000000006ab13f68000000006ab16290")),
    ]


def test_a_chain_that_is_behind_the_export_stays(tmp_path: Path, exported: Path) -> None:
    asyncio.run(_opened(tmp_path))
    run_sql(tmp_path, "INSERT INTO chain_mark VALUES (x'0000000000000539', 60, 50, 40, 7)")
    assert import_file(exported, tmp_path).rewound == ()
    assert query(tmp_path, "SELECT * FROM chain_mark") == [(b"\0\0\0\0\0\0\x05\x39", 60, 50, 40, 7)]


def test_a_chain_goes_very_far_back_only_if_that_is_said(
    tmp_path: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_opened(tmp_path))
    run_sql(tmp_path, AHEAD)
    before = content(tmp_path)
    monkeypatch.setattr(importing, "MOST_BLOCKS_BACK", 990 - 85 - 1)
    with pytest.raises(TooFarBack, match=r"chain 1337 .* from block 85, 905 blocks back.*--far-back"):
        import_file(exported, tmp_path)
    assert content(tmp_path) == before
    (chain,) = import_file(exported, tmp_path, far_back=True).rewound
    assert (chain.read_from, chain.before) == (85, 990)


def test_a_refused_file_takes_no_chain_millions_of_blocks_back(tmp_path: Path, exported: Path) -> None:
    hostile = resealed(exported, tmp_path, "UPDATE chain_mark SET scanned = 0, deep = 0")
    asyncio.run(_opened(tmp_path / "data"))
    run_sql(tmp_path / "data", AHEAD.replace("1000, 990, 980", "1000001, 1000001, 980"))
    with pytest.raises(TooFarBack):
        import_file(hostile, tmp_path / "data")


# -- what is there already


def test_a_shop_that_is_there_is_refused(tmp_path: Path, exported: Path) -> None:
    import_file(exported, tmp_path)
    before = content(tmp_path)
    with pytest.raises(Unwanted, match=r"is on this relay already.*another data directory"):
        import_file(exported, tmp_path)
    assert content(tmp_path) == before


def test_a_key_card_of_another_shop_is_refused(tmp_path: Path, exported: Path) -> None:
    import_file(exported, tmp_path)
    make_other(tmp_path, cards=False)
    before = content(tmp_path)
    with pytest.raises(Unwanted, match=r"key card 0x[0-9a-f]{66} is enrolled here for shop \d+, and a card"):
        import_file(exported, tmp_path)
    assert content(tmp_path) == before


def test_a_payment_request_of_another_shop_is_refused(tmp_path: Path, exported: Path) -> None:
    import_file(exported, tmp_path)
    make_other(tmp_path)
    with pytest.raises(Unwanted, match=r"payment request 0x[0-9a-f]{64} is here of shop \d+"):
        import_file(exported, tmp_path)


def test_while_a_relay_runs_nothing_is_imported(tmp_path: Path, exported: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(StoreLocked, match="stop that one first"):
        import_file(exported, tmp_path)
    lock.release()


def test_a_pictures_bytes_that_are_there_are_stored_once(tmp_path: Path, source: Path) -> None:
    first = _export_first(source, tmp_path)
    import_file(first, tmp_path / "data")
    stored = query(tmp_path / "data", "SELECT count(*) FROM block")
    make_other(tmp_path / "data")
    import_file(first, tmp_path / "data")
    assert query(tmp_path / "data", "SELECT count(*) FROM block") == stored
    assert query(tmp_path / "data", "SELECT count(*) FROM shop_blob") == [(4,)]


# -- files that are none, or were changed


def test_every_region_of_a_file_counts(tmp_path: Path, exported: Path) -> None:
    whole = exported.read_bytes()
    places = sorted({*range(0, len(whole), len(whole) // 60), *range(len(whole) - 900, len(whole), 7)})
    target = tmp_path / "data"
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 0x41
        _is_refused(tmp_path, bytes(changed), target)
    for size in (0, 1, 43, 44, 100, 4096, len(whole) // 2, len(whole) - 1):
        _is_refused(tmp_path, whole[:size], target)
    _is_refused(tmp_path, whole + b"\0", target)
    _is_refused(tmp_path, whole + whole, target)
    assert only_empty(target)


def _is_refused(folder: Path, data: bytes, target: Path) -> None:
    path = folder / "changed"
    path.write_bytes(data)
    with pytest.raises(StoreError) as refused:
        import_file(path, target)
    assert str(path) in str(refused.value)
    assert len(str(refused.value)) < 500


def resealed(exported: Path, folder: Path, script: str = "", **said: object) -> Path:
    """Change what is in an export, as whoever can compute checksums can; give the new file."""
    export = read_export(exported)
    changed = folder / "hostile"
    changed.unlink(missing_ok=True)
    copy_database(exported, export, changed)
    if script:
        with closing(sqlite3.connect(changed)) as connection:
            connection.executescript(script)
    size, digest = changed.stat().st_size, hash_file(changed)
    fields = {**msgspec.structs.asdict(export), "size_bytes": size, "sha256": digest, **said}
    seal(changed, Export(**fields))  # type: ignore[arg-type]
    return changed


SET_ZERO = """INSERT INTO patch_set SELECT shop.id << 40, patch_count, types, listings, tags, orders,
    accounts, manifest, inventory, size_bytes, leaves, wire, author FROM patch_set, shop LIMIT 1"""

HOSTILE = [
    ("UPDATE patch_set SET wire = x'00'", "set 1"),
    ("UPDATE object SET value = x'00'", "is stored otherwise"),
    ("UPDATE shop SET shop_id = zeroblob(32)", "more of the shop than one"),
    ("INSERT INTO shop VALUES (9, zeroblob(32), 0, 0, 0)", "not one shop"),
    ("DELETE FROM shop", "not one shop"),
    ("DELETE FROM patch_set", "without a log"),
    ("INSERT INTO gap VALUES (0, 0, 16384)", "gap of no shop"),
    ("INSERT INTO gap SELECT id, 1, 16384 FROM shop", "is missing"),
    ("UPDATE alert SET shop = NULL", "alert of no shop"),
    ("UPDATE alert SET kind = 'never heard of'", "unknown kind"),
    ("INSERT INTO account_check VALUES (zeroblob(32), zeroblob(20), 1)", "accounts of another shop"),
    ("INSERT INTO chain_mark VALUES (zeroblob(8), -1, -1, 0, 0)", "scanned in chain_mark"),
    ("INSERT INTO chain_mark VALUES (zeroblob(8), 1 << 62, 1 << 62, 0, 0)", "scanned in chain_mark"),
    ("INSERT INTO blob VALUES (77, NULL, 0, '')", "not whole"),
    ("INSERT INTO block VALUES (77, zeroblob(32), x'', 1)", "not what its hash says"),
    ("INSERT INTO relay_signer VALUES (CAST(x'02' || zeroblob(32) AS BLOB))", "signed nothing"),
    ("INSERT INTO meta VALUES ('x', zeroblob(70000000))", "too"),
    ("UPDATE chain_mark SET scanned = 86", "beyond its block"),
    ("UPDATE chain_mark SET deep = 1 << 40", "beyond its block"),
    ("DELETE FROM chain_head", "beyond its block"),
    ("UPDATE payment_decision SET decided_at = 253402300800", "decided_at in payment_decision"),
    ("UPDATE payment_decision SET decided_at = -1", "decided_at in payment_decision"),
    ("UPDATE alert SET raised_at = 1 << 62", "raised_at in alert"),
    ("UPDATE alert SET acknowledged_at = 1 << 62", "acknowledged_at in alert"),
    ("UPDATE alert SET count = (1 << 53) + 1", "count in alert"),
    ("UPDATE reservation SET ends_at = 1 << 62", "ends_at in reservation"),
    ("UPDATE reservation SET extended_until = 1 << 62", "extended_until in reservation"),
    ("UPDATE payment_request SET ttl = -1", "ttl in payment_request"),
    ("UPDATE payment_request SET issued_at_block = 1 << 42", "issued_at_block in payment_request"),
    ("UPDATE payment_transfer SET block_number = 1 << 62", "block_number in payment_transfer"),
    ("UPDATE payment_transfer SET log_index = 1 << 62", "log_index in payment_transfer"),
    ("UPDATE shop SET relay_nonce = 9223372036854775807", "relay_nonce in shop"),
    ("UPDATE shop SET authors_after = -1", "authors_after in shop"),
    ("UPDATE payment_decision SET reason = hex(zeroblob(600000))", "can't be read"),
    ("UPDATE payment_decision SET reason = CAST(x'ff' AS TEXT)", "can't be read"),
    ("UPDATE alert SET detail = 'red' || char(27) || '[31m'", "a text in alert can't be read"),
    ("UPDATE alert SET detail = hex(zeroblob(100000))", "a text in alert can't be read"),
    ("UPDATE payment_request SET state = 'unheard'", "unheard"),
    ("CREATE TRIGGER t AFTER INSERT ON migration BEGIN DELETE FROM shop; END", "schema"),
    ("CREATE VIEW v AS SELECT 1", "schema"),
    ("CREATE VIRTUAL TABLE v USING fts5(x)", "schema"),
    ("ANALYZE", "statistics"),
    (SET_ZERO, "a set with the number 0"),
    ("UPDATE patch_set SET wire = CAST(x'" + "81" * 50_000 + "' AS BLOB)", "set 1"),
    ("UPDATE reservation SET units = x'ddffffffff'", "reservation"),
    ("DROP TABLE chain_head", "schema"),
    ("PRAGMA user_version = 3", "schema"),
    ("PRAGMA user_version = 0", "no database of an export"),
    ("PRAGMA application_id = 1", "no database of an export"),
    ("PRAGMA journal_mode = WAL", ""),
    ("UPDATE payment_transfer SET request = zeroblob(32)", "of no payment_request"),
    ("UPDATE payment_request SET amount = zeroblob(32)", "payment request"),
    ("UPDATE key_card SET wallet = zeroblob(20)", "key card"),
]


@pytest.mark.parametrize(("script", "words"), HOSTILE, ids=[one[:60] for one, _ in HOSTILE])
def test_a_file_with_right_checksums_and_wrong_content_is_refused(
    tmp_path: Path, exported: Path, script: str, words: str
) -> None:
    hostile = resealed(exported, tmp_path, script)
    if not words:
        # Nothing that matters.
        import_file(hostile, tmp_path / "data")
        return
    with pytest.raises(StoreError, match=words) as refused:
        import_file(hostile, tmp_path / "data")
    assert "\n" not in str(refused.value)
    assert only_empty(tmp_path / "data")


SAID: list[tuple[dict[str, Any], str]] = [
    ({"root_hash": "0x" + "00" * 32}, "another root hash"),
    ({"sequence_number": 7}, "another root hash"),
    ({"shop_id": "4711"}, "more of the shop"),
    ({"shop_id": "9" * 78}, "no shop"),
    ({"format": 2}, "newer minirelay"),
    ({"size_bytes": 4096}, "longer or shorter"),
    ({"sha256": "00" * 32}, "checksum"),
    ({"version": "1 \x1b[31m"}, "can't be read"),
    ({"wallets": ("x",)}, "can't be read"),
    ({"wallets": ("0x" + "11" * 20,)}, "other wallets signed"),
    ({"wallets": ()}, "other wallets signed"),
    ({"exported_at": 2**63 - 1}, "can't be read"),
    ({"root_hash": "\x1b" * 60_000}, "end is not whole|can't be read"),
]


@pytest.mark.parametrize(("said", "words"), SAID, ids=[next(iter(one)) for one, _ in SAID])
def test_what_a_file_says_of_itself_has_to_hold(
    tmp_path: Path, exported: Path, said: dict[str, Any], words: str
) -> None:
    hostile = resealed(exported, tmp_path, **said)
    with pytest.raises(StoreError, match=words) as refused:
        import_file(hostile, tmp_path / "data")
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 500


@settings(max_examples=60)
@given(st.binary(max_size=300), st.binary(max_size=120))
def test_whatever_lies_in_a_file_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, front: bytes, said: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "file"
    end = hashlib.sha256(said).digest() + len(said).to_bytes(4) + b"mrexport"
    for data in (front, front + said + end):
        path.write_bytes(data)
        with pytest.raises(StoreError) as refused:
            read_export(path)
        assert "\n" not in str(refused.value)


def test_an_export_of_a_newer_version_is_not_imported(
    tmp_path: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minirelay.store import copy_examination

    older = migrations()[:-1]
    monkeypatch.setattr(copy_examination, "migrations", lambda: older)
    with pytest.raises(SchemaTooNew, match="newer minirelay"):
        import_file(exported, tmp_path / "data")


def test_an_export_from_before_strays_had_a_chain_is_imported(tmp_path: Path, exported: Path) -> None:
    export = read_export(exported)
    now, older = tmp_path / "now", tmp_path / "older"
    copy_database(exported, export, now)
    older.touch()
    with closing(connect_to_write(older)) as connection:
        migrate(connection, older, [step for step in migrations() if step.number < 17])
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("ATTACH ? AS now", (str(now),))
        for table in [table for table in tables_of(connection) if table != "migration"]:
            columns = ", ".join(columns_of(connection, table))
            here = " WHERE chain_id = x''" if table == "payment_transfer" else ""
            connection.execute(f"DELETE FROM main.{table}")
            connection.execute(f"INSERT INTO main.{table} SELECT {columns} FROM now.{table}{here}")
        connection.execute("DETACH now")
        connection.execute(f"PRAGMA application_id = {EXPORT_APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = DELETE")
    size, digest = older.stat().st_size, hash_file(older)
    fields = msgspec.structs.asdict(export) | {"size_bytes": size, "sha256": digest, "schema": 16}
    seal(older, Export(**{name: fields[name] for name in export.__struct_fields__}))
    import_file(older, tmp_path / "data")
    sql = "SELECT kind, chain_id FROM payment_transfer"
    assert query(tmp_path / "data", sql) == [("event", b"")]
    assert query(tmp_path / "data", "SELECT * FROM stray_search") == []
    assert set(verified(tmp_path / "data")) == {OTHER_SHOP}


def tables_of(connection: sqlite3.Connection) -> list[str]:
    sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return [name for (name,) in connection.execute(sql)]


def test_an_export_is_no_database_for_a_relay(tmp_path: Path, exported: Path) -> None:
    export = read_export(exported)
    copy_database(exported, export, tmp_path / FILE_NAME)
    assert query(tmp_path, "PRAGMA application_id") == [(EXPORT_APPLICATION_ID,)]
    with pytest.raises(StoreError, match="an export of one shop: `minirelay import` reads it"):
        asyncio.run(_opened(tmp_path))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreadable, match="no such file"):
        import_file(tmp_path / "nothing", tmp_path / "data")
    with pytest.raises(StoreUnreadable, match="directory"):
        import_file(tmp_path, tmp_path / "data")
    (tmp_path / "rubbish").write_bytes(b"rubbish" * 1000)
    with pytest.raises(BackupDamaged, match="not an export"):
        import_file(tmp_path / "rubbish", tmp_path / "data")


def test_a_refused_file_leaves_what_the_relay_has(tmp_path: Path, exported: Path) -> None:
    """A relay that has its token, and no shop yet."""
    asyncio.run(_opened(tmp_path / "data"))
    before = content(tmp_path / "data")
    hostile = resealed(exported, tmp_path, "DELETE FROM shop")
    with pytest.raises(StoreError):
        import_file(hostile, tmp_path / "data")
    assert content(tmp_path / "data") == before
    (tmp_path / "data" / FILE_NAME).unlink()
    with pytest.raises(StoreError):
        import_file(hostile, tmp_path / "data")
    assert only_empty(tmp_path / "data")


# -- interrupted

KILLED_AT = """
import os, signal, sqlite3, sys
from pathlib import Path
from typing import Any
from minirelay.operations import importing
from minirelay.store import shop_import
steps = int(sys.argv[3])
def watch(name, module):
    work = getattr(module, name)
    def counted(*given, **named):
        global steps
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*given, **named)
    setattr(module, name, counted)
for name in ("copy_database", "examine_copy", "unmark", "migrate_copy", "_compare", "_remove"):
    watch(name, importing)
for name in ("_move_table", "_rewind_chains", "_copy_notes", "leave_gaps", "note_missing", "_tell"):
    watch(name, shop_import)
importing.import_file(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_killed_at_any_step_it_is_all_there_or_nothing(tmp_path: Path, exported: Path) -> None:
    asyncio.run(_opened(tmp_path / "data"))
    shutil.copytree(tmp_path / "data", tmp_path / "empty")
    before = content(tmp_path / "empty")
    outcomes = []
    for steps in range(0, 40, 3):
        shutil.rmtree(tmp_path / "data")
        shutil.copytree(tmp_path / "empty", tmp_path / "data")
        arguments = [str(exported), str(tmp_path / "data"), str(steps)]
        code = subprocess.run([sys.executable, "-c", KILLED_AT, *arguments], check=False).returncode
        outcomes.append(code)
        asyncio.run(_opened(tmp_path / "data"))
        if code == 0:
            break
        if query(tmp_path / "data", "SELECT count(*) FROM shop") == [(0,)]:
            assert content(tmp_path / "data") == before
            # What was left lying about is in nobody's way.
            done: Imported = import_file(exported, tmp_path / "data")
            assert done.export.shop_id == str(OTHER_SHOP)
        else:
            verified(tmp_path / "data")
        assert not (tmp_path / "data" / DRAFT).exists() or code != 0
    assert outcomes[-1] == 0
    assert len(outcomes) > 5


def test_a_full_disk_changes_nothing(tmp_path: Path, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(_opened(tmp_path / "data"))
    before = content(tmp_path / "data")
    free = shutil.disk_usage(tmp_path)._replace(free=5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: free)
    with pytest.raises(StoreError, match="MiB free, and importing needs"):
        import_file(exported, tmp_path / "data")
    assert content(tmp_path / "data") == before
