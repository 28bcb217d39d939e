"""How a post to the webhook proves whose it is: HMAC-SHA-256 (RFC 2104) over time and body."""

import hmac
import os
import re
import stat
from pathlib import Path
from typing import Final

from minirelay.errors import ConfigError

HEADER: Final = "Minirelay-Signature"

_TOO_OPEN: Final = 0o037
_MAX_FILE_BYTES: Final = 1024
_SECRET: Final = re.compile(rb"\s*([!-~]{16,200})\s*")


def sign(secret: bytes, at: int, body: bytes) -> str:
    """Return the header's value: the time (epoch seconds) and the signature, in hexadecimal.

    What is signed is the time in decimal, a full stop, the body.
    """
    digest = hmac.digest(secret, b"%d." % at + body, "sha256")
    return f"t={at},v1={digest.hex()}"


def read_secret(path: Path) -> bytes:
    """Read a secret from a file that others can't read; its group may. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigError(
            f"webhook_secret_file: {path}: {error.strerror}; "
            f"make one: (umask 077; openssl rand -hex 32 > {path})"
        ) from error
    if mode & _TOO_OPEN:
        raise ConfigError(
            f"webhook_secret_file: {path} is open to others (mode {mode:04o}); chmod 600 {path}"
        )
    match = _SECRET.fullmatch(content)
    if match is None:
        raise ConfigError(
            f"webhook_secret_file: {path} holds no secret; "
            "it should be one line of 16 to 200 characters without spaces"
        )
    return match[1]
