"""A disk on which syncing fails for a while: for processes that the tests start (failing_fsync.c)."""

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


def failing_fsync(directory: Path) -> FailingFsync:
    """Compile what the process has to load first. Skips the test where that can't be done."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) to make fsync fail with")
    library, flag = directory / "failing_fsync.so", directory / "fsync-fails"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return FailingFsync({"LD_PRELOAD": str(library), "FAILING_FSYNC": str(flag)}, flag)
