"""Tests run side by side (pytest-xdist); those that measure time have the machine to themselves.

A test takes its turn by two locks on files: `gate` is held by whoever waits for the machine, so that no other
test begins meanwhile; `machine` is shared by all tests that run, and taken by one that is marked `alone` for
itself.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(directory: Path, *, is_alone: bool) -> Iterator[None]:
    """Hold the machine while the block runs: with others, or alone. directory: the same for all processes."""
    with (directory / "gate.lock").open("w") as gate, (directory / "machine.lock").open("w") as machine:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(machine, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
