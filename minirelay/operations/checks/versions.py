"""Whether Python and SQLite are such as minirelay needs."""

from typing import Final

from minirelay.operations.checks.result import Line, Result, fail, ok
from minirelay.store.errors import SQLiteTooOld
from minirelay.store.one_step import check_sqlite

Version = tuple[int, int, int]

PYTHONS: Final = ((3, 11), (3, 14))
"""The first, and the first that is too new."""

_FIRST_FAULTY: Final = (3, 7, 0)
_LAST_FAULTY: Final = (3, 51, 2)
_PATCHED: Final = ((3, 44, 6), (3, 50, 7))


def check_python(version: Version) -> Result:
    """Say whether minirelay runs with a version of Python."""
    shown = _dotted(version)
    least, beyond = PYTHONS
    if least <= version[:2] < beyond:
        return ok(Line.PYTHON, shown)
    return fail(Line.PYTHON, f"{shown} is not supported", "use Python 3.11, 3.12 or 3.13")


def has_wal_fault(version: Version) -> bool:
    """Return whether a version of SQLite can lose commits when two connections write or checkpoint."""
    if any(version[:2] == patched[:2] and version >= patched for patched in _PATCHED):
        return False
    return _FIRST_FAULTY <= version <= _LAST_FAULTY


def check_sqlite_version(version: Version) -> Result:
    """Say whether a version of SQLite will do, and what its fault means for this relay."""
    shown = _dotted(version)
    try:
        check_sqlite(version)
    except SQLiteTooOld as error:
        return fail(Line.SQLITE, str(error), "install a newer Python or SQLite")
    if has_wal_fault(version):
        return ok(
            Line.SQLITE,
            f"{shown}, safe here as long as no other program opens the database: this version loses commits "
            "if two connections write at once, and minirelay writes with one",
        )
    return ok(Line.SQLITE, shown)


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
