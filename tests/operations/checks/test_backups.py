from pathlib import Path

from minirelay.config.settings import BackupSettings
from minirelay.operations.checks.backups import check_backups
from minirelay.operations.checks.result import Verdict
from minirelay.operations.manifest import Backup, Manifest, manifest_path, write_manifest

MADE_AT = 1_000_000
DAY_S = 86_400


def test_the_age_of_the_last_backup_is_judged_by_the_interval(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    settings = BackupSettings(file=file)
    assert check_backups(settings, MADE_AT).verdict is Verdict.WARN
    file.touch()
    write_manifest(file, Manifest(Backup("0", 1, MADE_AT, 0, "", ())))
    assert check_backups(settings, MADE_AT + 2 * DAY_S).verdict is Verdict.OK
    assert check_backups(settings, MADE_AT + 2 * DAY_S + 1).verdict is Verdict.FAIL
    manifest_path(file).write_text("{")
    assert check_backups(settings, MADE_AT).verdict is Verdict.FAIL


def test_without_backups_there_is_a_warning() -> None:
    assert check_backups(BackupSettings(), MADE_AT).verdict is Verdict.WARN
