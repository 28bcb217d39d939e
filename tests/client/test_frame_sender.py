"""Frames leave in order, and what is under way is bounded and can be waited for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from minirelay.client.frame_sender import MAX_UNSENT_BYTES, FrameSender
from tests.client.scripted_relay import within


class Socket:
    """Takes frames as long as it may, and breaks when it is told to."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.may_send = asyncio.Event()
        self.is_broken = False

    async def send_bytes(self, frame: bytes) -> None:
        await self.may_send.wait()
        if self.is_broken:
            raise ConnectionResetError
        self.sent.append(frame)


@asynccontextmanager
async def sending() -> AsyncIterator[tuple[Socket, FrameSender, list[int]]]:
    """Yield a socket, what sends to it, and how many frames had left whenever that was told."""
    socket: Any = Socket()
    told: list[int] = []
    sender = FrameSender(socket, lambda: told.append(len(socket.sent)))
    yield socket, sender, told
    await sender.stop()


async def test_frames_leave_in_order_and_each_is_told_of() -> None:
    async with sending() as (socket, sender, told):
        for number in range(5):
            sender.send(b"%d" % number)
        socket.may_send.set()
        await within(sender.flush(5.0))
        assert socket.sent == [b"0", b"1", b"2", b"3", b"4"]
        assert told == [1, 2, 3, 4, 5]


async def test_it_is_full_until_enough_has_left() -> None:
    async with sending() as (socket, sender, _):
        sender.send(bytes(MAX_UNSENT_BYTES - 1))
        assert not sender.is_full
        sender.send(b"x")
        assert sender.is_full
        socket.may_send.set()
        await within(sender.flush(5.0))
        assert not sender.is_full


async def test_nobody_waits_for_ever_for_a_socket_that_takes_nothing() -> None:
    async with sending() as (socket, sender, _):
        sender.send(b"frame")
        await within(sender.flush(0.01))
        assert socket.sent == []


async def test_waiting_ends_when_it_is_over() -> None:
    async with sending() as (_, sender, _):
        sender.send(b"frame")
        waiting = asyncio.create_task(sender.flush(60.0))
        await asyncio.sleep(0)
        sender.end()
        await within(waiting)


async def test_nothing_is_taken_once_it_is_over() -> None:
    async with sending() as (socket, sender, _):
        socket.may_send.set()
        sender.end()
        sender.send(b"frame")
        await within(sender.flush(5.0))
        assert socket.sent == []


async def test_a_socket_that_breaks_ends_it_quietly() -> None:
    async with sending() as (socket, sender, told):
        socket.is_broken = True
        sender.send(b"frame")
        socket.may_send.set()
        await within(sender.flush(0.01))
        assert told == []
