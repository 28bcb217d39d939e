"""On what a run took place: the machine, and the versions of what the relay is made of."""

import os
import platform
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

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
    """Tell what is known of this machine. directory: where databases are made, None for the usual place."""
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
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} not installed"
