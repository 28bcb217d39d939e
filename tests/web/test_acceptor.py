"""Accepting: what is too much is closed at once, and a lack of file descriptors passes."""

import asyncio
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import pytest
import uvloop

from minirelay.config.limits import LimitSettings
from minirelay.web.acceptor import Acceptor
from minirelay.web.client_address import ClientAddresses
from minirelay.web.connections import Connections, Place
from minirelay.web.refusals import Refusals

TIMEOUT_S = 20.0
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
NewLoop = Callable[[], asyncio.AbstractEventLoop]


class Greeting(asyncio.Protocol):
    """Says hello, and gives its place back in the end."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b"hello")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.place.leave()


class Accepting:
    """An acceptor on a port."""

    def __init__(
        self, connections: Connections, make: Callable[[Place], asyncio.Protocol] = Greeting
    ) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = self.socket.getsockname()
        self.acceptor = Acceptor(self.socket, connections, make)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.wait_for(asyncio.open_connection(*self.address), TIMEOUT_S)


def counted(silent: int = 0) -> Connections:
    limits = LimitSettings(silent_connections_per_address=silent)
    return Connections(limits, ClientAddresses(()), Refusals(lambda: 0.0), None)


async def greeting(reader: asyncio.StreamReader) -> bytes:
    """Read the greeting; nothing if the connection was refused."""
    try:
        return await asyncio.wait_for(reader.readexactly(5), TIMEOUT_S)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""


def run(new_loop: NewLoop, test: Callable[[], object]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        result = test()
        assert asyncio.iscoroutine(result)
        runner.run(result)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_surplus_connections_are_closed_before_anything_is_made_for_them(new_loop: NewLoop) -> None:
    made: list[Place] = []

    def make(place: Place) -> Greeting:
        made.append(place)
        return Greeting(place)

    async def test() -> None:
        connections = counted(silent=3)
        accepting = Accepting(connections, make)
        streams = []
        for _ in range(200):
            with suppress(ConnectionResetError):
                streams.append(await accepting.connect())
        greetings = [await greeting(reader) for reader, _ in streams]
        assert greetings.count(b"hello") == 3
        assert set(greetings) <= {b"hello", b""}
        assert len(made) == 3
        for _, writer in streams:
            writer.close()
        while connections.open:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        reader, writer = await accepting.connect()
        assert await greeting(reader) == b"hello"
        writer.close()
        accepting.acceptor.close()

    run(new_loop, test)


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open no file more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    spare = []
    try:
        while True:
            try:
                spare.append(os.dup(0))
            except OSError:
                break
        yield
    finally:
        for number in spare:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_lack_of_files_is_counted_and_passes(new_loop: NewLoop, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        connections = counted()
        accepting = Accepting(connections)
        # Made before, as another process would.
        clients = [socket.socket() for _ in range(5)]
        with no_more_files():
            for client in clients:
                client.connect(accepting.address)
            while not caplog.records:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.3)
            assert connections.open == 0
        loop = asyncio.get_running_loop()
        for client in clients:
            client.setblocking(False)
            assert await asyncio.wait_for(loop.sock_recv(client, 5), TIMEOUT_S) == b"hello"
            client.close()
        accepting.acceptor.close()

    run(new_loop, test)
    (record,) = caplog.records
    assert "file descriptors" in record.getMessage()


@pytest.mark.parametrize("new_loop", LOOPS)
def test_closed_while_it_waits_for_files_it_takes_nothing_up_again(new_loop: NewLoop) -> None:
    async def test() -> None:
        accepting = Accepting(counted())
        client = socket.socket()
        with no_more_files():
            client.connect(accepting.address)
            while not accepting.acceptor.is_pausing:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            accepting.acceptor.close()
        await asyncio.sleep(0.3)
        client.close()
        with pytest.raises(ConnectionRefusedError):
            await accepting.connect()

    run(new_loop, test)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_bug_costs_one_connection_only(new_loop: NewLoop, caplog: pytest.LogCaptureFixture) -> None:
    broken = True

    def make(place: Place) -> Greeting:
        if broken:
            raise RuntimeError("a bug")
        return Greeting(place)

    async def test() -> None:
        nonlocal broken
        connections = counted()
        accepting = Accepting(connections, make)
        reader, writer = await accepting.connect()
        assert await greeting(reader) == b""
        writer.close()
        assert connections.open == 0
        broken = False
        reader, writer = await accepting.connect()
        assert await greeting(reader) == b"hello"
        writer.close()
        accepting.acceptor.close()

    run(new_loop, test)
    (record,) = caplog.records
    assert "bug" in record.getMessage()
