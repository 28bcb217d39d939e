"""What web shops use, viem and ethers, against the development chain. Needs Node, and npm's registry once."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from tests.dev.test_compile_contracts import OFFLINE

PROGRAMS = Path(__file__).parent / "web_libraries"
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the libraries and the programs in it."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"viem and ethers are not tried: {' and '.join(missing)} not installed")
    directory = tmp_path_factory.mktemp("web") / "libraries"
    shutil.copytree(PROGRAMS, directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if any(reason in done.stderr for reason in OFFLINE):
        pytest.skip("viem and ethers are not tried: npm can't fetch them, there is no network")
    assert done.returncode == 0, done.stderr
    return directory


def told(workshop: Path, program: str, account: int) -> Any:
    """Run a program against a fresh chain; give what it printed."""
    with DevChain.start() as chain:
        done = subprocess.run(
            ["node", program, str(chain.port), ACCOUNTS[account].private_key],
            cwd=workshop,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_viem(workshop: Path) -> None:
    assert told(workshop, "viem.mjs", 1) == {
        "anvil": [42, "success"],
        "hardhat": [42, "success"],
        "multicall": 31337,
        "override": 42,
        "blobFee": 1,
        "tooHigh": "NonceTooHighError",
        "head": "string",
    }


def test_ethers(workshop: Path) -> None:
    assert told(workshop, "ethers.mjs", 2) == {
        "unsigned": 1,
        "signed": 1,
        "tooHigh": "nonce too high",
        "head": "number",
    }


def test_what_is_fetched_is_pinned_and_names_no_host() -> None:
    assert '"resolved"' not in (PROGRAMS / "package-lock.json").read_text()
    assert "^" not in (PROGRAMS / "package.json").read_text()
