"""One endpoint: exchanges bounded in time and size, and how long a failing one is left alone."""

from datetime import UTC, datetime

import pytest

from minirelay.chain.answer_bounds import FRAME_BYTES
from minirelay.chain.endpoint import (
    LONGEST_BACKOFF_S,
    LONGEST_WISH_S,
    Backoff,
    Endpoint,
    open_http,
    retry_after,
)
from minirelay.chain.errors import EndpointFailure, NodeRefused
from minirelay.config.values import EndpointUrl
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


async def ask(behaviour: Behaviour, timeout_s: float = 5.0) -> object:
    node = Node(behaviour=behaviour)
    async with running(node), open_http() as http:
        return await Endpoint(http, node.url, timeout_s=timeout_s).ask("eth_blockNumber", ())


async def failure(behaviour: Behaviour, match: str, timeout_s: float = 5.0) -> EndpointFailure:
    with pytest.raises(EndpointFailure, match=match) as caught:
        await ask(behaviour, timeout_s)
    assert "KEY" not in str(caught.value)
    return caught.value


async def test_an_answer() -> None:
    node = Node(results={"eth_blockNumber": "0x5"})
    async with running(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        assert await endpoint.ask("eth_blockNumber", ()) == "0x5"
        assert await endpoint.ask("eth_blockNumber", ["latest"]) == "0x5"
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
        with pytest.raises(EndpointFailure, match="connection failed") as caught:
            await Endpoint(http, node.url).ask("eth_blockNumber", ())
    assert "KEY" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://no.such.host.invalid/KEY", "http://127.0.0.1:1/KEY", "http://a..b/KEY"]
)
async def test_hosts_that_are_none(url: str) -> None:
    async with open_http() as http:
        with pytest.raises(EndpointFailure) as caught:
            await Endpoint(http, EndpointUrl(url)).ask("eth_blockNumber", ())
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
        question = Endpoint(http, node.url).ask("eth_call", (), data_bytes)
        if is_read:
            assert await question == result
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
            await Endpoint(http, node.url, timeout_s=1.0).ask("eth_blockNumber", ())
    assert "KEY" not in str(caught.value)


# -- connections that were closed while they were idle


async def test_a_kept_connection_that_was_closed_is_asked_again_on_a_fresh_one() -> None:
    """The endpoint closes each connection when the second question comes, without a word."""
    node = RawNode([RIGHT, b""])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        for _ in range(5):
            assert await endpoint.ask("eth_blockNumber", ()) == "0x7"


async def test_a_transaction_is_sent_again_too() -> None:
    node = RawNode([RIGHT, b""])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        for _ in range(2):
            assert await endpoint.ask("eth_sendRawTransaction", ["0x02"]) == "0x7"
    assert node.requests == 3


@pytest.mark.parametrize("is_pooled", [True, False])
async def test_once_more_and_not_twice(is_pooled: bool) -> None:
    node = RawNode([RIGHT, b""] if is_pooled else [b""])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        if is_pooled:
            await endpoint.ask("eth_blockNumber", ())
            node.script = [b""]
        with pytest.raises(EndpointFailure, match="connection failed"):
            await endpoint.ask("eth_blockNumber", ())
    # One request on the connection that was kept, if there was one, and one on a fresh one.
    assert node.connections == (2 if is_pooled else 1)
    assert node.requests == (3 if is_pooled else 1)


@pytest.mark.parametrize("part", [b"H", HEAD, HEAD + b"Content-Length: 5\r\n\r\n"])
async def test_an_answer_that_has_begun_is_not_asked_for_again(part: bytes) -> None:
    node = RawNode([RIGHT, part])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url)
        await endpoint.ask("eth_blockNumber", ())
        with pytest.raises(EndpointFailure, match="connection failed"):
            await endpoint.ask("eth_blockNumber", ())
    assert node.connections == 1


async def test_the_second_attempt_is_bounded_in_time_too() -> None:
    node = RawNode([RIGHT, b""])
    async with running_raw(node), open_http() as http:
        endpoint = Endpoint(http, node.url, timeout_s=0.3)
        await endpoint.ask("eth_blockNumber", ())
        node.script = [SILENCE]
        with pytest.raises(EndpointFailure, match=r"no answer within 0\.3 s"):
            await endpoint.ask("eth_blockNumber", ())


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
    with pytest.raises(NodeRefused, match="execution reverted"):
        await ask(error(3, "execution reverted", status))


async def test_a_result_with_an_error_status_is_none() -> None:
    await failure(plain('{"jsonrpc":"2.0","id":1,"result":"0x1"}', 500), "status 500")


NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("0", 0),
        (" 20 ", 20),
        ("9" * 400, LONGEST_WISH_S),
        ("Sun, 01 Jun 2025 12:00:30 GMT", 30),
        ("Sun, 01 Jun 2025 11:00:00 GMT", 0),
        ("Sun, 01 Jun 2035 12:00:30 GMT", LONGEST_WISH_S),
        ("Sun, 01 Jun 2025 12:00:30 -0000", 30),
        ("Sun, 99 Jun 2025 12:00:30 GMT", None),
        ("٣", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 9999 00:00:00 GMT", LONGEST_WISH_S),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST_WISH_S),
        ("Sun, 01 Jun 2025 12:00:30 GMT" + " " * 50 + "GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_rests_grow_up_to_a_bound() -> None:
    rest, now, rests = Backoff(), 100.0, []
    for _ in range(10):
        rest.begin(now, EndpointFailure("x"), now, 1.0)
        rests.append(rest.left(now))
        now += rest.left(now)
        assert rest.left(now) == 0
    assert rests == [1, 2, 4, 8, 16, 32, 64, LONGEST_BACKOFF_S, LONGEST_BACKOFF_S, LONGEST_BACKOFF_S]


def test_rests_vary_by_half() -> None:
    short, long = Backoff(), Backoff()
    short.begin(0.0, EndpointFailure("x"), 0.0, 0.0)
    long.begin(0.0, EndpointFailure("x"), 0.0, 1.0)
    assert (short.left(0.0), long.left(0.0)) == (0.5, 1.0)


def test_a_wish_is_honoured_if_it_is_longer() -> None:
    rest = Backoff()
    rest.begin(0.0, EndpointFailure("x", 30.0), 0.0, 1.0)
    assert rest.left(0.0) == 30
    rest = Backoff()
    rest.begin(0.0, EndpointFailure("x", 0.1), 0.0, 1.0)
    assert rest.left(0.0) == 1


def test_what_was_under_way_when_it_failed_does_not_count_again() -> None:
    rest = Backoff()
    for asked_at in (5.0, 6.0, 7.0):
        rest.begin(10.0, EndpointFailure("x"), asked_at, 1.0)
    assert rest.left(10.0) == 1
    rest.begin(11.0, EndpointFailure("x"), 11.0, 1.0)
    assert rest.left(11.0) == 2


def test_working_again_ends_the_rest() -> None:
    rest = Backoff()
    for _ in range(5):
        rest.begin(0.0, EndpointFailure("x"), 0.0, 1.0)
    rest.end()
    assert rest.left(0.0) == 0
    assert rest.reason == ""
    rest.begin(0.0, EndpointFailure("y"), 0.0, 1.0)
    assert (rest.left(0.0), rest.reason) == (1, "y")
