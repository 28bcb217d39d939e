"""The program in docs/client.md does what the page says."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.system.programs import environment, minirelay_dev

GUIDE = Path(__file__).parent.parent.parent / "docs" / "client.md"


def run_guide(program: Path, directory: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_program_of_the_guide_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 4
    program = tmp_path / "guide.py"
    program.write_text("\n\n".join(blocks))
    # Twice against one relay, and against a fresh one with the same shop, whose log begins anew.
    with minirelay_dev() as relay:
        (tmp_path / "dev.json").write_text(json.dumps(dict(relay.ready)))
        for _ in range(2):
            earlier = run_guide(program, tmp_path)
            assert earlier.returncode == 0, earlier.stderr
    with minirelay_dev() as relay:
        (tmp_path / "dev.json").write_text(json.dumps(dict(relay.ready)))
        done = run_guide(program, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "listings;" in lines[0]
    assert lines[1].startswith("sold as ")
    assert lines[2] == "OUT_OF_STOCK True"
    assert lines[3].startswith("1 RELAY ['Manifest', 'Accounts']")
    # With tax and shipping.
    assert re.fullmatch(r"paid [1-9][0-9]{16} in block [0-9a-f]{64}", lines[-1])
    assert [line.split()[1] for line in lines[3:-4]] == [
        "RELAY",
        "CLERK",
        "CLERK",
        # The customer, its orders, and what is to be paid for one of them.
        *("RELAY", "GUEST", "RELAY"),
        # The guide's own.
        *("RELAY", "CLERK", "CLERK"),
    ]
    assert lines[-4] == "True None"
    first, second = (line.split() for line in lines[-3:-1])
    assert first[1] == second[1] == "True"
    assert int(second[0]) == int(first[0]) + 1
