"""The operator's TCP listener with something to ask and something to change behind its gate."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from minirelay.web.admin.app import create_admin_app
from minirelay.web.admin.callers import caller_of
from minirelay.web.admin.gate import METRICS, Gate
from minirelay.web.admin.login import LoginApi, LoginLinks
from minirelay.web.admin.sessions import AdminSessions
from tests.web.admin.clocks import Clock

TOKEN = "t" * 40


class ProbeApi:
    """Says who asks; counts what was changed."""

    def __init__(self) -> None:
        self.changes = 0

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/v1/probe", self._tell),
            web.post("/v1/probe", self._change),
            web.get(METRICS, self._tell),
        ]

    async def _tell(self, request: web.Request) -> web.Response:
        return web.json_response({"caller": caller_of(request)})

    async def _change(self, request: web.Request) -> web.Response:
        self.changes += 1
        return await self._tell(request)


@dataclass
class Gated:
    """A listener. client: a browser that keeps cookies and says nothing else by itself."""

    client: TestClient  # type: ignore[type-arg]
    links: LoginLinks
    gate: Gate
    probe: ProbeApi
    clock: Clock

    @property
    def origin(self) -> str:
        return str(self.client.make_url("/")).rstrip("/")

    async def log_in(self) -> str:
        """Follow a link; gives what requests that change something have to say."""
        async with self.client.get(self.links.make()) as answer:
            assert answer.status == 200
        async with self.client.get("/v1/session") as answer:
            csrf = (await answer.json())["csrf"]
        assert isinstance(csrf, str)
        return csrf


@asynccontextmanager
async def gated(token: str | None = TOKEN, most_sessions: int = 4) -> AsyncIterator[Gated]:
    clock = Clock()
    sessions = AdminSessions(clock, most_sessions)
    gate = Gate("127.0.0.1", token, sessions, clock, 4445)
    probe = ProbeApi()
    app = create_admin_app(probe, LoginApi(sessions, gate), gate=gate)
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Gated(client, LoginLinks(sessions, ""), gate, probe, clock)
