"""Mutated frames and requests against a running relay, while a well-behaved client goes on."""

import os
import subprocess
from pathlib import Path

from tests.system.hostile.siege import Outcome, lay_siege
from tests.system.programs import Program, command, environment, minirelay_dev

SHORT = 3000
SEED = 1
MOST_GROWTH = 10 * 1024 * 1024


async def test_a_relay_under_mutated_input_serves_everybody_else(tmp_path: Path) -> None:
    total = int(os.environ.get("MINIRELAY_FRAMES", SHORT))
    seed = int(os.environ.get("MINIRELAY_SEED", SEED))
    data = str(tmp_path / "data")
    with minirelay_dev("--data", data) as program:
        try:
            outcome = await lay_siege(program, total, seed)
            tell(outcome)
            check(outcome, program)
        except BaseException as error:
            error.add_note(f"MINIRELAY_SEED={seed}; the relay's log:\n{program.log.read_text()[-20_000:]}")
            raise
        assert program.stop() == 0
        assert program.log.read_text() == ""
    verified = verify(data)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def verify(data: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command("verify", "--data-dir", data), capture_output=True, text=True, env=environment(), check=False
    )


def check(outcome: Outcome, program: Program) -> None:
    """Check that the relay noticed nothing."""
    assert not outcome.tally.findings, "\n".join(outcome.tally.findings)
    assert outcome.tally.sent >= outcome.tally.total
    assert outcome.acknowledged > 0
    assert program.process.poll() is None
    # Nothing that strangers send is worth a line, and a traceback least of all.
    assert program.log.read_text() == ""
    warm, *_, end = outcome.memory
    assert end - warm < MOST_GROWTH, f"{warm} bytes after the warm-up, {end} at the end"


def tell(outcome: Outcome) -> None:
    """Print what was done, for `pytest -s`."""
    tally = outcome.tally
    memory = " ".join(f"{size / 2**20:.1f}" for size in outcome.memory)
    print(f"\n{tally.sent} sent; {outcome.acknowledged} writes acknowledged; MiB of memory: {memory}")
    for what, count in sorted((tally.kinds | tally.outcomes).items()):
        print(f"  {count:7} {what}")
