"""Anvil, as npm brings it: another chain for development. Needs Node's npm, and its registry once."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dev.test_compile_contracts import OFFLINE

PACKAGES = Path(__file__).parent / "anvil"
TIMEOUT_S = 120
LISTENING = "Listening on "


def install_anvil(directory: Path) -> Path:
    """Fetch the program into a directory that is not there yet; skip the test where that is not possible."""
    if shutil.which("npm") is None:
        pytest.skip("Anvil is not watched: npm is not installed")
    shutil.copytree(PACKAGES, directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if any(reason in done.stderr for reason in OFFLINE):
        pytest.skip("Anvil is not watched: npm can't fetch it, there is no network")
    assert done.returncode == 0, done.stderr
    programs = sorted(directory.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*"))
    if not programs:
        pytest.skip("Anvil is not watched: there is none for this machine")
    return programs[0]


@contextmanager
def running_anvil(program: Path) -> Iterator[str]:
    """Run it; gives its URL."""
    command = [str(program), "--port", "0", "--chain-id", "31337", "--slots-in-an-epoch", "8"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(LISTENING):
                break
        else:
            raise AssertionError("Anvil ended before it listened")
        yield f"http://{line.removeprefix(LISTENING).strip()}"
    finally:
        process.kill()
        process.communicate()
