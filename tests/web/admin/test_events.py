"""How the relay is, as a stream: bounded in number and time, and no stop waits for it."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, CookieJar
from aiohttp.test_utils import TestClient, TestServer

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.operations.live_status import LiveStatus
from minirelay.web.admin.app import create_admin_app
from minirelay.web.admin.events import EventsApi
from tests.relay.house import until
from tests.system.serving import serving
from tests.web.admin.asking import operator_of


async def test_a_page_is_told_how_the_relay_is_until_that_stops(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with AsyncExitStack() as relay:
        await relay.enter_async_context(serving(tmp_path, dev_chain, deployment, limits__admin_streams=1))
        async with operator_of(tmp_path) as http, http.get("/v1/events") as answer:
            assert answer.headers["Content-Type"] == "text/event-stream"
            assert await answer.content.readline() == b"event: now\n"
            line = await answer.content.readline()
            assert json.loads(line.removeprefix(b"data: "))["is_well"]
            async with http.get("/v1/events") as another:
                assert another.status == 503
            await relay.aclose()
            # The answer has an end: it is not cut off.
            assert await answer.content.read() is not None


async def test_no_stop_waits_for_a_stream_over_tcp(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with AsyncExitStack() as relay, ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        running = await relay.enter_async_context(
            serving(tmp_path, dev_chain, deployment, admin_listen="127.0.0.1:0")
        )
        links = running.server.login_links
        async with http.get(links.make()) as answer:
            assert answer.status == 200
        async with http.get(f"{links.url}/v1/events") as answer:
            assert await answer.content.readline() == b"event: now\n"
            await relay.aclose()
            # What is cut off has no end, and raises.
            assert (await answer.content.read()).endswith(b"\n\n")


async def document() -> dict[str, Any]:
    return {"is_well": True}


async def test_a_stream_ends_after_a_while_and_who_leaves_is_forgotten() -> None:
    live = LiveStatus(document, 4, every_s=0.001)
    app = create_admin_app(EventsApi(live, lasts_s=0.05))
    async with TestClient(TestServer(app)) as client:
        async with client.get("/v1/events") as answer:
            assert (await answer.read()).endswith(b"\n\n")
        await until(lambda: live.follower_count == 0)
    app = create_admin_app(EventsApi(live, lasts_s=600))
    async with TestClient(TestServer(app)) as client:
        async with client.get("/v1/events") as answer:
            await answer.content.readline()
            assert live.follower_count == 1
            answer.close()
        await until(lambda: live.follower_count == 0)
    await live.close()
