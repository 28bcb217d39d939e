"""A file with the private key of a key card: made once, kept from others, used again."""

import os
import secrets
from pathlib import Path

from minirelay.errors import ConfigError, MalformedInput
from minirelay.protocol.signing import PrivateKey

_MODE = 0o600


def make_or_read(path: Path) -> PrivateKey:
    """Return the key in a file; where there is no file, make a key and write it there, durably, mode 0600.

    Before the card is enrolled: one that is enrolled and lost is of no use. Raises ConfigError.
    """
    if not path.exists():
        _write(path, f"{secrets.token_hex(32)}\n")
    try:
        return PrivateKey.from_bytes(bytes.fromhex(path.read_text("ascii").strip().removeprefix("0x")))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; check who may read it") from error
    except (ValueError, MalformedInput):
        # Not chained: the error knows what is in the file.
        raise ConfigError(
            f"{path} holds no key card; it should be 64 hexadecimal digits. Name a file that is not there "
            "yet to have one made"
        ) from None


def _write(path: Path, content: str) -> None:
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _MODE), "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name another file for the key card") from error
