"""One backup or export at a time in a directory: each puts a draft beside what it replaces."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minirelay.store.errors import StoreUnavailable


@contextmanager
def only_writer_in(directory: Path) -> Iterator[None]:
    """Keep other backups and exports out of a directory while the block runs.

    It is a lock of the kernel on the directory itself, so it ends with the process, and leaves nothing. Where
    a file system has no such locks there is none. Raises StoreUnavailable if another is being written there,
    OSError.
    """
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:
                raise StoreUnavailable(
                    f"{directory}: another backup or export is being written there; try again when it is done"
                ) from error
        yield
    finally:
        os.close(opened)
