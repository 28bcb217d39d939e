"""One backup or export at a time in a directory."""

from pathlib import Path

import pytest

from minirelay.operations.one_writer import only_writer_in
from minirelay.store.errors import StoreUnavailable


def test_a_second_one_is_refused_and_the_next_is_not(tmp_path: Path) -> None:
    with only_writer_in(tmp_path):
        with pytest.raises(StoreUnavailable, match="try again when it is done"), only_writer_in(tmp_path):
            pass
        with pytest.raises(StoreUnavailable), only_writer_in(tmp_path):
            pass
    with only_writer_in(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_other_directories_are_free(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with only_writer_in(tmp_path), only_writer_in(tmp_path / "other"):
        pass


def test_a_directory_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), only_writer_in(tmp_path / "nowhere"):
        pass
