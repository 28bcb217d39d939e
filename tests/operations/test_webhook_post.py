"""One post: signed, bounded in time and in what is read, and not sent anywhere else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from minirelay.chain.endpoint import open_http
from minirelay.config.urls import EndpointUrl
from minirelay.operations.webhook_post import WebhookFailure, WebhookPoster
from tests.operations.webhook_receiver import SECRET, Receiver, answering, receiver

NOW = datetime(2026, 11, 29, tzinfo=UTC)
BODY = b'{"id":"1","type":"test"}'


@pytest.fixture
async def posted_to() -> AsyncIterator[Receiver]:
    async with receiver() as listening:
        yield listening


async def post(url: EndpointUrl, *, timeout_s: float = 10, most_bytes: int | None = None) -> Any:
    async with open_http() as http:
        poster = WebhookPoster(http, url, SECRET, lambda: NOW, timeout_s=timeout_s)
        if most_bytes is None:
            return await poster.post(BODY)
        return await poster.ask(BODY, most_bytes)


async def test_a_post_is_signed_over_time_and_body(posted_to: Receiver) -> None:
    await post(posted_to.url)
    assert (posted_to.bodies, posted_to.at) == ([BODY], [int(NOW.timestamp())])


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_an_event_is_taken_by_any_success(posted_to: Receiver, status: int) -> None:
    posted_to.behaviour = answering(status)
    await post(posted_to.url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(posted_to: Receiver, status: int) -> None:
    posted_to.behaviour = answering(status, Location="/elsewhere")
    with pytest.raises(WebhookFailure, match=str(status)):
        await post(posted_to.url)
    assert posted_to.paths == ["/a-key-in-the-path"]


async def test_a_receiver_says_how_long_it_wants_to_rest(posted_to: Receiver) -> None:
    posted_to.behaviour = answering(429, **{"Retry-After": "90"})
    with pytest.raises(WebhookFailure) as caught:
        await post(posted_to.url)
    assert caught.value.wish_s == 90


async def test_a_slow_receiver_is_given_up(posted_to: Receiver) -> None:
    async def hang(request: web.Request, event: object) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    posted_to.behaviour = hang
    with pytest.raises(WebhookFailure, match=r"within 0\.2 s"):
        async with asyncio.timeout(2):
            await post(posted_to.url, timeout_s=0.2)


class Endless:
    """Answers 200 and bytes without an end, as long as they are read. sent: how many."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, request: web.Request, event: object) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while self.sent < 100 * 2**20:
            await response.write(bytes(2**16))
            self.sent += 2**16
        return response


@pytest.mark.parametrize("most_bytes", [None, 1000])
async def test_an_answer_of_100_megabytes_is_not_read(posted_to: Receiver, most_bytes: int | None) -> None:
    posted_to.behaviour = endless = Endless()
    answer = await post(posted_to.url, most_bytes=most_bytes)
    assert answer is None or len(answer.body) == 1000
    # What lies in the buffers of two sockets.
    assert endless.sent < 20 * 2**20


async def test_what_is_answered_is_shown_whatever_it_is(posted_to: Receiver) -> None:
    async def refuse(request: web.Request, event: object) -> web.StreamResponse:
        return web.Response(status=500, text="no such table")

    posted_to.behaviour = refuse
    answer = await post(posted_to.url, most_bytes=7)
    assert (answer.status, answer.body, answer.is_taken) == (500, b"no such", False)


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "http://[2001:4860:4860::8888]/"])
async def test_plain_http_stays_in_private_networks(url: str) -> None:
    with pytest.raises(WebhookFailure, match="private networks only"):
        await post(EndpointUrl(url))


async def test_what_fails_says_neither_the_url_nor_the_secret(unused_tcp_port: int) -> None:
    with pytest.raises(WebhookFailure) as caught:
        await post(EndpointUrl(f"http://127.0.0.1:{unused_tcp_port}/a-key-in-the-path"))
    assert "key" not in str(caught.value)
    assert SECRET.decode() not in str(caught.value)
    assert "refused" in str(caught.value)
