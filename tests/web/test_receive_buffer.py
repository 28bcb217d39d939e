"""How much is received of all sessions in one turn."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from minirelay.web.receive_buffer import LEAST_BYTES, MOST_BYTES, ReceiveBuffer, Receiver

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


async def test_what_was_received_is_a_copy() -> None:
    buffer = ReceiveBuffer(10 * MOST_BYTES)
    view = buffer.view()
    view[:5] = b"first"
    first = buffer.take(5)
    buffer.view()[:6] = b"second"
    assert (first, buffer.take(6)) == (b"first", b"second")


async def test_it_becomes_small_when_a_turn_has_had_enough_and_large_again_in_the_next() -> None:
    buffer = ReceiveBuffer(2 * MOST_BYTES + 10_000)
    sizes = []
    for _ in range(5):
        sizes.append(len(buffer.view()))
        buffer.take(sizes[-1])
    assert sizes == [MOST_BYTES, MOST_BYTES, 10_000, LEAST_BYTES, LEAST_BYTES]
    await asyncio.sleep(0)
    assert len(buffer.view()) == MOST_BYTES


async def test_thousands_of_connections_bring_little_in_one_turn() -> None:
    buffer = ReceiveBuffer(512 * 1024)
    received = 0
    for _ in range(4096):
        received += len(buffer.take(len(buffer.view())))
    assert received <= 17 * 1024 * 1024


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_protocol_gets_what_comes_in_pieces_that_are_small_when_there_is_much(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    data = bytes(range(256)) * 4096

    class Noting(asyncio.Protocol):
        def __init__(self) -> None:
            self.pieces: list[bytes] = []
            self.has_ended = asyncio.Event()

        def data_received(self, data: bytes) -> None:
            self.pieces.append(data)

        def connection_lost(self, exc: Exception | None) -> None:
            self.has_ended.set()

    async def check() -> None:
        inner = Noting()
        buffer = ReceiveBuffer(100_000)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Receiver(inner, buffer), "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(data)
        writer.close()
        await inner.has_ended.wait()
        server.close()
        assert b"".join(inner.pieces) == data
        assert max(map(len, inner.pieces)) <= MOST_BYTES

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(check())
