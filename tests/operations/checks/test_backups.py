from pathlib import Path

from minirelay.config.backup import BackupSettings
from minirelay.operations.checks.backups import check_backups
from minirelay.operations.checks.result import Verdict
from minirelay.operations.last_backup import remember_backup
from minirelay.operations.manifest import Backup, Manifest, manifest_path, write_manifest

MADE_AT = 1_000_000
DAY_S = 86_400


def test_the_age_of_the_last_backup_is_judged_by_the_interval(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    settings = BackupSettings(file=file)
    assert check_backups(settings, tmp_path, MADE_AT).verdict is Verdict.WARN
    file.touch()
    write_manifest(file, Manifest(Backup("0", 1, MADE_AT, 0, "", ())))
    assert check_backups(settings, tmp_path, MADE_AT + 2 * DAY_S).verdict is Verdict.OK
    assert check_backups(settings, tmp_path, MADE_AT + 2 * DAY_S + 1).verdict is Verdict.FAIL
    manifest_path(file).write_text("{")
    assert check_backups(settings, tmp_path, MADE_AT).verdict is Verdict.FAIL


def test_without_backups_there_is_a_warning(tmp_path: Path) -> None:
    found = check_backups(BackupSettings(), tmp_path, MADE_AT)
    assert (found.verdict, found.text) == (Verdict.WARN, "none was made yet")


def test_backups_that_a_timer_makes_count_and_an_old_one_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "stick" / "backup"
    remember_backup(tmp_path, file)
    gone = check_backups(BackupSettings(), tmp_path, MADE_AT)
    assert (gone.verdict, gone.text) == (Verdict.WARN, f"the last was made as {file}, which is not there")
    file.parent.mkdir()
    file.touch()
    write_manifest(file, Manifest(Backup("0", 1, MADE_AT, 0, "", ())))
    found = check_backups(BackupSettings(), tmp_path, MADE_AT + 2 * DAY_S)
    assert found.verdict is Verdict.OK
    assert "by `minirelay backup`" in found.text
    assert check_backups(BackupSettings(), tmp_path, MADE_AT + 2 * DAY_S + 1).verdict is Verdict.WARN
