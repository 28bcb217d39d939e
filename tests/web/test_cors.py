"""Cross-origin requests: any origin, on every endpoint, in errors too."""

import msgspec
import pytest
from aiohttp import ClientSession, web

from minirelay.web.app import create_app
from tests.web.edge import SETTINGS, Backend, serving

DEVELOPMENT = msgspec.structs.replace(SETTINGS, development=True)
EXPOSED = "Content-Range, Content-Length, ETag, Retry-After"


def endpoints() -> list[tuple[str, str]]:
    """List what the application really has, so that nothing new is forgotten."""
    app = create_app(DEVELOPMENT, Backend().services())
    return sorted(
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if isinstance(route.resource, web.Resource)
    )


def assert_open(headers: "dict[str, str]") -> None:
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Expose-Headers"] == EXPOSED
    assert "Access-Control-Allow-Credentials" not in headers


async def ask(client: ClientSession, method: str, path: str) -> tuple[int, dict[str, str]]:
    async with client.request(method, path, headers={"Origin": "https://shop.example"}) as response:
        return response.status, dict(response.headers)


def test_the_application_has_the_endpoints() -> None:
    paths = {path for _, path in endpoints()}
    assert {"/", "/health", "/v4/sessions", "/v4/enroll_key_card", "/testing/discovery"} <= paths


@pytest.mark.parametrize(("method", "path"), [*endpoints(), ("GET", "/nothing"), ("DELETE", "/health")])
async def test_every_answer_may_be_read_by_any_page(method: str, path: str) -> None:
    async with serving(settings=DEVELOPMENT) as client:
        _, headers = await ask(client, method, path)
    assert_open(headers)


@pytest.mark.parametrize("path", sorted({path for _, path in endpoints()}))
async def test_preflights_are_answered(path: str) -> None:
    async with serving(settings=DEVELOPMENT) as client:
        status, headers = await ask(client, "OPTIONS", path)
    assert status == 204
    assert_open(headers)
    assert headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST, OPTIONS"
    assert headers["Access-Control-Allow-Headers"] == "Content-Type, Range, If-None-Match"


async def test_own_faults_may_be_read_too() -> None:
    async with serving(Backend(probe=_fail)) as client:
        status, headers = await ask(client, "GET", "/health")
    assert status == 500
    assert_open(headers)


async def _fail() -> None:
    raise RuntimeError("a bug")


async def test_the_websocket_upgrade_too() -> None:
    async with serving() as client, client.ws_connect("/v4/sessions") as socket:
        assert_open(dict(socket._response.headers))
