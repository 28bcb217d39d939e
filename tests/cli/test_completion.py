"""`minirelay completion`: the shell itself completes with what it prints."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minirelay.cli.completion import SHELLS
from tests.cli.commands import assert_one_line, minirelay


@pytest.mark.parametrize("shell", SHELLS)
def test_it_is_a_script_for_that_shell(shell: str) -> None:
    assert f"_MINIRELAY_COMPLETE={shell}_complete" in minirelay("completion", shell).out


def test_another_shell_is_refused_in_a_line() -> None:
    assert_one_line(minirelay("completion", "tcsh"), 2, "tcsh", "bash")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_and_flags() -> None:
    asks = {"COMP_WORDS": "minirelay back", "COMP_CWORD": "1", "_MINIRELAY_COMPLETE": "bash_complete"}
    program = Path(sys.executable).parent / "minirelay"
    done = subprocess.run(
        [program], env={**os.environ, **asks}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["plain,backup"], done.stderr
