"""Check the whole project: format, lint, types, import rules, tests. People and CI run this same command.

    python3 tests/check.py              everything
    python3 tests/check.py tests/shop   everything, but only these tests (arguments go to pytest)

It needs nothing but Python: it makes its own virtual environment (`.venv`) and installs what is declared
in pyproject.toml there, again only when that file has changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / "bin"

STEPS = [
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("lint", ["ruff", "check", "--quiet", "."]),
    ("types", ["mypy", "--no-error-summary"]),
    ("import rules", ["lint-imports", "--no-logo"]),
]
SIDE_BY_SIDE = ["--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile"]
"""How all tests run; a few that are named run one after the other."""
IN_MEMORY = Path("/dev/shm")
CONTAINER = Path("/sys/fs/cgroup")
ROOM_BYTES = 6 * 2**30
"""What all tests together write at most, with much room."""


def install() -> None:
    """Make the virtual environment, or bring it up to date with pyproject.toml."""
    declared = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = ENVIRONMENT / "installed-for"
    if stamp.exists() and stamp.read_text() == declared:
        return
    print("== install", flush=True)
    if not (BIN / "python").exists():
        venv.create(ENVIRONMENT, with_pip=True)
    pip = [str(BIN / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--editable", ".[dev,test]"], cwd=ROOT, check=True)
    stamp.write_text(declared)


@contextmanager
def temporary_files() -> Iterator[dict[str, str]]:
    """Yield an environment in which temporary files are in memory, where there is much.

    A disk makes tests wait. TMPDIR in the environment decides otherwise. What tests leave there is removed.
    """
    if "TMPDIR" in os.environ or not has_room_in_memory():
        yield dict(os.environ)
    else:
        # A short name: paths of sockets have 107 bytes at most.
        with tempfile.TemporaryDirectory(prefix="mr-", dir=IN_MEMORY) as place:
            yield os.environ | {"TMPDIR": place}


def has_room_in_memory() -> bool:
    """Say whether programs and their files may be there."""
    if not os.access(IN_MEMORY, os.W_OK) or os.statvfs(IN_MEMORY).f_flag & os.ST_NOEXEC:
        return False
    return min(available_bytes(), shutil.disk_usage(IN_MEMORY).free) > ROOM_BYTES


def available_bytes() -> int:
    """Memory that this machine, and the container on it, can give."""
    figures = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(figures["MemAvailable"].split()[0]) * 1024
    most, used = (CONTAINER / name for name in ("memory.max", "memory.current"))
    if not most.exists() or (limit := most.read_text().strip()) == "max":
        return available
    return min(available, int(limit) - int(used.read_text()))


def main() -> int:
    """Run all steps; stop at the first that fails. Returns its exit code."""
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        sys.exit("check.py: it needs Python 3.11, 3.12 or 3.13; this is Python " + sys.version.split()[0])
    install()
    for name, (command, *arguments) in STEPS:
        print(f"== {name}", flush=True)
        code = subprocess.run([BIN / command, *arguments], cwd=ROOT, check=False).returncode
        if code:
            print(f"== {name}: failed; nothing after it was run", flush=True)
            return code
    print("== tests", flush=True)
    chosen = sys.argv[1:] or SIDE_BY_SIDE
    with temporary_files() as environment:
        return subprocess.run(
            [BIN / "python", "-m", "pytest", *chosen], cwd=ROOT, env=environment, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
