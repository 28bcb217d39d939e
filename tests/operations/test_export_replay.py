"""Replaying the shop of an export."""

import asyncio
from pathlib import Path

import pytest

from minirelay.operations.backups import BackupDamaged
from minirelay.operations.export_file import copy_database, read_export
from minirelay.operations.export_replay import replay_copy
from minirelay.store.database import FILE_NAME
from minirelay.store.shop_copy import unmark
from tests.operations.databases import fill
from tests.operations.shops import export_of, run_sql
from tests.relay.house import SHOP


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return the database in an export, unmarked."""
    fill(tmp_path / "data")
    export = export_of(tmp_path / "data", SHOP, tmp_path / "file")
    (tmp_path / "copy").mkdir()
    path = tmp_path / "copy" / FILE_NAME
    copy_database(tmp_path / "file", read_export(tmp_path / "file"), path)
    unmark(path)
    assert export.sequence_number == 4
    return path


def test_it_says_how_far_it_is(copy: Path) -> None:
    told: list[tuple[int, int]] = []
    replayed = asyncio.run(replay_copy(copy, lambda count, total: told.append((count, total))))
    assert (replayed.end, replayed.row.shop_id) == (4, SHOP)
    assert replayed.audited.signed_by == replayed.signers
    assert sum(count for count, _ in told) == 4
    assert {total for _, total in told} == {4}


def test_the_first_difference_is_told(copy: Path) -> None:
    run_sql(copy.parent, "UPDATE key_card SET wallet = zeroblob(20)")
    with pytest.raises(BackupDamaged, match="its wallet is stored otherwise"):
        asyncio.run(replay_copy(copy, lambda _count, _total: None))
