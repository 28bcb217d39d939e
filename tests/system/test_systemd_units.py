"""The units of contrib/systemd are what systemd takes, and are as closed as the house wants.

Needs `systemd-analyze`; without it the tests are skipped.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

UNITS: Final = Path(__file__).parent.parent.parent / "contrib" / "systemd"
MOST_EXPOSURE: Final = 2.0
ANALYZE: Final = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def analyze(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    assert ANALYZE is not None
    return subprocess.run(
        [ANALYZE, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
def test_systemd_takes_them(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        # That the program is there is the machine's business.
        text = unit.read_text().replace("/opt/minirelay/bin/minirelay", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    checked = analyze("verify", "--man=no", *sorted(tmp_path.iterdir()))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("name", ["minirelay.service", "minirelay-backup.service"])
def test_they_are_closed(name: str) -> None:
    checked = analyze("security", "--offline=yes", "--no-pager", UNITS / name)
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", checked.stdout)
    assert level is not None, checked.stderr
    assert float(level[1]) <= MOST_EXPOSURE


def test_the_relay_is_told_of_and_watched() -> None:
    service = (UNITS / "minirelay.service").read_text()
    assert re.search(r"(?m)^Type=notify$", service)
    assert re.search(r"(?m)^WatchdogSec=\d+$", service)
    assert re.search(r"(?m)^LoadCredential=wallet.key:", service)
