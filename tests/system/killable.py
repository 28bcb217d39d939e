"""A relay as a process that starts quickly, over a chain that stays: to be killed, and started again."""

import asyncio
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from minirelay.chain.endpoint import open_http
from minirelay.chain.wallet import Wallet
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.dev.faucet import top_up
from minirelay.dev.registry import WritableShopReg
from minirelay.dev.sending import connect
from minirelay.protocol.signing import checksum_address
from minirelay.web.listener import Listener
from tests.system import relay_forker
from tests.system.programs import command, environment
from tests.system.serving import OWNER

TIMEOUT_S = 60.0
SECRET = b"\x31" * 32
WALLET = Wallet(SECRET)
SERVING = (" serving ", '"event": "serving"')
"""What its log says once it serves: as text, as JSON."""


class KillableRelay:
    """A relay that can be started, killed and stopped any number of times; its URL stays."""

    def __init__(self, url: str, shop_id: int, data: Path, arguments: list[str]) -> None:
        """arguments: of `minirelay`, to run this relay."""
        self.url = url
        self.shop_id = shop_id
        self.data = data
        self.log: list[str] = []
        self._arguments = arguments
        self._forker: asyncio.subprocess.Process
        self._reading: asyncio.Task[None]
        self._process: int | None = None
        self._code: int | None = None
        self._changed = asyncio.Event()
        self._is_serving = False

    async def open(self, variables: Mapping[str, str]) -> None:
        """Start the process that forks the relays. variables: for its environment, beside the usual."""
        self._forker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            relay_forker.__name__,
            stdin=PIPE,
            stderr=PIPE,
            env={**environment(), **variables},
        )
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        """End everything that was started here."""
        if self._process is not None:
            await self._end(signal.SIGKILL)
        assert self._forker.stdin is not None
        self._forker.stdin.close()
        await asyncio.wait_for(self._forker.wait(), TIMEOUT_S)
        await self._reading

    async def fork(self, *flags: str) -> None:
        """Start a relay; don't wait until it serves."""
        assert self._process is None, "one at a time"
        self._code, self._is_serving = None, False
        assert self._forker.stdin is not None
        self._forker.stdin.write(json.dumps([*self._arguments, *flags]).encode() + b"\n")
        await self._until(lambda: self._process is not None)

    async def start(self, *flags: str) -> None:
        """Start a relay and wait until it serves."""
        await self.fork(*flags)
        await self.ready()

    async def ready(self) -> None:
        """Wait until the relay that was started serves."""
        await self._until(lambda: self._is_serving or self._code is not None)
        assert self._is_serving, self.tail

    async def says(self, words: str) -> None:
        """Wait until a line of its log has these words."""
        await self._until(lambda: any(words in line for line in self.log))

    @property
    def is_running(self) -> bool:
        """Return whether one runs, as far as it was told."""
        return self._process is not None

    @property
    def tail(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.log[-40:])

    async def kill(self) -> None:
        """End it without any chance to clean up; it must not have ended by itself."""
        assert await self._end(signal.SIGKILL) == -signal.SIGKILL, self.tail

    async def stop_and_kill(self, patience_s: float) -> None:
        """Tell it to stop, and kill it if it has not by then."""
        try:
            async with asyncio.timeout(patience_s):
                assert await self.stop() == 0, self.tail
        except TimeoutError:
            if self._process is not None:
                await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """End it in order; give its exit code."""
        return await self._end(signal.SIGTERM)

    async def ended(self) -> int:
        """Wait until it has ended by itself; give its exit code."""
        await self._until(lambda: self._code is not None)
        assert self._code is not None
        return self._code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        os.kill(self._process, number)

    def limit_files(self, size_bytes: int) -> None:
        """Let the relay's files grow to this size only."""
        assert self._process is not None
        _, most = resource.prlimit(self._process, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process, resource.RLIMIT_FSIZE, (size_bytes, most))

    def lift_limit(self) -> None:
        """Let the relay's files grow again."""
        assert self._process is not None
        _, most = resource.prlimit(self._process, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process, resource.RLIMIT_FSIZE, (most, most))

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None, self.tail
        # It may just have ended by itself; then its code says so.
        with suppress(ProcessLookupError):
            os.kill(self._process, number)
        return await self.ended()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():
                assert not self._reading.done(), self.tail
                self._changed.clear()
                await self._changed.wait()

    async def _read(self) -> None:
        assert self._forker.stderr is not None
        async for line in self._forker.stderr:
            text = line.decode().rstrip()
            word, _, number = text.partition(" ")
            if word == relay_forker.FORKED:
                self._process = int(number)
            elif word == relay_forker.ENDED:
                self._process, self._code = None, int(number)
            else:
                self.log.append(text)
                self._is_serving = self._is_serving or any(said in text for said in SERVING)
            self._changed.set()
        self._changed.set()


async def assert_verified(data: Path) -> None:
    """Check that `minirelay verify` has nothing to say against a data directory."""
    process = await asyncio.create_subprocess_exec(
        *command("verify", "--data-dir", str(data)), stdout=PIPE, stderr=PIPE, env=environment()
    )
    out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    assert process.returncode == 0, (out + err).decode()


@asynccontextmanager
async def killable_relay(
    directory: Path, chain: DevChain, contracts: Deployment, endpoint: str = "", **variables: str
) -> AsyncIterator[KillableRelay]:
    """Prepare a relay with a shop on the chain; nothing is started yet.

    endpoint: where it asks, if not at the chain's own. variables: of its environment.
    """
    listener = Listener.bind("127.0.0.1", 0)
    url, port = listener.url, listener.url.rpartition(":")[2]
    listener.close()
    key_file, data = directory / "wallet.key", directory / "data"
    key_file.touch(0o600)
    key_file.write_text(SECRET.hex())
    settings = {
        "base_url": url,
        "listen_host": "127.0.0.1",
        "listen_port": port,
        "admin_listen": "",
        "data_dir": data,
        "wallet_key_file": key_file,
        "registry_chain": 31337,
        "development": "true",
        "limits.connection_rate": 0,
        "limits.enrolment_rate": 0,
        "limits.sessions_per_address": 0,
        "limits.connections_per_address": 0,
        "limits.silent_connections_per_address": 0,
        "chains.31337.rpc_urls": endpoint or chain.rpc_url,
        "chains.31337.shop_reg": contracts.shop_reg,
        "chains.31337.relay_reg": contracts.relay_reg,
    }
    arguments = [
        "serve",
        *(part for name, value in settings.items() for part in ("--set", f"{name}={value}")),
    ]
    shop_id = int.from_bytes(directory.name.encode()[-16:])
    async with open_http() as http:
        connected = await connect(http, chain.rpc_url)
        await top_up(connected, checksum_address(WALLET.address), 10**18)
        await WritableShopReg(connected, bytes.fromhex(contracts.shop_reg[2:])).mint(shop_id, OWNER)
    relay = KillableRelay(url, shop_id, data, arguments)
    await relay.open(variables)
    try:
        yield relay
    finally:
        await relay.close()
