"""Starting and stopping the embedded chain: a child process that never outlives its parent."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from select import select
from types import TracebackType
from typing import IO, Any, Final, Self

from minirelay.errors import ChainError

log = logging.getLogger(__name__)

DATABASE_NAME = "chain.sqlite"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 2.0

# Listened on, but not an address to go to: browsers refuse it.
_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)


class ChainStartError(ChainError):
    """The embedded chain didn't start; the message says why."""


class DevChain:
    """An embedded chain in a process of its own: `async with DevChain.start() as chain:`, or with `with`.

    `start` returns at once, so that other things can be done while the chain gets ready; entering the block
    waits. Leaving it ends the chain, and so does the end of this process, of whatever kind.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", host: str) -> None:
        """Use `start`."""
        self._process = process
        self._host = host
        self._events: threading.Thread | None = None
        self.port = 0

    @classmethod
    def start(
        cls,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        data: Path | None = None,
        block_time_s: float | None = None,
        tells_events: bool = False,
    ) -> Self:
        """Start the process.

        port: 0 for any. data: a directory that exists, in which the chain is kept; None: in memory.
        block_time_s: seconds between blocks, None: one for every transaction as it comes.
        tells_events: log here what becomes of transactions there.
        """
        settings = {
            "host": host,
            "port": port,
            "database": None if data is None else str((data / DATABASE_NAME).absolute()),
            "block_time_s": block_time_s,
            "tells_events": tells_events,
        }
        process = subprocess.Popen(  # noqa: S603
            # What this process imports from, and not whatever lies in the working directory.
            [sys.executable, "-P", "-m", "minirelay.dev.chain.child", json.dumps(settings)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # Away from the terminal: Ctrl-C is for the parent, who ends the chain when it needs it no more.
            start_new_session=True,
        )
        return cls(process, host)

    @property
    def rpc_url(self) -> str:
        """Return the endpoint as this machine reaches it, once it is ready."""
        host = _WILDCARDS.get(self._host, self._host)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}"

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Return whether the process is there."""
        return self._process.poll() is None

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until it answers. Raises ChainStartError."""
        report = self._first_line(time.monotonic() + timeout_s)
        if "port" not in report:
            self.stop()
            raise ChainStartError(f"the chain could not start: {report.get('error', 'it ended')}")
        self.port = report["port"]
        # Its end is that of the pipe, which is that of the process.
        self._events = threading.Thread(target=self._log_events, daemon=True)
        self._events.start()

    def _log_events(self) -> None:
        for line in _pipe(self._process.stdout):
            told = json.loads(line)
            log.info("%s", told["event"], extra=told["fields"])

    def _first_line(self, deadline: float) -> dict[str, Any]:
        stdout = _pipe(self._process.stdout)
        line = b""
        while not line.endswith(b"\n"):
            readable, _, _ = select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                return {"error": "it took too long"}
            chunk = os.read(stdout.fileno(), 4096)
            if not chunk:
                return {}
            line += chunk
        report: dict[str, Any] = json.loads(line)
        return report

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._events is not None:
            self._events.join()
        _pipe(self._process.stdout).close()

    def __enter__(self) -> Self:
        self.wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self.wait_ready)
        except asyncio.CancelledError:
            self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("the chain was started without this pipe")
    return pipe
