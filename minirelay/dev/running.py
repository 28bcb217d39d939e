"""Where a running `minirelay dev` says that it is there, so that other commands on this machine find it.

A small file in a directory of the user's own. It holds nothing secret: the keys of development are public.
"""

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir
from typing import Final

import msgspec

from minirelay.dev.contract_addresses import Contracts
from minirelay.errors import ConfigError

DIRECTORY_VARIABLE: Final = "XDG_RUNTIME_DIR"
_OWN_HOST: Final = re.compile(r"//(127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?=[:/]|$)")


class RunningDev(msgspec.Struct, frozen=True):
    """A `minirelay dev` that runs. data_dir: of its database; pid: of its process."""

    pid: int
    base_url: str
    rpc_url: str
    chain_id: int
    contracts: Contracts
    data_dir: str


@contextmanager
def announced(running: RunningDev) -> Iterator[None]:
    """Let it be found while the block runs. Where no file can be written it is not, which is no failure."""
    path = _directory() / f"{running.pid}-{secrets.token_hex(4)}.json"
    draft = path.with_suffix(".tmp")
    try:
        draft.parent.mkdir(mode=0o700, exist_ok=True)
        _check_owner(draft.parent)
        draft.write_bytes(msgspec.json.encode(running))
        draft.replace(path)
    except (OSError, ConfigError):
        yield
        return
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        # Unless others run.
        with suppress(OSError):
            path.parent.rmdir()


def find_running(relay_url: str | None = None) -> RunningDev:
    """Find the one that runs. relay_url: of the relay, where several do.

    Raises ConfigError if there is none, or more than one.
    """
    running = _list()
    urls = ", ".join(sorted(one.base_url for one in running))
    if relay_url is None:
        found = running
    else:
        found = [one for one in running if _comparable(one.base_url) == _comparable(relay_url)]
    if not found and relay_url is not None and running:
        raise ConfigError(f"no `minirelay dev` has its relay at {relay_url}; there is {urls}")
    if not found:
        raise ConfigError("no `minirelay dev` runs on this machine; start one")
    if len(found) > 1:
        raise ConfigError(f"several `minirelay dev` run: say which with --relay, of {urls}")
    return found[0]


def _comparable(url: str) -> str:
    """Write all names of this machine's own addresses alike."""
    return _OWN_HOST.sub("//localhost", url).rstrip("/")


def _list() -> list[RunningDev]:
    directory = _directory()
    if not directory.exists():
        return []
    _check_owner(directory)
    found = [_read(path) for path in directory.glob("*.json")]
    return [one for one in found if one is not None and _is_alive(one.pid)]


def _read(path: Path) -> RunningDev | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunningDev)
    except (OSError, msgspec.MsgspecError):
        # Of one that just ends, or of another version.
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _directory() -> Path:
    of_user = os.environ.get(DIRECTORY_VARIABLE)
    if of_user and Path(of_user).is_dir():
        return Path(of_user) / "minirelay-dev"
    return Path(gettempdir()) / f"minirelay-dev-{os.getuid()}"


def _check_owner(directory: Path) -> None:
    """Make sure that no other user says where to pay to. Raises ConfigError."""
    status = directory.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
        raise ConfigError(f"{directory} belongs to somebody else; remove it, or set {DIRECTORY_VARIABLE}")
