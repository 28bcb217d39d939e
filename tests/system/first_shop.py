"""docs/first-shop.md as a program: its commands, step by step, as a new user types them on a terminal."""

import os
import pty
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.system.programs import START_TIMEOUT_S, STOP_TIMEOUT_S, environment

PAGE = Path(__file__).parent.parent.parent / "docs" / "first-shop.md"
SERVE = "minirelay serve"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """A numbered section: what is typed, line by line, and the programs that are in it."""

    title: str
    commands: tuple[str, ...]
    programs: tuple[str, ...]


def read_steps() -> list[Step]:
    """Read the numbered sections of the page. Blocks of `console` are other ways, which are not walked."""
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    return [_step(section) for section in sections if re.match(r"\d+\. ", section)]


def _step(section: str) -> Step:
    blocks = _BLOCK.findall(section)
    typed = "".join(text for language, text in blocks if language == "sh").replace("\\\n", "")
    return Step(
        section.partition("\n")[0],
        tuple(typed.splitlines()),
        tuple(text for language, text in blocks if language == "python"),
    )


@dataclass
class NewUser:
    """Somebody at a terminal, in an empty directory, with a machine whose places are below it."""

    home: Path
    settings: Mapping[str, str]
    placed: Mapping[str, str]
    url: str
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def types(self, line: str) -> str:
        """Type a line; answers yes to what is asked. Gives what the terminal showed."""
        for written, here in self.placed.items():
            line = line.replace(written, here)
        if line == SERVE:
            return self._serve()
        code, shown = self.run(line)
        assert code == 0, f"{line}\n{shown}"
        return shown

    def run(self, line: str, answer: str = "y\n") -> tuple[int, str]:
        """Run a line in a shell on a terminal of 80 columns; gives the exit code and what it showed."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            ["bash", "-c", line],
            cwd=self.home,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self.environment,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            shown = b""
            with suppress(OSError), open(ours, "r+b", buffering=0) as terminal:
                while piece := terminal.read(1024):
                    shown += piece
                    if b"[y/N]" in shown and answer:
                        terminal.write(answer.encode())
                        answer = ""
            code = process.wait(START_TIMEOUT_S)
        return code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "")

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return environment() | dict(self.settings) | {"PATH": path, "COLUMNS": "80", "TERM": "xterm"}

    def _serve(self) -> str:
        log = self.home / f"log.{len(self.running)}"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                SERVE.split(), cwd=self.home, env=self.environment, stderr=errors, executable=self._program
            )
        self.running.append(process)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            with suppress(requests.ConnectionError):
                if requests.get(f"{self.url}/health", timeout=START_TIMEOUT_S).ok:
                    return log.read_text()
            time.sleep(0.05)

    @property
    def _program(self) -> str:
        return str(Path(sys.executable).parent / "minirelay")

    def kills_the_relay(self) -> None:
        """End it without any chance to clean up."""
        self.running[-1].kill()
        self.running[-1].wait(STOP_TIMEOUT_S)

    def stops_the_relay(self) -> int:
        """End it in order; give its exit code."""
        self.running[-1].terminate()
        return self.running[-1].wait(STOP_TIMEOUT_S)


@contextmanager
def new_user(home: Path, chain: DevChain, contracts: Deployment) -> Iterator[NewUser]:
    """Give a new user their machine. Relays that still run at the end are killed.

    The page is written for a public chain; here is another, whose contracts the settings have to name.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    (home / "stick").mkdir()
    settings = {
        "MINIRELAY_CONFIG": str(home / "etc" / "minirelay.toml"),
        "MINIRELAY_LISTEN_PORT": str(port),
        "MINIRELAY_CHAINS_31337_SHOP_REG": contracts.shop_reg,
        "MINIRELAY_CHAINS_31337_RELAY_REG": contracts.relay_reg,
        "MINIRELAY_CHAINS_31337_PAYMENTS": contracts.payments,
        "MINIRELAY_CHAINS_31337_PERMIT2": contracts.permit2,
        # Like a chain on which money is worth something, but without its waits.
        "MINIRELAY_CHAINS_31337_DEVELOPMENT": "false",
        "MINIRELAY_CHAINS_31337_CONFIRMATIONS": "1",
        "MINIRELAY_CHAINS_31337_POLL_INTERVAL": "200ms",
    }
    placed = {
        "/etc/minirelay": str(home / "etc"),
        "/var/lib/minirelay": str(home / "data"),
        "/mnt/stick": str(home / "stick"),
        "https://relay.example.org": url,
        "https://rpc.example.org": chain.rpc_url,
        "--chain 1 ": "--chain 31337 ",
    }
    user = NewUser(home, settings, placed, url)
    try:
        yield user
    finally:
        for process in user.running:
            if process.poll() is None:
                process.kill()
            process.wait(STOP_TIMEOUT_S)
