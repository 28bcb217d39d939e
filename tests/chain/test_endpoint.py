"""One endpoint: exchanges bounded in time and size, one question or many in each."""

import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from minirelay.chain.batch_size import MAX_BATCH
from minirelay.chain.endpoint import Endpoint, open_http
from minirelay.chain.errors import EndpointFailure
from minirelay.config.urls import EndpointUrl
from minirelay.protocol.answer_bounds import FRAME_BYTES
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError
from tests.chain.nodes import (
    RIGHT,
    SILENCE,
    Behaviour,
    Endless,
    Node,
    RawNode,
    drop,
    error,
    plain,
    running,
    running_raw,
    silent,
)

NUMBER = Request("eth_blockNumber")


async def ask(behaviour: Behaviour, timeout_s: float = 5.0) -> Answer:
    node = Node(behaviour=behaviour)
    async with running(node), open_http() as http:
        return await Endpoint(http, node.url, timeout_s=timeout_s).ask(NUMBER)


async def failure(behaviour: Behaviour, match: str, timeout_s: float = 5.0) -> EndpointFailure:
    with pytest.raises(EndpointFailure, match=match) as caught:
        await ask(behaviour, timeout_s)
    assert "KEY" not in str(caught.value)
    return caught.value


async def test_an_answer() -> None:
    node = Node(results={"eth_blockNumber": "0x5"})
    async with running(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        assert await endpoint.ask(NUMBER) == Result("0x5")
        assert await endpoint.ask(Request("eth_blockNumber", ["latest"])) == Result("0x5")
    assert node.params == [[], ["latest"]]
    assert node.headers["Content-Type"] == "application/json"
    assert node.headers["Accept-Encoding"] == "identity"
    assert "KEY" not in endpoint.name


async def test_silence() -> None:
    await failure(silent, "no answer within 0.05 s", timeout_s=0.05)


async def test_a_connection_that_breaks() -> None:
    await failure(drop, "connection failed")


async def test_nobody_there() -> None:
    node = Node()
    async with running(node):
        pass
    async with open_http() as http:
        with pytest.raises(EndpointFailure, match=r"connection failed \(Connection refused\)") as caught:
            await Endpoint(http, node.url).ask(NUMBER)
    assert "KEY" not in str(caught.value)


async def test_a_host_that_has_no_name() -> None:
    class NoNames(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async def close(self) -> None:
            pass

    url = EndpointUrl("http://no-such-host.invalid/KEY")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoNames())) as http:
        with pytest.raises(EndpointFailure, match="the host's name can't be resolved") as caught:
            await Endpoint(http, url).ask(NUMBER)
    assert "KEY" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://no.such.host.invalid/KEY", "http://127.0.0.1:1/KEY", "http://a..b/KEY"]
)
async def test_hosts_that_are_none(url: str) -> None:
    async with open_http() as http:
        with pytest.raises(EndpointFailure) as caught:
            await Endpoint(http, EndpointUrl(url)).ask(NUMBER)
    assert "KEY" not in str(caught.value)


async def test_answers_without_an_end() -> None:
    behaviour = Endless()
    await failure(behaviour, f"longer than {FRAME_BYTES} bytes")
    # What the sockets hold is all that it got rid of.
    assert behaviour.sent < 16 * 2**20


@pytest.mark.parametrize(("data_bytes", "is_read"), [(500, True), (499, False)])
async def test_a_call_may_return_what_its_function_returns(data_bytes: int, is_read: bool) -> None:
    frame = len('{"jsonrpc":"2.0","id":1,"result":""}')
    result = "0" * (FRAME_BYTES + 2 * 500 - frame)
    node = Node(behaviour=plain(f'{{"jsonrpc":"2.0","id":1,"result":"{result}"}}'))
    async with running(node), open_http() as http:
        question = Endpoint(http, node.url).ask(Request("eth_call", (), data_bytes))
        if is_read:
            assert await question == Result(result)
        else:
            with pytest.raises(EndpointFailure, match="longer than"):
                await question


async def test_lists_and_objects_without_number() -> None:
    body = '{"jsonrpc":"2.0","id":1,"result":[' + ",".join(["[]"] * 600) + "]}"
    await failure(plain(body), "too many lists and objects")


