"""The key of an account at a source of prices: in a file of its own, as secrets are."""

import os
import re
import stat
from pathlib import Path
from typing import Final

from minirelay.errors import ConfigError

_TOO_OPEN: Final = 0o037
_MAX_FILE_BYTES: Final = 1024
_KEY: Final = re.compile(rb"\s*([!-~]{1,200})\s*")


def read_price_key(path: Path) -> str:
    """Read a key from a file that others can't read; its group may, as for the wallet. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"prices.key_file: {path}: {error.strerror}") from error
    if mode & _TOO_OPEN:
        raise ConfigError(f"prices.key_file: {path} is open to others (mode {mode:04o}); chmod 600 {path}")
    match = _KEY.fullmatch(content)
    if match is None:
        raise ConfigError(f"prices.key_file: {path} holds no key; it should be one line of text")
    return match[1].decode()
