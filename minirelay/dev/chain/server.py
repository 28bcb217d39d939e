"""The chain's endpoint over HTTP and WebSocket, and the timer that makes its blocks."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from aiohttp import WSMsgType, web

from minirelay.dev.chain.context import Context
from minirelay.dev.chain.dispatch import answer, encode
from minirelay.dev.chain.filters import Filters, Subscriptions
from minirelay.dev.chain.node import Node
from minirelay.dev.chain.shapes import Json

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 8 * 1024 * 1024

# Web pages of any origin may call: it's a chain for development, with keys that everybody knows.
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
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


def create_app(node: Node, block_time_s: float | None) -> web.Application:
    """Make the application: JSON-RPC on any path, by POST and over WebSocket.

    block_time_s: between blocks; None: on demand, until evm_setIntervalMining says otherwise.
    """
    context = Context(node, Filters(node))
    sockets = WebSockets(context)

    async def post(request: web.Request) -> web.Response:
        # Executed right here on the loop: one after the other is what a chain is.
        body = answer(context, await request.read())
        return web.Response(body=body, content_type="application/json", headers=CORS_HEADERS)

    async def options(_request: web.Request) -> web.Response:
        return web.Response(status=204, headers=CORS_HEADERS)

    async def get(request: web.Request) -> web.StreamResponse:
        if not web.WebSocketResponse().can_prepare(request):
            raise web.HTTPMethodNotAllowed("GET", ["POST", "OPTIONS"])
        return await sockets.serve(request)

    async def close_sockets(_app: web.Application) -> None:
        await sockets.close()

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/{path:.*}", post)
    app.router.add_options("/{path:.*}", options)
    app.router.add_get("/{path:.*}", get, allow_head=False)
    app.on_shutdown.append(close_sockets)
    node.interval_s = block_time_s or 0.0
    app.cleanup_ctx.append(_block_timer(node))
    return app


def _block_timer(node: Node) -> Callable[[web.Application], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def run(_app: web.Application) -> AsyncIterator[None]:
        changed = asyncio.Event()
        node.interval_changed = changed.set
        task = asyncio.create_task(_mine_forever(node, changed))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return run


async def _mine_forever(node: Node, changed: asyncio.Event) -> None:
    while True:
        changed.clear()
        if node.interval_s:
            await _mine_until(changed, node)
        else:
            await changed.wait()


async def _mine_until(changed: asyncio.Event, node: Node) -> None:
    loop = asyncio.get_running_loop()
    interval_s = node.interval_s
    due = loop.time() + interval_s
    while not changed.is_set():
        try:
            async with asyncio.timeout_at(due):
                await changed.wait()
        except TimeoutError:
            _mine_one(node)
            # A machine that can't keep up leaves blocks out rather than running behind.
            due = max(due + interval_s, loop.time())


def _mine_one(node: Node) -> None:
    try:
        node.mine()
    except Exception:
        log.exception("no block could be mined")
