"""What no relay on the same parts can do without: a server that does only that, to hold the relay against.

It takes writes over a WebSocket, recovers the signer, decodes, and commits in groups as the relay does. It
checks nothing, keeps no state, hashes no shop and pushes nothing.
"""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import cbor2
from aiohttp import WSMsgType, web

from minirelay.bench.session import BenchError
from minirelay.event_loop import loop_factory
from minirelay.protocol.envelope import PatchSetWriteRequest, decode_client_envelope, encode_response_payload
from minirelay.protocol.paths import SESSIONS_PATH
from minirelay.protocol.signing import recover

_ANSWER: Final = bytes(32)
_STOP_TIMEOUT_S: Final = 10.0


class BareServer:
    """The server. It acknowledges what is on disk."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """database: with a table `log`; used in other threads, by one at a time."""
        self._database = database
        self._waiting: list[tuple[web.WebSocketResponse, int, bytes]] = []
        self._work: asyncio.Task[None] | None = None

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Take writes until the client leaves."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                self._take(socket, message.data)
        return socket

    def _take(self, socket: web.WebSocketResponse, frame: bytes) -> None:
        envelope = decode_client_envelope(frame)
        if not isinstance(envelope.message, PatchSetWriteRequest):
            raise BenchError("a bare server takes nothing but writes")
        data = envelope.message.patch_set
        entries = cbor2.loads(data)
        recover(cbor2.dumps(entries["Header"]), entries["Signature"])
        self._waiting.append((socket, envelope.request_id, data))
        if self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._commit())

    async def _commit(self) -> None:
        # What comes during one commit makes the next.
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await asyncio.to_thread(self._write, [(data,) for _, _, data in batch])
            for socket, request_id, _ in batch:
                await socket.send_bytes(encode_response_payload(request_id, _ANSWER))
        self._work = None

    def _write(self, rows: list[tuple[bytes]]) -> None:
        with self._database:
            self._database.executemany("INSERT INTO log (wire) VALUES (?)", rows)


@contextmanager
def bare_server(parent: Path | None) -> Iterator[str]:
    """Run it in a process of its own while the block runs; gives its URL.

    parent: where its directory is made, None for the system's place. Raises BenchError.
    """
    directory = tempfile.mkdtemp(prefix="minirelay-bench-", dir=parent)
    command = [sys.executable, "-m", __name__, directory]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)  # noqa: S603 (our own)
    try:
        with process:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise BenchError("the bare server did not start")
            try:
                yield url
            finally:
                process.terminate()
                process.wait(_STOP_TIMEOUT_S)
    finally:
        shutil.rmtree(directory)


def _open(directory: Path) -> sqlite3.Connection:
    database = sqlite3.connect(directory / "bare.sqlite", check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, wire BLOB NOT NULL) STRICT")
    return database


async def _run(directory: Path) -> None:
    with closing(_open(directory)) as database:
        app = web.Application()
        app.router.add_get(SESSIONS_PATH, BareServer(database).serve)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as own_loop:
        own_loop.run(_run(Path(sys.argv[1])))
