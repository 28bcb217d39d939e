"""The WebSocket edge: moves frames between aiohttp and a connection, decides nothing (spec 01)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal

from aiohttp import WSMsgType, web
from aiohttp.http import WSMessageNoDecodeText

from minirelay.errors import bare
from minirelay.relay.connection import TRY_AGAIN_LATER, Connection
from minirelay.relay.messages import HangUp
from minirelay.web.read_throttle import ReadLimits, ReadThrottle
from minirelay.web.request_parser import head_cost

log = logging.getLogger(__name__)

WRITE_BUFFER_BYTES: Final = 16 * 1024
"""A frame counts as sent when the transport has no more than this to send; before that it is the outbox's."""

CLOSE_TIMEOUT_S: Final = 2.0
"""How long a client that does not read may keep a connection that the relay closes."""

Socket = web.WebSocketResponse[Literal[False]]
"""A WebSocket that leaves text as bytes."""

OWN_FAULT: Final = "the relay failed, reconnect and resume"


async def serve_session(
    request: web.Request, connect: Callable[[], Connection], limits: ReadLimits
) -> web.StreamResponse:
    """Speak with one client until either side ends it.

    connect: called once the WebSocket stands. limits: the same for all sessions that share an event loop.
    """
    # aiohttp's limit is exclusive, the protocol's is not. A WebSocket ping is a sign of life (spec 01).
    socket = Socket(
        max_msg_size=limits.max_frame_bytes + 1,
        compress=False,
        autoclose=False,
        autoping=False,
        timeout=CLOSE_TIMEOUT_S,
        writer_limit=WRITE_BUFFER_BYTES,
        # As text a single character can make four bytes of each; and none is ever looked at.
        decode_text=False,
    )
    try:
        throttle = _throttle(request, socket, limits)
        await socket.prepare(request)
    except ConnectionError as error:
        bare(error)
        return web.Response(status=400)  # gone before the answer, and this too goes nowhere
    except ValueError as error:
        # aiohttp reads the handshake's headers as ASCII, and quotes those that are wrong in UTF-8.
        raise web.HTTPBadRequest from error
    if throttle is None:
        raise RuntimeError("a handshake that can't be prepared was prepared")
    try:
        await _speak(request, socket, throttle, connect())
    finally:
        throttle.forget()
        if (failure := socket.exception()) is not None:
            # The frames that it came through hold the socket that holds it.
            bare(failure)
    return socket


async def _speak(
    request: web.Request, socket: Socket, throttle: ReadThrottle, connection: Connection
) -> None:
    # The request stays as long as the session does.
    head_bytes = head_cost(request.raw_path, request.raw_headers)
    connection.account.hold(head_bytes)
    throttle.start(connection)
    sender = asyncio.create_task(_send(socket, connection, throttle))
    receiver = asyncio.create_task(_receive(socket, connection, throttle))
    hung_up = asyncio.create_task(connection.ended.wait())
    tasks = (sender, receiver, hung_up)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if connection.hang_up is not None and not connection.is_torn_down:
            # What was answered before the end still leaves, if the client reads it.
            await asyncio.wait([sender], timeout=CLOSE_TIMEOUT_S)
    finally:
        hang_up = connection.hang_up or HangUp(1000, "")
        connection.lost()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connection.account.hold(-head_bytes)
        throttle.end(drop=hang_up.code == TRY_AGAIN_LATER)
        if connection.is_torn_down and request.transport is not None:
            request.transport.abort()
        await _close(request, socket, hang_up)


def _throttle(request: web.Request, socket: Socket, limits: ReadLimits) -> ReadThrottle | None:
    """Step in front of the request, unless it is no handshake: then `prepare` says what it is."""
    if not socket.can_prepare(request):
        return None
    throttle = ReadThrottle.install(request, limits)
    if request.transport is not None:
        request.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
    return throttle


async def _receive(socket: Socket, connection: Connection, throttle: ReadThrottle) -> None:
    ping: bytes | None = None
    backpressure = connection.backpressure
    try:
        while connection.hang_up is None:
            if not backpressure.may_receive:
                await backpressure.wait()
                throttle.go_on()
            message = await socket.receive()
            if not _take(message, connection):
                # The card is free from here on, whatever the rest of the closing takes.
                connection.lost()
                return
            throttle.taken(len(message.data))
            if message.type is WSMsgType.PING:
                ping = message.data
            # It may be large, and the next one may never come.
            del message
            if ping is not None and not throttle.has_more:
                # The last one's answer is enough for all that came together (RFC 6455, 5.5.3).
                await socket.pong(ping)
                ping = None
    except ConnectionError as error:
        # What aiohttp waited with holds it, and is held by its frames.
        bare(error)
        connection.lost()
    except Exception:  # the task's only observer; the other sessions go on
        log.exception("a session ends because of a bug")
        connection.close(1011, OWN_FAULT)


def _take(message: WSMessageNoDecodeText, connection: Connection) -> bool:
    """Hand on what came; False if it is the end."""
    match message.type:
        case WSMsgType.BINARY:
            connection.receive(message.data)
        case WSMsgType.TEXT:
            connection.receive_text()
        case WSMsgType.PING | WSMsgType.PONG:
            connection.heard()
        case _:
            return False
    return True


async def _send(socket: Socket, connection: Connection, throttle: ReadThrottle) -> None:
    try:
        while (frame := await connection.next_frame()) is not None:
            frames = [frame, *connection.frames_behind(WRITE_BUFFER_BYTES - len(frame))]
            if socket.closed:
                raise ConnectionResetError("behind a close frame nothing is sent")
            await throttle.writer.send(frames)
            connection.sent(frames)
            throttle.sent()
            del frame, frames
    except ConnectionError as error:
        # What aiohttp waited with holds it, and is held by its frames.
        bare(error)
        connection.lost()
    except Exception:  # the task's only observer; the other sessions go on
        log.exception("a session ends because of a bug")
        connection.close(1011, OWN_FAULT)


async def _close(request: web.Request, socket: Socket, hang_up: HangUp) -> None:
    transport = request.transport
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code=hang_up.code, message=hang_up.reason.encode()[:123])
    except TimeoutError:
        if transport is not None:
            transport.abort()
