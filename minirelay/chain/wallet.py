"""The relay's wallet: the key that signs what the relay writes and pays for its transactions."""

import asyncio
import fcntl
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from minirelay.errors import ConfigError, MalformedInput
from minirelay.protocol.signing import PrivateKey, checksum_address

_KEY = re.compile(rb"\s*(?:0x)?([0-9A-Fa-f]{64})\s*")
_MAX_FILE_BYTES: Final = 1024
_TOO_OPEN: Final = stat.S_IWGRP | stat.S_IRWXO


@contextmanager
def recursion_limit_kept() -> Iterator[None]:
    """Put the recursion limit back behind an import: py_ecc raises it beyond what the stack holds."""
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


class Wallet:
    """A wallet. It never shows its key."""

    __slots__ = ("_secret", "_sending", "key")

    def __init__(self, secret: bytes) -> None:
        """secret: 32 bytes. Raises MalformedInput."""
        self.key = PrivateKey.from_bytes(secret)
        self._secret = secret
        self._sending: dict[int, asyncio.Lock] = {}

    @property
    def address(self) -> bytes:
        """Return the wallet's address, 20 bytes."""
        return self.key.address

    def sending(self, chain_id: int) -> asyncio.Lock:
        """Return the lock of a chain: whoever holds it sends, so one transaction is in flight at most."""
        return self._sending.setdefault(chain_id, asyncio.Lock())

    def sign_transaction(self, fields: Mapping[str, object]) -> tuple[bytes, bytes]:
        """Sign a transaction (EIP-1559, EIP-2718). Gives the bytes to send, and their hash."""
        # Not at the top: it costs memory and time, for something that most relays never do.
        with recursion_limit_kept():
            from eth_account import Account

        signed = Account.sign_transaction(dict(fields), self._secret)
        return bytes(signed.raw_transaction), bytes(signed.hash)

    def __repr__(self) -> str:
        return f"Wallet(address={checksum_address(self.address)})"

    def __reduce__(self) -> str:
        raise TypeError("a wallet is not to be pickled")


@contextmanager
def key_file_lock(path: Path) -> Iterator[None]:
    """Keep other commands from sending with the key in a file. Raises ConfigError if one does.

    It is a lock of the kernel, which ends with the process. The relay's own wallet is kept by the lock of its
    data directory; this is for wallets of people.
    """
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError as error:
        raise ConfigError(f"{path}: another command sends with this key; wait until it has ended") from error


def load_wallet(path: Path, named: str = "wallet_key_file") -> Wallet:
    """Read a wallet from a file with its key: 64 hexadecimal digits, 0x or not.

    The file must be kept from others; its group may read it, which is how systemd hands credentials over.
    named: the setting or flag, for messages. Raises ConfigError.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_MAX_FILE_BYTES)
    except OSError as error:
        # A key that is there must never be overwritten: the relay's token is lost with it.
        remedy = (
            f"to make one: (umask 077 && openssl rand -hex 32 > {path})"
            if isinstance(error, FileNotFoundError)
            else "the user who runs minirelay has to be able to read it"
        )
        raise ConfigError(f"{named}: {path}: {error.strerror}; {remedy}") from error
    if mode & _TOO_OPEN:
        raise ConfigError(f"{named}: {path} is open to others (mode {mode:04o}); run: chmod 600 {path}")
    match = _KEY.fullmatch(content)
    try:
        # Nothing of what is in the file, and no chained error that knows it, may end up in a log.
        return Wallet(bytes.fromhex(match[1].decode()) if match else b"")
    except MalformedInput:
        raise ConfigError(
            f"{named}: {path} holds no private key; it should be 64 hexadecimal digits"
        ) from None
