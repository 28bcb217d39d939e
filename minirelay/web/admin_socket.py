"""The operator's socket: `admin.sock` in the data directory (spec 09 "The operator's listener").

Whoever may open the data directory may operate the relay, and nobody else: the socket has the mode 0600
before anybody can connect. A socket's path has 107 bytes at most, so it is bound by one that goes through a
directory that is open. Nothing of this is reachable through the listener for clients.
"""

import asyncio
import os
import pwd
import socket
import stat
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from minirelay.errors import ConfigError

SOCKET_NAME: Final = "admin.sock"
UNKNOWN_USER: Final = "unknown"
_CREDENTIALS: Final = struct.Struct("3i")
"""Process, user and group of the other end, as Linux gives them (unix(7), SO_PEERCRED)."""

_MODE: Final = 0o600
_BACKLOG: Final = 16
_STOP_TIMEOUT_S: Final = 5.0
_OPEN_FILES: Final = Path("/proc/self/fd")


@contextmanager
def socket_path(directory: Path) -> Iterator[str]:
    """Yield a path of the socket that is short enough, however deep its directory lies. Raises OSError."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        place = _OPEN_FILES / str(opened)
        # Without /proc there is only the path itself, and it has to be short.
        yield str((place if place.exists() else directory) / SOCKET_NAME)
    finally:
        os.close(opened)


@asynccontextmanager
async def listen_to_operator(app: web.Application, directory: Path) -> AsyncIterator[None]:
    """Serve an application on the socket while the block runs. Raises ConfigError.

    directory: the data directory, whose lock this process holds: a socket that is there is nobody's.
    """
    bound = _bind(directory)
    made = (directory / SOCKET_NAME).stat().st_ino
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=_STOP_TIMEOUT_S)
    await runner.setup()
    try:
        await web.SockSite(runner, bound, backlog=_BACKLOG).start()
        yield
    finally:
        await runner.cleanup()
        bound.close()
        _remove(directory / SOCKET_NAME, made)


def user_of(transport: asyncio.BaseTransport | None) -> str:
    """Name the user of the system who is at the other end of the socket, by number if they have no name.

    It is the kernel that says so. "unknown" where it does not.
    """
    connected = None if transport is None else transport.get_extra_info("socket")
    option = getattr(socket, "SO_PEERCRED", None)
    if connected is None or connected.family != socket.AF_UNIX or option is None:
        return UNKNOWN_USER
    _, user, _ = _CREDENTIALS.unpack(connected.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _bind(directory: Path) -> socket.socket:
    """Make the socket anew. It listens later, so nobody is connected before it has its mode."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_path(directory) as path:
            _remove_old(path)
            bound.bind(path)
            os.chmod(path, _MODE)
    except OSError as error:
        bound.close()
        reason = error.strerror or str(error)
        raise ConfigError(f"can't listen on {directory / SOCKET_NAME}: {reason}; see data_dir") from error
    return bound


def _remove_old(path: str) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(0, "there is something else with that name")
        os.unlink(path)


def _remove(path: Path, made: int) -> None:
    # Perhaps the directory has gone, or another was put in its place.
    with suppress(OSError):
        if path.lstat().st_ino == made:
            path.unlink()
