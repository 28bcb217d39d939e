"""Token buckets, places by client, the ceiling on sessions."""

import asyncio
import logging
from contextlib import AsyncExitStack, nullcontext
from unittest.mock import Mock

import msgspec
import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from aiohttp.test_utils import make_mocked_request

from minirelay.config.limits import LimitSettings
from minirelay.config.networks import Network
from minirelay.config.settings import Settings
from minirelay.web.client_address import ClientAddresses
from minirelay.web.limits import (
    AdmissionLimiter,
    NoRoom,
    Places,
    TokenBuckets,
    TooManyRequests,
    retry_after,
)
from minirelay.web.refusals import Refusals
from tests.relay.house import TIMEOUT_S
from tests.web.edge import SETTINGS, Backend, serving


def limiter_with(limits: LimitSettings) -> AdmissionLimiter:
    clock = Clock()
    return AdmissionLimiter(limits, ClientAddresses(()), Refusals(clock), clock)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, 3, clock=clock, max_clients=9)
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
    buckets = TokenBuckets(10, 2, clock=clock, max_clients=9)
    buckets.take("a")
    clock.now += 1_000_000
    buckets.take("a")
    buckets.take("a")
    with pytest.raises(TooManyRequests):
        buckets.take("a")


def test_clients_have_buckets_of_their_own() -> None:
    buckets = TokenBuckets(1, 1, clock=Clock(), max_clients=9)
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
    buckets = TokenBuckets(0, 1, clock=Clock(), max_clients=9)
    for _ in range(100):
        buckets.take("a")
    assert len(buckets) == 0


def test_places_are_counted_by_client_and_forgotten() -> None:
    places = Places(2)
    for client in ("a", "a", "b"):
        places.take(client)
    with pytest.raises(TooManyRequests):
        places.take("a")
    places.give_back("a")
    places.take("a")
    assert len(places) == 2
    for client in ("a", "a", "b"):
        places.give_back(client)
    assert len(places) == 0


def test_no_limit_of_places() -> None:
    places = Places(0)
    for _ in range(1000):
        places.take("a")


def test_retry_after_is_whole_seconds_rounded_up() -> None:
    assert [retry_after(seconds) for seconds in (0.0, 0.2, 1.0, 1.01, 60)] == ["1", "1", "1", "2", "60"]


def test_sessions_have_a_ceiling() -> None:
    limiter = limiter_with(LimitSettings(max_sessions=2))
    request = make_mocked_request("GET", "/v4/sessions")
    with limiter.session(request):
        with limiter.session(request):
            with pytest.raises(NoRoom), limiter.session(request):
                raise AssertionError("there was room")
            assert limiter.open_sessions == 2
        with limiter.session(request):
            assert limiter.open_sessions == 2
    assert limiter.open_sessions == 0


@pytest.mark.parametrize(("remembered", "is_refused"), [(2, True), (1, False)])
def test_so_many_addresses_are_remembered(remembered: int, is_refused: bool) -> None:
    limits = LimitSettings(connection_rate=0.1, connection_burst=1, remembered_addresses=remembered)
    clock = Clock()
    addresses = ClientAddresses((Network.parse("127.0.0.1"),))
    limiter = AdmissionLimiter(limits, addresses, Refusals(clock), clock)

    def come_from(address: str) -> None:
        headers = {"X-Forwarded-For": address}
        transport = Mock(get_extra_info=lambda *_: ("127.0.0.1", 1))
        with limiter.session(make_mocked_request("GET", "/v4/sessions", headers, transport=transport)):
            pass

    come_from("198.51.100.1")
    come_from("198.51.100.2")
    with pytest.raises(TooManyRequests) if is_refused else nullcontext():
        come_from("198.51.100.1")


def test_a_session_that_fails_gives_its_place_back() -> None:
    limiter = limiter_with(LimitSettings(max_sessions=1))
    request = make_mocked_request("GET", "/v4/sessions")
    with pytest.raises(KeyError), limiter.session(request):
        raise KeyError
    assert limiter.open_sessions == 0


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


BEHIND_A_PROXY = (Network.parse("127.0.0.1"),)


def with_limits(*, behind_a_proxy: bool = True, **limits: float) -> Settings:
    return msgspec.structs.replace(
        SETTINGS,
        limits=msgspec.structs.replace(SETTINGS.limits, **limits),
        trusted_proxies=BEHIND_A_PROXY if behind_a_proxy else (),
    )


def from_address(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def test_an_ipv6_network_has_one_bucket() -> None:
    settings = with_limits(connection_burst=3, connection_rate=0.01)
    async with serving(settings=settings) as client:
        for number in range(3):
            async with client.ws_connect("/v4/sessions", headers=from_address(f"2001:db8::{number}:1")):
                pass
        status, _ = await refusal(client, X_Forwarded_For="2001:db8::ffff:2")
        assert status == 429
        async with client.ws_connect("/v4/sessions", headers=from_address("2001:db8:0:1::1")):
            pass


async def test_sessions_of_one_client_have_a_ceiling(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(settings=with_limits(sessions_per_address=2)) as client, AsyncExitStack() as open_ones:
        for number in range(2):
            headers = from_address(f"2001:db8::{number}")
            await open_ones.enter_async_context(client.ws_connect("/v4/sessions", headers=headers))
        assert await refusal(client, X_Forwarded_For="2001:db8::9") == (429, "5")
        for _ in range(3):
            # Others have their own, and a proxy that names nobody is not one client.
            for headers in (from_address("198.51.100.7"), {}):
                async with client.ws_connect("/v4/sessions", headers=headers):
                    pass
        await open_ones.aclose()
        async with client.ws_connect("/v4/sessions", headers=from_address("2001:db8::9")):
            pass
    (record,) = caplog.records
    assert "sessions_per_address" in record.getMessage()
    assert record.__dict__["last"] == "2001:db8::9"


async def test_what_a_proxy_forwards_is_counted_by_client() -> None:
    release = asyncio.Event()
    entered = asyncio.Event()

    async def probe() -> None:
        entered.set()
        await release.wait()

    settings = with_limits(connections_per_address=2)
    async with serving(Backend(probe=probe), settings) as client, asyncio.TaskGroup() as asking:
        asked = [asking.create_task(ask(client, "198.51.100.7", "/health")) for _ in range(2)]
        await asyncio.wait_for(entered.wait(), TIMEOUT_S)
        while (status := await ask(client, "198.51.100.7")) == 200:
            pass  # the second of these may not have come yet
        assert status == 429
        assert await ask(client, "198.51.100.8") == 200
        async with client.get("/") as response:
            assert response.status == 200
        release.set()
    assert [task.result() for task in asked] == [200, 200]


async def ask(client: ClientSession, address: str, path: str = "/") -> int:
    async with client.get(path, headers=from_address(address)) as response:
        return response.status


async def test_a_peer_that_is_probably_a_proxy_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    settings = with_limits(behind_a_proxy=False, sessions_per_address=1)
    async with serving(settings=settings) as client, client.ws_connect("/v4/sessions"):
        for _ in range(3):
            assert await refusal(client) == (429, "5")
        assert not naming(caplog)
        for number in range(3):
            assert await refusal(client, X_Forwarded_For=f"198.51.100.{number}") == (429, "5")
        (record,) = naming(caplog)
        assert record.__dict__["peer"] == "127.0.0.1"


def naming(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if "trusted_proxies" in record.getMessage()]
