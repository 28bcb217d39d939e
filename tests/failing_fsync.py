"""Syncs that fail for a while, or kill: for processes that the tests start (failing_fsync.c)."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True)
class FailingFsync:
    """variables: of the environment of a process in which syncing fails while `flag` exists."""

    variables: dict[str, str]
    flag: Path

    def begin(self, ending: str = "") -> None:
        """Make it fail, for all files or for those whose names end like that."""
        self.flag.write_text(ending)

    def end(self) -> None:
        """Let it be as it was."""
        self.flag.unlink()


@dataclass(frozen=True)
class KillingFsync:
    """variables: of the environment of a process that is killed when it syncs."""

    variables: dict[str, str]
    number: Path

    def kill_at(self, sync: int | None) -> None:
        """Let those that start from now on be killed at this sync, from 1 on; None: at none."""
        self.number.write_text(str(sync or 0))


def failing_fsync(directory: Path) -> FailingFsync:
    """Compile what the process has to load first. Skips the test where that can't be done."""
    flag = directory / "fsync-fails"
    return FailingFsync({"LD_PRELOAD": _compiled(directory), "FAILING_FSYNC": str(flag)}, flag)


def killing_fsync(directory: Path) -> KillingFsync:
    """Compile what the process has to load first. Skips the test where that can't be done."""
    number = directory / "fsync-kills"
    killing = KillingFsync({"LD_PRELOAD": _compiled(directory), "KILLING_FSYNC": str(number)}, number)
    killing.kill_at(None)
    return killing


def _compiled(directory: Path) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) to make fsync fail with")
    library = directory / "failing_fsync.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return str(library)
