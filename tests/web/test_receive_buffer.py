"""How much is received of all sessions in one turn."""

import asyncio

from minirelay.web.receive_buffer import LEAST_BYTES, MOST_BYTES, ReceiveBuffer


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
