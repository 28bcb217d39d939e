"""The copy of one shop, row by row."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.store.database import FILE_NAME
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import ShopRow
from minirelay.store.schema import APPLICATION_ID, EXPORT_APPLICATION_ID
from minirelay.store.shop_copy import copying_shop, estimate_size, keep_signers, unmark
from tests.operations.shops import OTHER_SHOP, everything
from tests.store.shop_rows import rows_of


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return everything(tmp_path_factory.mktemp("source") / "data")


def copy(source: Path, folder: Path, shop: ShopRow) -> Path:
    folder.mkdir()
    with copying_shop(source / FILE_NAME, folder / FILE_NAME, shop) as copying:
        copying.take_blobs(copying.uploaded())
    return folder


@pytest.mark.parametrize("shop", [ShopRow(1, 4711, 0), ShopRow(2, OTHER_SHOP, 0)])
def test_every_row_of_a_shop_is_copied_as_it_is(tmp_path: Path, source: Path, shop: ShopRow) -> None:
    assert rows_of(copy(source, tmp_path / "copy", shop), shop.shop_id) == rows_of(source, shop.shop_id)


def test_objects_in_pieces_are_whole(tmp_path: Path, source: Path) -> None:
    (tmp_path / "copy").mkdir()
    with copying_shop(source / FILE_NAME, tmp_path / "copy" / FILE_NAME, ShopRow(1, 4711, 0)) as copying:
        objects = list(copying.objects())
        copying.take_blobs(())
    assert max(len(value) for _, value in objects) > 10_000
    assert any(b"Large, and for sale. " * 500 in value for _, value in objects)


def test_listings_as_they_were_sold_come_along(tmp_path: Path, source: Path) -> None:
    (tmp_path / "copy").mkdir()
    with copying_shop(
        source / FILE_NAME, tmp_path / "copy" / FILE_NAME, ShopRow(2, OTHER_SHOP, 0)
    ) as copying:
        assert len(list(copying.sold_listings())) >= 2
        copying.take_blobs(())


def test_a_copy_is_not_made_over_another_file(tmp_path: Path, source: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"there")
    with (
        pytest.raises(StoreUnavailable, match="File exists"),
        copying_shop(source / FILE_NAME, tmp_path / FILE_NAME, ShopRow(1, 4711, 0)),
    ):
        raise AssertionError
    assert (tmp_path / FILE_NAME).read_bytes() == b"there"


def test_only_those_who_signed_stay_and_the_mark_comes_and_goes(tmp_path: Path, source: Path) -> None:
    folder = copy(source, tmp_path / "copy", ShopRow(1, 4711, 0))
    (signer,) = [row["public_key"] for row in rows_of(folder, 4711)["relay_signer"]]
    keep_signers(folder / FILE_NAME, [signer])
    assert _application(folder) == EXPORT_APPLICATION_ID
    assert len(rows_of(folder, 4711)["relay_signer"]) == 1
    keep_signers(folder / FILE_NAME, [])
    assert rows_of(folder, 4711)["relay_signer"] == []
    unmark(folder / FILE_NAME)
    assert _application(folder) == APPLICATION_ID
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def _application(folder: Path) -> int:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        found: int = connection.execute("PRAGMA application_id").fetchone()[0]
    return found


def test_the_size_is_known_before(tmp_path: Path, source: Path) -> None:
    estimate = estimate_size(source / FILE_NAME, ShopRow(1, 4711, 0))
    size = (copy(source, tmp_path / "copy", ShopRow(1, 4711, 0)) / FILE_NAME).stat().st_size
    assert size < estimate + 400_000
