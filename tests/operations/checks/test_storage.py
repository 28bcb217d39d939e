import os
from pathlib import Path

import pytest

from minirelay.operations.checks.result import Verdict
from minirelay.operations.checks.storage import check_modes, check_room
from minirelay.store.database import FILE_NAME


def test_a_directory_of_ones_own_is_well(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert [one.verdict for one in check_modes(tmp_path, None)] == [Verdict.OK]


def test_what_others_can_read_is_named_with_the_command_that_helps(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    backup = tmp_path / "backup"
    for file in (tmp_path / FILE_NAME, backup):
        file.touch()
        file.chmod(0o644)
    found = check_modes(tmp_path, backup)
    assert [one.remedy for one in found] == [f"chmod o= {tmp_path / FILE_NAME}", f"chmod o= {backup}"]
    assert {one.verdict for one in found} == {Verdict.WARN}


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere; tests/cli/test_doctor.py has a disk")
def test_a_directory_that_can_not_be_written_to_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert [one.verdict for one in check_modes(tmp_path, None)] == [Verdict.FAIL]


def test_a_file_in_place_of_the_directory_fails(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert [one.verdict for one in check_modes(tmp_path / "data", None)] == [Verdict.FAIL]


@pytest.mark.parametrize(
    ("share", "verdict"), [(2, Verdict.FAIL), (0.75, Verdict.WARN), (0.25, Verdict.OK), (0, Verdict.OK)]
)
def test_free_space_is_compared_with_the_floor(tmp_path: Path, share: float, verdict: Verdict) -> None:
    place = os.statvfs(tmp_path)
    floor = int(place.f_bavail * place.f_frsize * share)
    assert check_room(tmp_path / "not" / "there", floor).verdict is verdict
