"""Token buckets, client addresses, the ceiling on sessions."""

import msgspec
import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from aiohttp.test_utils import make_mocked_request

from minirelay.config import LimitSettings
from minirelay.config_types import Network
from minirelay.web.limits import (
    Doorkeeper,
    NoRoom,
    TokenBuckets,
    TooManyRequests,
    client_address,
    retry_after,
)
from tests.web.edge import SETTINGS, Backend, serving

PROXIES = (Network.parse("10.0.0.0/8"), Network.parse("fd00::/8"))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, 3, clock=clock)
    for _ in range(3):
        buckets.take("a")
    with pytest.raises(TooManyRequests) as error:
        buckets.take("a")
    assert error.value.retry_after_s == pytest.approx(0.5)
    clock.now += 0.25
    with pytest.raises(TooManyRequests) as error:
        buckets.take("a")
    assert error.value.retry_after_s == pytest.approx(0.25)
    clock.now += 0.25
    buckets.take("a")
    with pytest.raises(TooManyRequests):
        buckets.take("a")


def test_a_bucket_holds_no_more_than_the_burst() -> None:
    clock = Clock()
    buckets = TokenBuckets(10, 2, clock=clock)
    buckets.take("a")
    clock.now += 1_000_000
    buckets.take("a")
    buckets.take("a")
    with pytest.raises(TooManyRequests):
        buckets.take("a")


def test_clients_have_buckets_of_their_own() -> None:
    buckets = TokenBuckets(1, 1, clock=Clock())
    buckets.take("a")
    buckets.take("b")
    with pytest.raises(TooManyRequests):
        buckets.take("a")


def test_memory_is_bounded_and_the_quietest_is_forgotten() -> None:
    buckets = TokenBuckets(1, 1, clock=Clock(), max_clients=3)
    for name in "abc":
        buckets.take(name)
    with pytest.raises(TooManyRequests):
        buckets.take("a")
    buckets.take("d")
    assert len(buckets) == 3
    with pytest.raises(TooManyRequests):
        buckets.take("a")
    buckets.take("b")
    for number in range(100):
        buckets.take(str(number))
    assert len(buckets) == 3


def test_rate_zero_is_no_limit() -> None:
    buckets = TokenBuckets(0, 1, clock=Clock())
    for _ in range(100):
        buckets.take("a")
    assert len(buckets) == 0


def test_retry_after_is_whole_seconds_rounded_up() -> None:
    assert [retry_after(seconds) for seconds in (0.0, 0.2, 1.0, 1.01, 60)] == ["1", "1", "1", "2", "60"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7, 10.2.3.4"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9,10.9.9.9", "10.2.3.4"], "203.0.113.9"),
        ("10.0.0.1", ["10.5.5.5"], "10.5.5.5"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8:0::1"], "2001:db8::1"),
        ("10.0.0.1", ["rubbish"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, rubbish"], "10.0.0.1"),
        ("10.0.0.1", ["rubbish, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, , 10.1.1.1"], "10.1.1.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("fd00::1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("fe80::1%eth0", [], "fe80::1"),
        (None, ["198.51.100.7"], "unknown"),
        ("", [], "unknown"),
    ],
)
def test_client_address(peer: str | None, forwarded: list[str], expected: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == expected


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert client_address("10.0.0.1", ["198.51.100.7"], ()) == "10.0.0.1"


def test_sessions_have_a_ceiling() -> None:
    doorkeeper = Doorkeeper(LimitSettings(max_sessions=2), (), Clock())
    request = make_mocked_request("GET", "/v4/sessions")
    with doorkeeper.session(request):
        with doorkeeper.session(request):
            with pytest.raises(NoRoom), doorkeeper.session(request):
                raise AssertionError("there was room")
            assert doorkeeper.open_sessions == 2
        with doorkeeper.session(request):
            assert doorkeeper.open_sessions == 2
    assert doorkeeper.open_sessions == 0


def test_a_session_that_fails_gives_its_place_back() -> None:
    doorkeeper = Doorkeeper(LimitSettings(max_sessions=1), (), Clock())
    request = make_mocked_request("GET", "/v4/sessions")
    with pytest.raises(KeyError), doorkeeper.session(request):
        raise KeyError
    assert doorkeeper.open_sessions == 0


async def refusal(client: ClientSession, **headers: str) -> tuple[int, str | None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(WSServerHandshakeError) as error:
        await client.ws_connect("/v4/sessions", headers=named)
    assert error.value.headers is not None
    assert error.value.headers["Access-Control-Allow-Origin"] == "*"
    return error.value.status, error.value.headers.get("Retry-After")


async def test_too_many_connections_of_one_address() -> None:
    limits = LimitSettings(connection_rate=0.1, connection_burst=2)
    settings = msgspec.structs.replace(SETTINGS, limits=limits, trusted_proxies=(Network.parse("127.0.0.1"),))
    async with serving(settings=settings) as client:
        for _ in range(2):
            async with client.ws_connect("/v4/sessions"):
                pass
        status, wait = await refusal(client)
        assert status == 429
        assert wait is not None
        assert 5 <= int(wait) <= 10
        async with client.ws_connect("/v4/sessions", headers={"X-Forwarded-For": "198.51.100.7"}):
            pass
        async with client.get("/health") as response:
            assert response.status == 200


async def test_too_many_sessions() -> None:
    backend = Backend()
    settings = msgspec.structs.replace(SETTINGS, limits=LimitSettings(max_sessions=1))
    async with serving(backend, settings) as client, client.ws_connect("/v4/sessions"):
        assert await refusal(client) == (503, "5")
        assert len(backend.lobby.connections) == 1
