"""A secret that a setting names the file of: one line of text, which others on the machine can't read."""

import os
import re
import stat
from pathlib import Path
from typing import Final

from minirelay.errors import ConfigError

_TOO_OPEN: Final = 0o037
_MAX_FILE_BYTES: Final = 1024
_SECRET: Final = re.compile(rb"\s*([!-~]{1,200})\s*")


def read_secret(path: Path, setting: str, *, least: int = 1) -> str:
    """Read a secret from a file that others can't read; its group may, as for the wallet.

    setting: which names the file, for the error. least: characters that it must have. Raises ConfigError.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"{setting}: {path}: {error.strerror}") from error
    if mode & _TOO_OPEN:
        raise ConfigError(f"{setting}: {path} is open to others (mode {mode:04o}); chmod 600 {path}")
    match = _SECRET.fullmatch(content)
    if match is None:
        raise ConfigError(f"{setting}: {path} holds no key; it should be one line of text")
    if len(match[1]) < least:
        raise ConfigError(f"{setting}: what {path} holds is too short; it needs {least} characters")
    return match[1].decode()
