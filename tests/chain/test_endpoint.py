"""One endpoint: exchanges bounded in time and size, and how long a failing one is left alone."""

from datetime import UTC, datetime

import pytest

from minirelay.chain import endpoint as endpoint_module
from minirelay.chain.endpoint import LONGEST_REST_S, LONGEST_WISH_S, Endpoint, Rest, open_http, retry_after
from minirelay.chain.errors import EndpointFailure, NodeRefused
from minirelay.config_types import EndpointUrl
from tests.chain.nodes import Behaviour, Node, drop, endless, error, plain, running, silent


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


async def test_answers_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "MAX_ANSWER_BYTES", 3 * 2**20)
    await failure(endless, "longer than 3145728 bytes")


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
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_rests_grow_up_to_a_bound() -> None:
    rest, now, rests = Rest(), 100.0, []
    for _ in range(10):
        rest.begin(now, EndpointFailure("x"), now, 1.0)
        rests.append(rest.left(now))
        now += rest.left(now)
        assert rest.left(now) == 0
    assert rests == [1, 2, 4, 8, 16, 32, 64, LONGEST_REST_S, LONGEST_REST_S, LONGEST_REST_S]


def test_rests_vary_by_half() -> None:
    short, long = Rest(), Rest()
    short.begin(0.0, EndpointFailure("x"), 0.0, 0.0)
    long.begin(0.0, EndpointFailure("x"), 0.0, 1.0)
    assert (short.left(0.0), long.left(0.0)) == (0.5, 1.0)


def test_a_wish_is_honoured_if_it_is_longer() -> None:
    rest = Rest()
    rest.begin(0.0, EndpointFailure("x", 30.0), 0.0, 1.0)
    assert rest.left(0.0) == 30
    rest = Rest()
    rest.begin(0.0, EndpointFailure("x", 0.1), 0.0, 1.0)
    assert rest.left(0.0) == 1


def test_what_was_under_way_when_it_failed_does_not_count_again() -> None:
    rest = Rest()
    for asked_at in (5.0, 6.0, 7.0):
        rest.begin(10.0, EndpointFailure("x"), asked_at, 1.0)
    assert rest.left(10.0) == 1
    rest.begin(11.0, EndpointFailure("x"), 11.0, 1.0)
    assert rest.left(11.0) == 2


def test_working_again_ends_the_rest() -> None:
    rest = Rest()
    for _ in range(5):
        rest.begin(0.0, EndpointFailure("x"), 0.0, 1.0)
    rest.end()
    assert rest.left(0.0) == 0
    assert rest.reason == ""
    rest.begin(0.0, EndpointFailure("y"), 0.0, 1.0)
    assert (rest.left(0.0), rest.reason) == (1, "y")
