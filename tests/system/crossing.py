"""A way to a relay that can be cut: a TCP proxy, behind which the relay may start again on another port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Crossing:
    """Passes bytes between clients and a relay; can cut them off, or keep one direction back."""

    def __init__(self) -> None:
        self.url = ""
        self._relay = ("", 0)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.held = asyncio.Event()
        """Set when something is kept back."""
        self._held_direction: bool | None = None
        self._cut = asyncio.Event()

    def lead_to(self, url: str) -> None:
        """Send new connections to this relay."""
        host, _, port = url.removeprefix("http://").partition(":")
        self._relay = host, int(port)

    def cut(self) -> None:
        """Break all connections off."""
        self._held_direction = None
        self._cut.set()
        for writer in list(self._writers):
            writer.transport.abort()

    def hold_answers(self) -> None:
        """Let nothing more through to the clients until `cut`, and that not even then."""
        self._hold(True)

    def hold_requests(self) -> None:
        """Let nothing more through to the relay until `cut`, and that not even then."""
        self._hold(False)

    def _hold(self, is_answer: bool) -> None:
        self.held.clear()
        self._cut.clear()
        self._held_direction = is_answer

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Crossing"]:
        """Be there while the block runs."""
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            relay_reader, relay_writer = await asyncio.open_connection(*self._relay)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, relay_writer}
        for source, sink, is_answer in ((reader, relay_writer, False), (relay_reader, writer, True)):
            task = asyncio.create_task(self._copy(source, sink, is_answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_answer: bool) -> None:
        try:
            while data := await source.read(65536):
                if self._held_direction is is_answer:
                    self.held.set()
                    await self._cut.wait()
                    break
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass  # cut off
        finally:
            self._writers.discard(sink)
            sink.transport.abort()
