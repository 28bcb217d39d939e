"""Each package that minirelay needs has wheels for the machines that it is for: nothing is compiled there.

The package index is asked, as when the tests' own environment was made; when it can't be reached the tests
say so. That there are some for x86-64 is seen wherever this is installed.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
TIMEOUT_S: Final = 600
GLIBC: Final = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""Debian 12, which the README asks for, has 2.36."""


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_a_raspberry_pi_compiles_nothing(python: str, tmp_path: Path) -> None:
    """pip resolves what is declared, for that machine, from wheels alone."""
    platforms = [flag for glibc in GLIBC for flag in ("--platform", f"{glibc}_aarch64")]
    declared = subprocess.run(
        [
            sys.executable,
            "-c",
            "import tomllib, sys; p = tomllib.load(open('pyproject.toml', 'rb'))['project'];"
            "print('\\n'.join(p['dependencies'] + p['optional-dependencies']['fast'] "
            "+ p['optional-dependencies']['dev']))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    wanted = tmp_path / "wanted.txt"
    wanted.write_text(declared)
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
            *("--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms),
            *("--target", str(tmp_path / "nowhere"), "-r", str(wanted)),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if "Could not fetch URL" in asked.stderr or "Max retries exceeded" in asked.stderr:
        pytest.skip("the package index can't be reached")
    assert asked.returncode == 0, asked.stderr[-3000:]
