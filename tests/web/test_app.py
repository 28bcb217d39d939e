"""The application: which endpoint is where, and how often each may be asked."""

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from tests.web.edge import Backend, serving


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


async def test_sessions_are_websockets() -> None:
    async with serving() as client:
        async with client.get("/v4/sessions") as response:
            assert response.status == 400
            assert response.content_type == "application/json"
        async with client.head("/v4/sessions") as response:
            assert response.status == 405


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
