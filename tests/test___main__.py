import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from minirelay import __version__

ROOT = Path(__file__).parent.parent
CHECK = str(ROOT / "tests" / "check.py")
RUN = "run_name='__main__'"


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "minirelay", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"minirelay {__version__}\n")


@pytest.mark.parametrize(
    "program", ["import minirelay.cli.main", f"import runpy; runpy.run_path({CHECK!r}, {RUN})"]
)
@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0)])
def test_other_pythons_are_told_in_one_line(program: str, version: tuple[int, int, int]) -> None:
    pretend = f"import sys; sys.version_info = {version}; sys.version = '{'.'.join(map(str, version))} (x)'"
    done = subprocess.run(
        [sys.executable, "-c", f"{pretend}; {program}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    needed = f"it needs Python 3.11, 3.12 or 3.13; this is Python {'.'.join(map(str, version))}\n"
    assert done.stderr.partition(": ")[2] == needed


def test_pip_says_the_same() -> None:
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert content["project"]["requires-python"] == ">=3.11,<3.14"