async def test_an_error_status_with_a_body_without_an_end() -> None:
    await failure(plain(b" " * 2 * FRAME_BYTES, 503, Retry_After="7"), "status 503")


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"\0" * 100,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        HEAD + b"Content-Length: 5\r\n\r\nab",
        HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nab",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n",
        HEAD + b"Content-Length: 2\r\nA: " + b"x" * 2**17 + b"\r\n\r\n{}",
        HEAD + b"".join(b"A%d: x\r\n" % number for number in range(5000)) + b"Content-Length: 2\r\n\r\n{}",
        HEAD + b"Set-Cookie: a=" + b"b" * 5000 + b"\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Type: \xff\xfe; charset=\xff\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 429 \xff\r\nRetry-After: \xd9\xa3\xff\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/9.9 999999 x\r\n\r\n",
    ],
)
async def test_http_of_any_kind(written: bytes) -> None:
    node = RawNode([written])
    async with running_raw(node), open_http() as http:
        with pytest.raises(EndpointFailure) as caught:
            await Endpoint(http, node.url, timeout_s=1.0).ask(NUMBER)
    assert "KEY" not in str(caught.value)


# -- connections that were closed while they were idle


async def test_a_kept_connection_that_was_closed_is_asked_again_on_a_fresh_one() -> None:
    """The endpoint closes each connection when the second question comes, without a word."""
    node = RawNode([RIGHT, b""])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        for _ in range(5):
            assert await endpoint.ask(NUMBER) == Result("0x7")


async def test_a_transaction_is_sent_again_too() -> None:
    node = RawNode([RIGHT, b""])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        for _ in range(2):
            assert await endpoint.ask(Request("eth_sendRawTransaction", ["0x02"])) == Result("0x7")
    assert node.requests == 3


@pytest.mark.parametrize("is_pooled", [True, False])
async def test_once_more_and_not_twice(is_pooled: bool) -> None:
    node = RawNode([RIGHT, b""] if is_pooled else [b""])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        if is_pooled:
            await endpoint.ask(NUMBER)
            node.script = [b""]
        with pytest.raises(EndpointFailure, match="connection failed"):
            await endpoint.ask(NUMBER)
    # One request on the connection that was kept, if there was one, and one on a fresh one.
    assert node.connections == (2 if is_pooled else 1)
    assert node.requests == (3 if is_pooled else 1)


@pytest.mark.parametrize("part", [b"H", HEAD, HEAD + b"Content-Length: 5\r\n\r\n"])
async def test_an_answer_that_has_begun_is_not_asked_for_again(part: bytes) -> None:
    node = RawNode([RIGHT, part])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        await endpoint.ask(NUMBER)
        with pytest.raises(EndpointFailure, match="connection failed"):
            await endpoint.ask(NUMBER)
    assert node.connections == 1


async def test_the_second_attempt_is_bounded_in_time_too() -> None:
    node = RawNode([RIGHT, b""])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url, timeout_s=0.3)
        await endpoint.ask(NUMBER)
        node.script = [SILENCE]
        with pytest.raises(EndpointFailure, match=r"no answer within 0\.3 s"):
            await endpoint.ask(NUMBER)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 500, 502, 503])
async def test_http_errors_and_redirects(status: int) -> None:
    assert (await failure(plain("x", status, Location="/KEY"), f"status {status}")).retry_after_s is None


async def test_too_many_requests() -> None:
    assert (await failure(plain("", 429, Retry_After="30"), "too many requests")).retry_after_s == 30
    assert (await failure(plain("", 429), "too many requests")).retry_after_s is None
    assert (await failure(plain("", 503, Retry_After="7"), "503")).retry_after_s == 7


async def test_what_is_no_json() -> None:
    await failure(plain("<html>"), "not JSON")
    await failure(plain(b"\x1f\x8b rubbish", Content_Encoding="gzip"), "not JSON|connection failed")


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_errors_of_json_rpc_whatever_the_status(status: int) -> None:
    assert await ask(error(3, "execution reverted", status)) == RpcError(3, "execution reverted")


async def test_a_result_with_an_error_status_is_none() -> None:
    await failure(plain('{"jsonrpc":"2.0","id":1,"result":"0x1"}', 500), "status 500")


# -- batches


