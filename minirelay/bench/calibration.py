"""What this machine makes of work that no relay can avoid, so that different machines can be compared.

On a machine with other things to do, so can different moments.
"""

import os
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final

from minirelay.bench.figures import Figure, Section
from minirelay.bench.stopwatch import US_PER_S, time_each
from minirelay.protocol.signing import PrivateKey, recover

SIGNED_BYTES: Final = 130
"""About the length of a patch set's header."""

HASHED_BYTES: Final = 20 * 1024
COMMIT_BYTES: Final = 24 * 1024
"""About what the commit of one write appends to the write-ahead log: six pages of 4 KiB."""

COMMITS: Final = 30
_TURNS: Final = 10_000
_INPUTS: Final = 50


def calibrate(when: str, seconds: float, directory: Path | None) -> Section:
    """Measure this machine.

    when: in a word. seconds: for each kind of work. directory: on the disk that the relay uses.
    """
    key = PrivateKey.from_bytes(b"\x11" * 32)
    messages = [bytes((number,)) * SIGNED_BYTES for number in range(_INPUTS)]
    signed = [(message, key.sign(message)) for message in messages]
    data = [bytes((number,)) * HASHED_BYTES for number in range(_INPUTS)]
    figures = (
        Figure("recovering a signer", time_each(lambda one: recover(*one), signed, seconds), "µs"),
        Figure("SHA-256 of 20 KiB", time_each(lambda one: sha256(one).digest(), data, seconds), "µs"),
        Figure(f"{_TURNS:,} turns of an empty loop", time_each(_spin, [_TURNS], seconds), "µs"),
        Figure("appending 24 KiB to a file, fdatasync", _time_of_commit(directory), "µs"),
    )
    return Section(f"calibration-{when}", f"This machine, {when}", figures)


def _spin(turns: int) -> None:
    for _ in range(turns):
        pass


def _time_of_commit(directory: Path | None) -> float:
    times = []
    with tempfile.NamedTemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(COMMITS):
            begin = time.perf_counter()
            file.write(bytes(COMMIT_BYTES))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    return median(times) * US_PER_S
