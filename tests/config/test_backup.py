"""Backups by the clock."""

import pytest

from minirelay.config.backup import BackupSettings
from minirelay.config.loading import fixed_layer, load
from minirelay.errors import ConfigError


def test_none_is_made_unless_it_is_said_where() -> None:
    backup = BackupSettings()
    assert backup.file is None
    assert (backup.interval, backup.keep) == (86_400.0, 7)


@pytest.mark.parametrize(("name", "given"), [("keep", 0), ("interval", "0s")])
def test_no_backup_and_no_time_between_them_are_refused(name: str, given: object) -> None:
    with pytest.raises(ConfigError, match=rf"backup\.{name}"):
        load(fixed_layer("test", **{f"backup__{name}": given}))
