"""On what a run took place: the machine, and the versions of what the relay is made of.

And what the machine makes of work that no relay can avoid, so that different machines can be compared; on one
with other things to do, so can different moments.
"""

import os
import platform
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Final

from minirelay.bench.meters import US_PER_S, time_each
from minirelay.bench.report import Figure, Section
from minirelay.build_form import version_and_form
from minirelay.protocol.signing import PrivateKey, recover

PACKAGES: Final = (
    "minirelay",
    "aiohttp",
    "uvloop",
    "protobuf",
    "cbor2",
    "coincurve",
    "pycryptodome",
    "msgspec",
    "aiosqlite",
)
_GIB: Final = 2**30


def describe(directory: Path | None) -> tuple[tuple[str, str], ...]:
    """Return what is known of this machine. directory: where databases are made, None for the usual place."""
    place = directory or Path(tempfile.gettempdir())
    return (
        ("machine", f"{_processor()}, {os.cpu_count()} cores, {_memory()}"),
        ("system", f"{platform.system()} {platform.release()} ({platform.machine()}), {_load()}"),
        ("disk", f"{_file_system(place)} at {place}"),
        ("python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("sqlite", sqlite3.sqlite_version),
        ("packages", ", ".join(_versions())),
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    named = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / _GIB:.1f} GiB of memory"


def _load() -> str:
    # What else runs on the machine is the commonest reason for a bad figure.
    return "load {:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg())


def _file_system(directory: Path) -> str:
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "a file system"
    found = [line.split() for line in mounts.read_text().splitlines()]
    above = [fields for fields in found if directory.resolve().is_relative_to(fields[1])]
    return max(above, key=lambda fields: len(fields[1]))[2] if above else "a file system"


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        try:
            yield f"{package} {version_and_form() if package == 'minirelay' else version(package)}"
        except PackageNotFoundError:
            yield f"{package} not installed"


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
