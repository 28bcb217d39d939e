"""What is measured: a relay that runs, with a shop to write to.

One that is started for it is `minirelay serve`, as an operator runs it, without a chain.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from minirelay.bench.fixtures import REGISTRY_CHAIN, SHOP_ID, WALLET, Cards, enrol, new_keys
from minirelay.bench.meters import ProcessMeter
from minirelay.bench.selling import CHAIN
from minirelay.bench.session import BenchError, LoadSession
from minirelay.config.settings import ENVIRONMENT_PREFIX
from minirelay.protocol.signing import PrivateKey


@dataclass(frozen=True, slots=True)
class Target:
    """A relay that runs, with a shop and key cards to write to it.

    clerks: at least one. meter: None if nothing is known of its process. data_dir: None likewise.
    """

    url: str
    shop_id: int
    clerks: Sequence[PrivateKey]
    guests: Sequence[PrivateKey] = ()
    meter: ProcessMeter | None = None
    data_dir: Path | None = None

    @property
    def writer(self) -> PrivateKey:
        """Return the card to write with."""
        return self.clerks[0]

    @property
    def reader(self) -> PrivateKey | None:
        """Return the card to read with meanwhile; None: read as a visitor, who sees listings too."""
        return self.clerks[1] if len(self.clerks) > 1 else None

    @contextmanager
    def session(self, key_card: PrivateKey | None = None) -> Iterator[LoadSession]:
        """Open a session while the block runs. key_card: None for a visitor."""
        with LoadSession.connect(self.url) as session:
            if key_card is not None:
                session.authenticate(key_card)
            yield session


START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.002

# Nobody listens there: the relay has no chain, and none of what is measured asks one.
_NO_ENDPOINT: Final = "http://127.0.0.1:1"
_SETTINGS: Final = f"""
base_url = "http://127.0.0.1"
listen_port = 0
registry_chain = {REGISTRY_CHAIN}
relay_token_id = 1
log_format = "json"

# All sessions come from one address here.
[limits]
connection_rate = 0
sessions_per_address = 0
connections_per_address = 0
silent_connections_per_address = 0
frame_rate = 1000000  # one session writes here for many

[chains.{REGISTRY_CHAIN}]
rpc_urls = ["{_NO_ENDPOINT}"]
"""


class _LogLine(msgspec.Struct):
    """What is needed of a line of the relay's log."""

    event: str
    url: str = ""


class OwnRelay:
    """A relay on a directory of its own. It can be stopped and started again."""

    def __init__(self, directory: Path, cards: Cards) -> None:
        """directory: an empty one. cards: are enrolled. Raises StoreError."""
        self._cards = cards
        self.data_dir = directory / "data"
        """Where its database is."""
        self._log = directory / "relay.log"
        self._config = directory / "minirelay.toml"
        self._process: subprocess.Popen[bytes] | None = None
        key_file = directory / "wallet.key"
        key_file.touch(mode=0o600)
        key_file.write_text(WALLET.hex())
        self._settings = f'wallet_key_file = "{key_file}"\ndata_dir = "{self.data_dir}"\n{_SETTINGS}'
        asyncio.run(enrol(self.data_dir, cards))

    @property
    def writer(self) -> PrivateKey:
        """Return the card to write with."""
        return self._cards.clerks[0]

    def start(self, payment_endpoints: Sequence[str] = (), poll_interval_s: float = 0.0) -> Target:
        """Start it, and wait until it serves. Raises BenchError.

        payment_endpoints: URLs, of the chain that `selling` sells on. poll_interval_s: how often that is
        looked at, 0 for the default.
        """
        self._config.write_text(self._settings + _payment_chain(payment_endpoints, poll_interval_s))
        command = [sys.executable, "-m", "minirelay.cli.main", "serve", "--config", str(self._config)]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)
        }
        with self._log.open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, env=environment)  # noqa: S603 (our own)
        self._process = process
        url = self._wait_until_it_serves(process)
        cards = self._cards
        return Target(url, SHOP_ID, cards.clerks, cards.guests, ProcessMeter.of(process.pid), self.data_dir)

    def stop(self) -> None:
        """Stop it in good order; a second time does nothing. Raises BenchError if it does not end."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise BenchError(f"the relay did not stop within {STOP_TIMEOUT_S:g} s") from None

    def _wait_until_it_serves(self, process: subprocess.Popen[bytes]) -> str:
        deadline = time.monotonic() + START_TIMEOUT_S
        while process.poll() is None and time.monotonic() < deadline:
            for line in self._log.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n") and (said := _understand(line)) and said.event == "serving":
                    return said.url
            time.sleep(_POLL_S)
        raise BenchError(f"the relay did not start: {self._log.read_text(errors='replace').strip()}")


@contextmanager
def own_relay(parent: Path | None, *, clerks: int = 2, guests: int = 0) -> Iterator[OwnRelay]:
    """Make a relay with so many key cards, for the block to start and stop.

    parent: where its directory is made, None for the system's place for temporary files.
    """
    directory = Path(tempfile.mkdtemp(prefix="minirelay-bench-", dir=parent))
    try:
        relay = OwnRelay(directory, Cards(new_keys(clerks), new_keys(guests)))
        try:
            yield relay
        finally:
            relay.stop()
    finally:
        shutil.rmtree(directory)


def _payment_chain(urls: Sequence[str], poll_interval_s: float) -> str:
    if not urls:
        return ""
    endpoints = msgspec.json.encode(urls).decode()
    return f"[chains.{CHAIN}]\nrpc_urls = {endpoints}\npoll_interval = {poll_interval_s}\n"


def _understand(line: bytes) -> _LogLine | None:
    try:
        return msgspec.json.decode(line, type=_LogLine)
    except msgspec.DecodeError:
        return None