async def test_many_are_asked_in_one_exchange() -> None:
    node = Node(results={"eth_blockNumber": "0x5", "eth_gasPrice": error(-32601, "no such method")})
    async with running(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        for _ in range(2):
            assert await endpoint.ask_many([NUMBER, Request("eth_gasPrice"), NUMBER]) == [
                Result("0x5"),
                RpcError(-32601, "no such method"),
                Result("0x5"),
            ]
        assert await endpoint.ask(NUMBER) == Result("0x5")
    assert node.requests == 3
    assert node.headers["Accept-Encoding"] == "identity"


def reordered(answers: list[Any]) -> object:
    return answers[::-1]


def without_the_first(answers: list[Any]) -> object:
    return answers[1:]


def refused_as_a_whole(_answers: list[Any]) -> object:
    return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batches are not taken"}}


NO_BATCHES = RpcError(-32600, "batches are not taken", is_for_all=True)


@pytest.mark.parametrize(
    ("batch", "answers"),
    [
        (reordered, [Result("0x5"), Result("0x6")]),
        (without_the_first, [None, Result("0x6")]),
        (refused_as_a_whole, [NO_BATCHES, NO_BATCHES]),
    ],
)
async def test_batches_are_answered_in_many_ways(batch: Any, answers: list[Answer | None]) -> None:
    node = Node(results={"eth_blockNumber": "0x5", "eth_gasPrice": "0x6"}, batch=batch)
    async with running(node), open_http() as http:
        assert await Endpoint(http, node.url).ask_many([NUMBER, Request("eth_gasPrice")]) == answers


@pytest.mark.parametrize("body", ["<html>", "[7]", '[{"id":99,"result":"0x1"}]', '{"id":1,"result":[]}'])
async def test_what_is_no_answer_to_a_batch(body: str) -> None:
    node = Node(behaviour=plain(body))
    async with running(node), open_http() as http:
        with pytest.raises(EndpointFailure, match="its answer can't be used"):
            await Endpoint(http, node.url).ask_many([NUMBER] * 2)


@pytest.mark.parametrize(("count", "is_read"), [(100, True), (3, False)])
async def test_the_answer_to_a_batch_is_bounded_by_the_sum_of_its_answers(count: int, is_read: bool) -> None:
    body = "[" + " " * 4 * FRAME_BYTES + "]"
    node = Node(behaviour=plain(body))
    async with running(node), open_http() as http:
        asked = Endpoint(http, node.url).ask_many([NUMBER] * count)
        if is_read:
            assert await asked == [None] * count
        else:
            with pytest.raises(EndpointFailure, match=f"longer than {3 * FRAME_BYTES} bytes"):
                await asked


async def test_errors_of_a_batch_whatever_the_status() -> None:
    body = '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches are not taken"}}'
    node = Node(behaviour=plain(body, 400))
    async with running(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        assert await endpoint.ask_many([NUMBER] * 2) == [NO_BATCHES, NO_BATCHES]
        node.behaviour = plain("[]", 500)
        with pytest.raises(EndpointFailure, match="status 500"):
            await endpoint.ask_many([NUMBER] * 2)


@pytest.mark.parametrize("count", [0, MAX_BATCH + 1])
async def test_batches_have_a_bound(count: int) -> None:
    node = Node(results={"eth_blockNumber": "0x5"})
    async with running(node), open_http() as http:
        with pytest.raises(RuntimeError, match=f"1 to {MAX_BATCH} requests"):
            await Endpoint(http, node.url).ask_many([NUMBER] * count)
    assert node.requests == 0


async def test_errors_with_a_status_of_their_own_leave_the_other_answers_alone() -> None:
    async def behave(_request: web.Request, asked: Any) -> web.StreamResponse:
        refusal = {"code": -32614, "message": "eth_getLogs is limited to a 10,000 range"}
        answers = [{"id": asked[0]["id"], "result": "0x5"}, {"id": asked[1]["id"], "error": refusal}]
        return web.json_response(answers, status=413)

    node = Node(behaviour=behave)
    async with running(node), open_http() as http:
        assert await Endpoint(http, node.url).ask_many([NUMBER, Request("eth_getLogs")]) == [
            Result("0x5"),
            RpcError(-32614, "eth_getLogs is limited to a 10,000 range"),
        ]
