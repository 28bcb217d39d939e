"""Running `minirelay` as a person or a script does: as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minirelay.client import PrivateKey, RelayClient

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


@dataclass
class Program:
    """A running `minirelay dev`. ready: the line that it printed once it was up."""

    process: "subprocess.Popen[str]"
    ready: Mapping[str, Any]
    log: Path

    @property
    def url(self) -> str:
        return str(self.ready["base_url"])

    def kill(self) -> None:
        """End it without any chance to clean up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it in order; give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "minirelay.cli.main", *arguments]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MINIRELAY_")}


@contextmanager
def minirelay_dev(*flags: str, port: int = 0, watched_by: Path | None = None) -> Iterator[Program]:
    """Run `minirelay dev --json` on free ports while the block runs.

    watched_by: the file in which `tests/system/watched_relay.py` reports the longest turns of its loop.
    """
    arguments = ["dev", "--json", "--port", str(port), "--chain-port", "0", *flags]
    if watched_by is not None:
        run = [sys.executable, "-m", "tests.system.watched_relay", str(watched_by), *arguments]
    else:
        run = command(*arguments)
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                run, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            yield Program(process, json.loads(line), log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(STOP_TIMEOUT_S)
            assert process.stdout is not None
            process.stdout.close()


@asynccontextmanager
async def demo_clerk(program: Program) -> AsyncIterator[RelayClient]:
    """Connect as the clerk of the demo shop."""
    demo = program.ready["demo_shop"]
    key_card = PrivateKey.from_bytes(bytes.fromhex(demo["key_card"].removeprefix("0x")))
    async with RelayClient.connect(program.url, shop_id=int(demo["shop_id"]), key_card=key_card) as client:
        await client.authenticate()
        yield client
