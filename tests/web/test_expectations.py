"""Expectations: the one that there is, and others."""

import asyncio
import json
import logging

import pytest

from minirelay.web.app import create_app
from minirelay.web.listener import Listener
from tests.relay.house import TIMEOUT_S
from tests.web.edge import SETTINGS, Backend, listening


async def ask(path: str, expectation: bytes, version: bytes = b"1.1") -> bytes:
    """Send a request with an expectation and no body; give what comes back, to the end."""
    listener = Listener.bind("127.0.0.1", 0)
    async with listening(create_app(SETTINGS, Backend().services()), listener):
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        writer.write(
            b"POST %b HTTP/%b\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nExpect: %b\r\n\r\n{}"
            % (path.encode(), version, expectation)
        )
        answer = await asyncio.wait_for(reader.read(), TIMEOUT_S)
        writer.close()
        await writer.wait_closed()
        return answer


@pytest.mark.parametrize("expectation", [b"100-continue", b"100-Continue"])
async def test_a_client_that_waits_may_go_on(expectation: bytes) -> None:
    first, _, rest = (await ask("/v4/enroll_key_card", expectation)).partition(b"\r\n\r\n")
    assert first == b"HTTP/1.1 100 Continue"
    assert rest.startswith(b"HTTP/1.1 400 ")


async def test_an_old_client_does_not_wait() -> None:
    answer = await ask("/v4/enroll_key_card", b"100-continue", b"1.0")
    assert answer.startswith(b"HTTP/1.0 400 ")


@pytest.mark.parametrize("expectation", [b"money", b"\xff", b"100-continue, money"])
async def test_nothing_else_can_be_expected(expectation: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    head, _, body = (await ask("/v4/enroll_key_card", expectation)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 417 ")
    assert json.loads(body)["handler"] == "enrollKeyCard"
    assert caplog.records == []


async def test_where_there_is_nothing_an_odd_expectation_is_not_worth_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    await ask("/nowhere", b"\xff")
    assert caplog.records == []
