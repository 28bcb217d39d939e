"""The chain's HTTP endpoint, and the timer that makes its blocks."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from minirelay.dev.chain.context import Context
from minirelay.dev.chain.dispatch import answer
from minirelay.dev.chain.filters import Filters
from minirelay.dev.chain.node import Node

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 8 * 1024 * 1024

# Web pages of any origin may call: it's a chain for development, with keys that everybody knows.
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}


def create_app(node: Node, block_time_s: float | None) -> web.Application:
    """Make the application: JSON-RPC by POST on any path. block_time_s: between blocks; None: on demand."""
    context = Context(node, Filters(node))

    async def post(request: web.Request) -> web.Response:
        # Executed right here on the loop: one after the other is what a chain is.
        body = answer(context, await request.read())
        return web.Response(body=body, content_type="application/json", headers=CORS_HEADERS)

    async def options(_request: web.Request) -> web.Response:
        return web.Response(status=204, headers=CORS_HEADERS)

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/{path:.*}", post)
    app.router.add_options("/{path:.*}", options)
    if block_time_s is not None:
        app.cleanup_ctx.append(_block_timer(node, block_time_s))
    return app


def _block_timer(
    node: Node, block_time_s: float
) -> Callable[[web.Application], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def run(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_mine_forever(node, block_time_s))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return run


async def _mine_forever(node: Node, block_time_s: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time() + block_time_s
    while True:
        await asyncio.sleep(due - loop.time())
        try:
            node.mine()
        except Exception:
            logger.exception("no block could be mined")
        # A machine that can't keep up leaves blocks out rather than running behind.
        due = max(due + block_time_s, loop.time())
