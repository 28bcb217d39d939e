"""The chain over WebSocket: the same requests, and what was subscribed to."""

import asyncio
import contextlib
import logging
from dataclasses import replace

from aiohttp import WSMsgType, web

from minirelay.dev.chain.context import Context
from minirelay.dev.chain.dispatch import answer, encode
from minirelay.dev.chain.shapes import Json
from minirelay.dev.chain.subscriptions import Subscriptions

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
# What one client may leave unread; who is further behind is disconnected.
MAX_UNSENT = 10_000
MAX_CONNECTIONS = 200
TOO_SLOW = 1013


class WebSockets:
    """All WebSockets of one chain."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Answer what comes on one connection until it ends."""
        if len(self._open) >= MAX_CONNECTIONS:
            raise web.HTTPServiceUnavailable(text=f"at most {MAX_CONNECTIONS} connections")
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, heartbeat=30.0)
        await socket.prepare(request)
        self._open.add(socket)
        unsent: asyncio.Queue[bytes] = asyncio.Queue(MAX_UNSENT)
        sender = asyncio.create_task(_send(socket, unsent))

        def put(message: bytes) -> None:
            try:
                unsent.put_nowait(message)
            except asyncio.QueueFull:
                # Its sender ends the connection, which nobody else has to wait for.
                sender.cancel()

        def notify(notification: Json) -> None:
            put(encode(notification))

        subscriptions = Subscriptions(self._context.node, notify)
        try:
            await self._receive(socket, replace(self._context, subscriptions=subscriptions), unsent)
        finally:
            subscriptions.close()
            self._open.discard(socket)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
        return socket

    async def _receive(
        self, socket: web.WebSocketResponse, context: Context, unsent: asyncio.Queue[bytes]
    ) -> None:
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            body = message.data.encode() if isinstance(message.data, str) else message.data
            if answered := answer(context, body):
                # Waits for room: who does not read answers asks nothing more.
                await unsent.put(answered)

    async def close(self) -> None:
        """End all of them."""
        await asyncio.gather(*(socket.close(code=1001) for socket in tuple(self._open)))


async def _send(socket: web.WebSocketResponse, unsent: asyncio.Queue[bytes]) -> None:
    try:
        while True:
            await socket.send_str((await unsent.get()).decode())
    except (ConnectionError, RuntimeError) as error:
        log.debug("a connection ended while it was sent to: %s", error)
    except asyncio.CancelledError:
        if unsent.full():
            # Whoever waits for room in it shall find some, and then the end.
            while not unsent.empty():
                unsent.get_nowait()
            await socket.close(code=TOO_SLOW, message=b"you read too slowly")
        raise
