"""What an endpoint sends beside the answer it was asked for is not parsed without end."""

import asyncio

import pytest

from minirelay.chain.bounded_answers import MOST_HEADS, PIECE_BYTES, BoundedResponseHandler
from minirelay.chain.endpoint import Endpoint, open_http
from minirelay.chain.errors import EndpointFailure
from minirelay.protocol.json_rpc import Request, Result
from tests.chain.nodes import RawNode, running_raw

NUMBER = Request("eth_blockNumber")
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
BODY = b'{"jsonrpc":"2.0","id":1,"result":"0x5"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


async def handler() -> BoundedResponseHandler:
    made = BoundedResponseHandler(asyncio.get_running_loop())
    made.set_response_params()
    return made


@pytest.mark.parametrize("head", [INTERIM, b"HTTP/1.1 204 No Content\r\n\r\n", ANSWER])
async def test_of_a_flood_of_heads_no_more_than_a_piece_is_parsed(head: bytes) -> None:
    connection = await handler()
    connection.data_received(head * 100_000)
    assert MOST_HEADS < len(connection) <= PIECE_BYTES // len(head) + 1
    assert isinstance(connection.exception(), Exception)


async def test_an_endpoint_that_floods_with_interim_responses_fails_at_once() -> None:
    node = RawNode([INTERIM * 200_000])
    async with running_raw(node), open_http() as http:
        with pytest.raises(EndpointFailure, match="connection failed"):
            await Endpoint(http, node.url, timeout_s=60.0).ask(NUMBER)


async def test_a_few_interim_responses_are_skipped() -> None:
    node = RawNode([INTERIM * (MOST_HEADS - 1) + ANSWER])
    async with running_raw(node), open_http() as http:
        assert await Endpoint(http, node.url, timeout_s=60.0).ask(NUMBER) == Result("0x5")


async def test_a_long_answer_is_read_whole_and_in_order() -> None:
    result = "0x" + "".join(f"{number:08x}" for number in range(60_000))
    body = b'{"jsonrpc":"2.0","id":1,"result":"%b"}' % result.encode()
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(part), part)
        for part in (body[at : at + 5000] for at in range(0, len(body), 5000))
    )
    for written in (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunks,
    ):
        node = RawNode([written])
        async with running_raw(node), open_http() as http:
            endpoint = Endpoint(http, node.url, timeout_s=60.0)
            assert await endpoint.ask(Request("eth_call", data_bytes=300_000)) == Result(result)
