"""The application: which endpoint is where, and how often each may be asked."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError

from minirelay.config.quantities import PositiveSize, Size
from minirelay.logs import fields_of
from minirelay.protocol import envelope as wire
from minirelay.relay.connection import Connection
from minirelay.web.app import create_app, read_limits
from minirelay.web.read_throttle import ReadLimits
from minirelay.web.receive_buffer import ReceiveBuffer
from minirelay.web.turn_share import TurnShare
from tests.web.edge import SETTINGS, Backend, listening, serving


async def test_sessions_are_handed_to_the_relay() -> None:
    backend = Backend()
    async with serving(backend) as client:
        async with client.ws_connect("/v4/sessions") as socket:
            (connection,) = backend.lobby.connections
            connection.close(1001, "the end")
            message = await socket.receive()
            assert message.type is WSMsgType.CLOSE
            assert (message.data, message.extra) == (1001, "the end")
        assert backend.lobby.connections == []


NO_WEBSOCKETS = [
    {},
    {"Connection": "Upgrade"},
    {"Upgrade": "websocket"},
    {"Upgrade": "h2c", "Connection": "Upgrade"},
    {"Upgrade": "websocket", "Connection": "close"},
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", NO_WEBSOCKETS, ids=str)
async def test_without_an_upgrade_a_person_learns_what_is_missing(
    method: str, headers: dict[str, str]
) -> None:
    async with (
        serving() as client,
        client.request(method, "/v4/sessions", headers=headers) as response,
    ):
        assert response.status == 426
        assert response.headers["Upgrade"] == "websocket"
        assert response.headers["Connection"] == "Upgrade"
        assert response.content_type == "application/json"
        body = await response.read()
    if method == "HEAD":
        assert body == b""
    else:
        assert "reverse proxy" in json.loads(body)["error"]


async def test_a_head_can_be_no_websocket() -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    async with serving() as client, client.head("/v4/sessions", headers=headers) as response:
        assert response.status == 426


async def test_missing_upgrades_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving() as client:
        for _ in range(30):
            async with client.get("/v4/sessions") as response:
                assert response.status == 426
    first, rest = [record for record in caplog.records if "WebSocket" in record.getMessage()]
    assert (first.__dict__["count"], rest.__dict__["count"]) == (1, 29)  # the rest when it stopped
    assert first.levelname == "INFO"


async def test_head_where_there_is_get() -> None:
    async with serving() as client:
        for path in ("/", "/health"):
            async with client.head(path) as response:
                assert response.status == 200
                assert await response.read() == b""


async def test_other_websockets_are_none() -> None:
    async with serving() as client:
        with pytest.raises(WSServerHandshakeError) as error:
            await client.ws_connect("/v3/sessions")
    assert error.value.status == 404


async def test_what_a_session_logs_names_it() -> None:
    backend = Backend()
    seen = []

    def connect() -> Connection:
        seen.append(fields_of(logging.makeLogRecord({})))
        return backend.lobby.connect()

    services = replace(backend.services(), sessions=SessionsOf(connect))
    app = create_app(SETTINGS, services)
    async with listening(app) as url, ClientSession(url) as client:
        for _ in range(2):
            async with client.ws_connect("/v4/sessions"):
                pass
    first, second = seen
    assert set(first) == {"request", "session"}
    assert first["session"] != second["session"]


@dataclass
class SessionsOf:
    connect: Callable[[], Connection]


def test_what_is_read_of_a_session_is_a_setting() -> None:
    limits = msgspec.structs.replace(
        SETTINGS.limits,
        frame_size=Size(1),
        frames_per_turn=2,
        bytes_per_turn=PositiveSize(3),
        frame_rate=4,
    )
    settings = msgspec.structs.replace(SETTINGS, limits=limits)
    assert read_limits(settings) == ReadLimits(1, 2, 3, 4, together=TurnShare(1, 1), buffer=ReceiveBuffer(1))


async def test_all_sessions_share_a_turn() -> None:
    limits = msgspec.structs.replace(SETTINGS.limits, turn_frames=8, frames_per_turn=8)
    settings = msgspec.structs.replace(SETTINGS, limits=limits)
    received = in_one_turn = 0
    receive = Connection.receive

    def counted(connection: Connection, frame: bytes) -> None:
        nonlocal received
        received += 1
        receive(connection, frame)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "receive", counted)
        async with serving(settings=settings) as client:
            sockets = [await client.ws_connect("/v4/sessions") for _ in range(4)]
            for socket in sockets:
                for number in range(1, 101):
                    request = wire.SubscriptionCancelRequest(b"")
                    await socket.send_bytes(wire.encode_envelope(number, request))
            while received < 400:
                before = received
                await asyncio.sleep(0)
                in_one_turn = max(in_one_turn, received - before)
            for socket in sockets:
                await socket.close()
    # What lies between two turns of this task is of two turns of the loop.
    assert in_one_turn <= 2 * 8


async def test_frames_have_the_size_that_is_set() -> None:
    limits = msgspec.structs.replace(SETTINGS.limits, frame_size=Size(1000))
    settings = msgspec.structs.replace(SETTINGS, limits=limits)
    async with serving(settings=settings) as client, client.ws_connect("/v4/sessions") as socket:
        await socket.send_bytes(b"\xff" * 1001)
        message = await socket.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1009)
