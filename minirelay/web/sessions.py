"""The WebSocket edge: moves frames between aiohttp and a connection, decides nothing (spec 01)."""

import asyncio
from collections.abc import Callable

from aiohttp import WSMsgType, web

from minirelay.relay.connection import Connection
from minirelay.relay.messages import HangUp

MAX_FRAME_BYTES = 2 * 1024 * 1024
CLOSE_TIMEOUT_S = 2.0
"""How long a client that does not read may keep a connection that the relay closes."""


async def serve_session(request: web.Request, connect: Callable[[], Connection]) -> web.StreamResponse:
    """Speak with one client until either side ends it. connect: called once the WebSocket stands."""
    # aiohttp's limit is exclusive, the protocol's is not. A WebSocket ping is a sign of life (spec 01).
    socket = web.WebSocketResponse(
        max_msg_size=MAX_FRAME_BYTES + 1,
        compress=False,
        autoclose=False,
        autoping=False,
        timeout=CLOSE_TIMEOUT_S,
    )
    await socket.prepare(request)
    connection = connect()
    sender = asyncio.create_task(_send(socket, connection))
    receiver = asyncio.create_task(_receive(socket, connection))
    hung_up = asyncio.create_task(connection.ended.wait())
    try:
        await asyncio.wait([receiver, hung_up], return_when=asyncio.FIRST_COMPLETED)
        if connection.hang_up is not None:
            # What was answered before the end still leaves, if the client reads it.
            await asyncio.wait([sender], timeout=CLOSE_TIMEOUT_S)
    finally:
        hang_up = connection.hang_up or HangUp(1000, "")
        connection.lost()
        for task in (sender, receiver, hung_up):
            task.cancel()
        await asyncio.gather(sender, receiver, hung_up, return_exceptions=True)
        await _close(request, socket, hang_up)
    return socket


async def _receive(socket: web.WebSocketResponse, connection: Connection) -> None:
    while connection.hang_up is None:
        if not connection.may_receive:
            await connection.wait_to_receive()
        message = await socket.receive()
        match message.type:
            case WSMsgType.BINARY:
                connection.receive(message.data)
            case WSMsgType.TEXT:
                connection.receive_text()
            case WSMsgType.PING:
                connection.heard()
                await socket.pong(message.data)
            case WSMsgType.PONG:
                connection.heard()
            case _:
                # The card is free from here on, whatever the rest of the closing takes.
                connection.lost()
                return


async def _send(socket: web.WebSocketResponse, connection: Connection) -> None:
    while frames := await connection.frames_to_send():
        for frame in frames:
            try:
                await socket.send_bytes(frame)
            except ConnectionError:
                return
            connection.sent(frame)


async def _close(request: web.Request, socket: web.WebSocketResponse, hang_up: HangUp) -> None:
    transport = request.transport
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code=hang_up.code, message=hang_up.reason.encode()[:123])
    except TimeoutError:
        if transport is not None:
            transport.abort()
