"""One writing process per data directory (DESIGN, "SQLite")."""

import fcntl
import os
from pathlib import Path

from minirelay.store.errors import StoreLocked, StoreUnreadable

LOCK_FILE = "minirelay.lock"


class DirectoryLock:
    """The right to write to a data directory, held until `release` or the end of the process.

    It is a lock of the kernel on a file of its own: it ends with the process, however that ends, and closing
    that file cannot take SQLite's own locks along, as closing the database file would. The file stays:
    removing it would let two processes lock two files of the same name.
    """

    def __init__(self, directory: Path, name: str = LOCK_FILE) -> None:
        """Take the lock, on a file of this name. Raises StoreLocked (naming the holder), StoreUnreadable."""
        path = directory / name
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnreadable(f"{path}: {error.strerror}; {whose(directory)}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise StoreLocked(
                f"{directory}: in use by another minirelay (process id {holder}); stop that one first"
            ) from error
        try:
            self._sign()
        except OSError as error:
            os.close(self._file)
            raise StoreUnreadable(f"{path}: {error.strerror}; the disk may be full or failing") from error

    def release(self) -> None:
        """Let others write. To be called once."""
        os.close(self._file)

    def _sign(self) -> None:
        # In this order: on a full disk there is no room for what was given up before.
        content = f"{os.getpid()}\n".encode("ascii")
        os.pwrite(self._file, content, 0)
        os.ftruncate(self._file, len(content))


def whose(directory: Path) -> str:
    """Say to whom a data directory has to belong, and to whom it does, for one that can't be used."""
    wanted = f"the data directory must belong to the user who runs minirelay (uid {os.geteuid()})"
    try:
        return f"{wanted}; {directory} belongs to uid {directory.stat().st_uid}"
    except OSError:
        return wanted
