"""`minirelay serve` as a process of its own, without a chain: for what strangers can do."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.system.programs import START_TIMEOUT_S, STOP_TIMEOUT_S, environment

# Whether uvloop is there decides on the event loop.
WITHOUT_UVLOOP = (
    "import sys; sys.modules['uvloop'] = None; "
    "from minirelay.cli.main import run; sys.exit(run(sys.argv[1:]))"
)
LOOPS = {
    "uvloop": [sys.executable, "-m", "minirelay.cli.main"],
    "asyncio": [sys.executable, "-c", WITHOUT_UVLOOP],
}


@dataclass
class Standalone:
    """A running relay."""

    process: "subprocess.Popen[bytes]"
    log: Path
    data_dir: Path

    def lines(self) -> list[dict[str, Any]]:
        """Read the log so far."""
        whole = self.log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def said(self, words: str) -> list[dict[str, Any]]:
        """Return the lines of the log whose event has these words."""
        return [line for line in self.lines() if words in line["event"]]

    @property
    def address(self) -> tuple[str, int]:
        (line,) = self.said("serving")
        parts = urlsplit(line["url"])
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://{host}:{port}"

    @property
    def is_asleep(self) -> bool:
        """Say whether SIGSTOP has taken effect."""
        return self._status("State").startswith("T")

    def has_pending_signal(self, number: signal.Signals) -> bool:
        """Say whether a signal waits until the process is awake again."""
        return bool(int(self._status("ShdPnd"), 16) >> number - 1 & 1)

    def _status(self, name: str) -> str:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)[name].strip()

    def stop(self) -> float:
        """Stop it with SIGTERM; give how long that took, in seconds."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(STOP_TIMEOUT_S) == 0, self.log.read_text()[-5000:]
        return time.monotonic() - began


@contextmanager
def standalone(
    directory: Path,
    settings: Mapping[str, object] | None = None,
    *,
    loop: str = "uvloop",
    max_files: int | None = None,
    watched_by: Path | None = None,
) -> Iterator[Standalone]:
    """Serve with the defaults but for these settings while the block runs.

    max_files: what a shell allows. watched_by: the file in which `tests/system/watched_relay.py` reports the
    longest turns of its loop.
    """
    log, key_file = directory / "log", directory / "wallet.key"
    key_file.touch(0o600)
    key_file.write_text("31" * 32)
    values = {
        "base_url": "http://127.0.0.1",
        "listen_port": 0,
        "admin_listen": "",
        "data_dir": directory / "data",
        "wallet_key_file": key_file,
        "registry_chain": 31337,
        "relay_token_id": 1,
        "log_format": "json",
        # Nobody listens there.
        "chains.31337.rpc_urls": "http://127.0.0.1:1",
        **(settings or {}),
    }
    flags = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]

    command = LOOPS[loop]
    if watched_by is not None:
        command = [sys.executable, "-m", "tests.system.watched_relay", str(watched_by)]

    def allow_files() -> None:
        if max_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))

    with log.open("w") as errors:
        process = subprocess.Popen(
            [*command, "serve", *flags], stderr=errors, env=environment(), preexec_fn=allow_files
        )
    try:
        relay = Standalone(process, log, directory / "data")
        deadline = time.monotonic() + START_TIMEOUT_S
        while not (log.exists() and relay.said("serving")):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        yield relay
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(STOP_TIMEOUT_S)


def has_enough_files(count: int) -> bool:
    """Let this process open so many files, if the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    return True


def open_files(process_id: int) -> int:
    """Count the files that a process has open."""
    return len(os.listdir(f"/proc/{process_id}/fd"))
