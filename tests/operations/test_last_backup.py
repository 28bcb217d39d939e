from pathlib import Path

import pytest

from minirelay.errors import StoreError
from minirelay.operations.last_backup import LAST_BACKUP_FILE, recall_backup, remember_backup


def test_the_last_one_is_remembered_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recall_backup(tmp_path) is None
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        remember_backup(tmp_path, Path(name))
        assert recall_backup(tmp_path) == tmp_path / name
    assert [one.name for one in tmp_path.iterdir()] == [LAST_BACKUP_FILE]


@pytest.mark.parametrize("content", [b"", b"relative", b"/a\0b"])
def test_what_names_no_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LAST_BACKUP_FILE).write_bytes(content)
    with pytest.raises(StoreError, match="names no file"):
        recall_backup(tmp_path)
