"""The WebSocket edge: moves frames between aiohttp and a connection, decides nothing (spec 01)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiohttp import WSMessage, WSMsgType, web

from minirelay.relay.connection import Connection
from minirelay.relay.messages import HangUp

log = logging.getLogger(__name__)

MAX_FRAME_BYTES: Final = 2 * 1024 * 1024

FRAMES_PER_TURN: Final = 16
"""A client that has sent many frames gives the loop back after so many."""

CLOSE_TIMEOUT_S: Final = 2.0
"""How long a client that does not read may keep a connection that the relay closes."""

OWN_FAULT: Final = "the relay failed, reconnect and resume"


async def serve_session(
    request: web.Request, connect: Callable[[], Connection], *, max_frame_bytes: int = MAX_FRAME_BYTES
) -> web.StreamResponse:
    """Speak with one client until either side ends it. connect: called once the WebSocket stands."""
    # aiohttp's limit is exclusive, the protocol's is not. A WebSocket ping is a sign of life (spec 01).
    socket = web.WebSocketResponse(
        max_msg_size=max_frame_bytes + 1,
        compress=False,
        autoclose=False,
        autoping=False,
        timeout=CLOSE_TIMEOUT_S,
    )
    try:
        await socket.prepare(request)
    except ConnectionError:
        return web.Response(status=400)  # gone before the answer, and this too goes nowhere
    except ValueError as error:
        # aiohttp reads the handshake's headers as ASCII, and quotes those that are wrong in UTF-8.
        raise web.HTTPBadRequest from error
    connection = connect()
    sender = asyncio.create_task(_send(socket, connection))
    receiver = asyncio.create_task(_receive(socket, connection))
    hung_up = asyncio.create_task(connection.ended.wait())
    tasks = (sender, receiver, hung_up)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if connection.hang_up is not None:
            # What was answered before the end still leaves, if the client reads it.
            await asyncio.wait([sender], timeout=CLOSE_TIMEOUT_S)
    finally:
        hang_up = connection.hang_up or HangUp(1000, "")
        connection.lost()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _close(request, socket, hang_up)
    return socket


async def _receive(socket: web.WebSocketResponse, connection: Connection) -> None:
    received = 0
    try:
        while connection.hang_up is None:
            if not connection.may_receive:
                await connection.wait_to_receive()
            message = await socket.receive()
            if not await _take(message, socket, connection):
                # The card is free from here on, whatever the rest of the closing takes.
                connection.lost()
                return
            received += 1
            if received % FRAMES_PER_TURN == 0:
                await asyncio.sleep(0)
    except ConnectionError:
        connection.lost()
    except Exception:  # the task's only observer; the other sessions go on
        log.exception("a session ends because of a bug")
        connection.close(1011, OWN_FAULT)


async def _take(message: WSMessage, socket: web.WebSocketResponse, connection: Connection) -> bool:
    """Hand on what came; False if it is the end."""
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
            return False
    return True


async def _send(socket: web.WebSocketResponse, connection: Connection) -> None:
    try:
        while (frame := await connection.next_frame()) is not None:
            await socket.send_bytes(frame)
            connection.sent(frame)
    except ConnectionError:
        connection.lost()
    except Exception:  # the task's only observer; the other sessions go on
        log.exception("a session ends because of a bug")
        connection.close(1011, OWN_FAULT)


async def _close(request: web.Request, socket: web.WebSocketResponse, hang_up: HangUp) -> None:
    transport = request.transport
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code=hang_up.code, message=hang_up.reason.encode()[:123])
    except TimeoutError:
        if transport is not None:
            transport.abort()
