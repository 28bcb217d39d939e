"""Frames on their way out: what is written at once, and when the sender waits."""

import asyncio
from collections.abc import Iterable

import pytest
from aiohttp import WSMsgType

from minirelay.relay.messages import Send
from minirelay.web.frame_writer import JOINED_BYTES, FrameWriter
from tests.relay.house import TIMEOUT_S, until
from tests.web.test_sessions import frame, raw_socket, single_session


class Wire(asyncio.Transport):
    """A transport that keeps what is written, each time by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_over = False

    def is_closing(self) -> bool:
        return self.is_over

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.writes += [bytes(data) for data in list_of_data]


@pytest.mark.parametrize("size", [0, 126, 2**16, 2**20])
async def test_a_client_reads_what_was_sent(size: int) -> None:
    async with single_session() as (http, url, lobby):
        socket = await http.ws_connect(url, max_msg_size=0)
        (connection,) = lobby.connections
        payload = b"x" * size
        # The envelope around it makes it a little longer: sizes on both sides of each bound.
        for missing in range(16):
            connection.push(b"\0\1", (payload[missing:],))
            message = await asyncio.wait_for(socket.receive(), TIMEOUT_S)
            assert message.type is WSMsgType.BINARY
            assert message.data.endswith(payload[missing:])
        await socket.close()


async def test_frames_that_leave_together_are_one_write() -> None:
    wire = Wire()
    await FrameWriter(wire).send([b"first", b"", bytes(200)])
    assert wire.writes == [b"\x82\x05first" + b"\x82\x00" + b"\x82\x7e\x00\xc8" + bytes(200)]


async def test_a_large_frame_is_not_copied_to_be_one_piece_with_its_head() -> None:
    wire = Wire()
    large = bytes(JOINED_BYTES + 1)
    await FrameWriter(wire).send([large])
    assert wire.writes == [b"\x82\x7e" + len(large).to_bytes(2), large]


async def test_the_sender_waits_while_the_transport_has_much_to_send() -> None:
    writer = FrameWriter(Wire())
    writer.pause()
    sending = asyncio.create_task(writer.send([b"frame"]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not sending.done()
    writer.resume()
    await asyncio.wait_for(sending, TIMEOUT_S)
    await asyncio.wait_for(writer.send([b"frame"]), TIMEOUT_S)


async def test_the_end_of_the_client_ends_the_waiting() -> None:
    writer = FrameWriter(Wire())
    writer.pause()
    sending = asyncio.create_task(writer.send([b"frame"]))
    await asyncio.sleep(0)
    writer.lost()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(sending, TIMEOUT_S)


async def test_a_sender_that_is_cancelled_is_waited_for_no_more() -> None:
    writer = FrameWriter(Wire())
    writer.pause()
    sending = asyncio.create_task(writer.send([b"frame"]))
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.wait([sending])
    writer.resume()
    await asyncio.wait_for(writer.send([b"frame"]), TIMEOUT_S)


async def test_nothing_is_written_to_a_connection_that_is_being_closed() -> None:
    wire = Wire()
    wire.is_over = True
    with pytest.raises(ConnectionResetError):
        await FrameWriter(wire).send([b"frame"])
    assert wire.writes == []


async def test_behind_a_close_frame_comes_no_other() -> None:
    async with raw_socket() as client:
        outbox = client.connection.outbox
        # The client reads nothing: the sender waits, and so does the closing of what breaks the rules.
        while len(outbox.frames) < 5:
            outbox.put(Send(bytes(100_000)))
            await asyncio.sleep(0)
        client.writer.write(frame(3, b"what"))
        await until(lambda: bool(client.pieces) and client.pieces[-1].endswith(b"what"))
        for _ in range(5):
            await asyncio.sleep(0)
        opcode = 0x82
        while opcode == 0x82:
            opcode, size = await asyncio.wait_for(client.reader.readexactly(2), TIMEOUT_S)
            if size == 127:
                size = int.from_bytes(await client.reader.readexactly(8))
            await client.reader.readexactly(size)
        assert opcode == 0x88
        assert await asyncio.wait_for(client.reader.read(), TIMEOUT_S) == b""
