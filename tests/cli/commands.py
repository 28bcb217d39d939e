"""Running `minirelay` as people and scripts do: as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minirelay.dev.accounts import ACCOUNTS, Account
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment

TIMEOUT_S = 60.0
WALLET = ACCOUNTS[4]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


def minirelay(*arguments: str, stdin: str = "", **environment: str) -> Outcome:
    """Run a command until it ends.

    stdin: a character per byte. environment: variables without their prefix MINIRELAY_.
    """
    done = subprocess.run(
        command(*arguments),
        input=stdin.encode("latin-1"),
        capture_output=True,
        env=variables(environment),
        timeout=TIMEOUT_S,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "minirelay.cli.main", *arguments]


def variables(environment: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MINIRELAY_")}
    # Several run at a time; who wants the operator's listener says where.
    return (
        inherited
        | {"MINIRELAY_ADMIN_LISTEN": ""}
        | {f"MINIRELAY_{name}": value for name, value in environment.items()}
    )


def assert_one_line(outcome: Outcome, code: int, *words: str) -> None:
    """Check that a command failed as commands should: one line on stderr, no traceback."""
    assert outcome.code == code, outcome
    assert outcome.err.startswith("minirelay: ")
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def relay_settings(
    folder: Path, chain: DevChain, contracts: Deployment, wallet: Account = WALLET
) -> dict[str, str]:
    """Write a key file and give the settings of a relay on the development chain, as variables."""
    key_file = folder / "wallet.key"
    key_file.write_text(wallet.private_key)
    key_file.chmod(0o600)
    return {
        "BASE_URL": "http://localhost:4444",
        "LISTEN_PORT": "0",
        "DATA_DIR": str(folder / "data"),
        "WALLET_KEY_FILE": str(key_file),
        "REGISTRY_CHAIN": "31337",
        "CHAINS_31337_RPC_URLS": chain.rpc_url,
        "CHAINS_31337_SHOP_REG": contracts.shop_reg,
        "CHAINS_31337_RELAY_REG": contracts.relay_reg,
        "LOG_FORMAT": "json",
    }


@dataclass
class Running:
    """A relay that runs. lines: what it has logged so far."""

    process: "subprocess.Popen[str]"
    lines: list[str]

    def wait_for(self, event: str) -> str:
        """Read its log up to an event; gives that line."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if f'"event": "{event}"' in line:
                return line
        raise AssertionError(f"it ended without {event!r}: {self.lines}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        self.lines += self.process.stderr.readlines()
        return self.process.wait(TIMEOUT_S)


@contextmanager
def serving(settings: dict[str, str], *flags: str) -> Iterator[Running]:
    """Run `minirelay serve` while the block runs, unless it ends before."""
    process = subprocess.Popen(
        command("serve", *flags), stderr=subprocess.PIPE, text=True, env=variables(settings)
    )
    try:
        yield Running(process, [])
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(TIMEOUT_S)
        assert process.stderr is not None
        process.stderr.close()
