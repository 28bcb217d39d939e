"""Why a connection failed, as doctor and the webhook say it."""

import asyncio

import pytest

from minirelay.chain.endpoint import open_http
from minirelay.config.urls import BaseUrl
from minirelay.operations.checks.reach import check_base_url
from minirelay.operations.connection_failure import describe_failure


def test_where_nobody_listens_the_systems_words_are_said_and_nothing_else(unused_tcp_port: int) -> None:
    async def fail() -> str:
        async with open_http() as http:
            with pytest.raises(OSError, match="Cannot connect") as failed:
                await http.get(f"http://127.0.0.1:{unused_tcp_port}/a-key")
        return describe_failure(failed.value)

    assert asyncio.run(fail()) == "Connection refused"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_base_url_is_not_reached_in_plain_words(unused_tcp_port: int, scheme: str) -> None:
    url = BaseUrl.parse(f"{scheme}://127.0.0.1:{unused_tcp_port}")
    (found,) = await check_base_url(url, is_running=True)
    assert found.text == f"{url} is not reached from here: Connection refused"


async def test_a_server_without_tls_is_said_so() -> None:
    async def chat(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no TLS here\r\n" * 20)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(chat, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        (found,) = await check_base_url(BaseUrl.parse(f"https://127.0.0.1:{port}"), is_running=True)
    assert found.text.endswith("no TLS connection can be made")
