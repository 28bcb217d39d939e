"""Logging in to the operator's listener: a link that works once becomes a session (spec 09)."""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

from aiohttp import web

from minirelay.operations.operator import OperatorError
from minirelay.web.admin.gate import LOGIN, Gate
from minirelay.web.admin.page import visitor_page, wants_page
from minirelay.web.admin.sessions import LINK_S, SESSION_S, AdminSessions

log = logging.getLogger(__name__)

LINKS: Final = "/v1/login-links"
SESSION: Final = "/v1/session"
LOGOUT: Final = "/v1/logout"
LISTENER_OFF: Final = 'the operator\'s listener is off; set admin_listen, "127.0.0.1:4445" say'
LINK_USED: Final = "this link was used or is too old; `minirelay admin` prints another one"

# What was opened from elsewhere gets no strict cookie along, a page of our own that goes on does.
_GO_ON: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>minirelay</title>
<meta http-equiv="refresh" content="0; url=/"><p><a href="/">Go on to the operator's page</a></p></html>
"""


class LoginLinks:
    """Makes links to log in with."""

    def __init__(self, sessions: AdminSessions, url: str | None) -> None:
        """url: of the listener, None if it is off."""
        self._sessions = sessions
        self.url = url

    def make(self) -> str:
        """Make a link that works once, for LINK_S. Raises OperatorError if nothing listens."""
        if self.url is None:
            raise OperatorError(LISTENER_OFF)
        return f"{self.url}{LOGIN}?token={self._sessions.make_link()}"


class LoginLinksApi:
    """Makes links for whoever can open the data directory: `{"url": "http://…", "expires_in_s": 300}`."""

    def __init__(self, links: LoginLinks) -> None:
        self._links = links

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.post(LINKS, self._make)]

    async def _make(self, _request: web.Request) -> web.Response:
        return web.json_response({"url": self._links.make(), "expires_in_s": int(LINK_S)})


class LoginApi:
    """Takes links, and says what a session needs to know."""

    def __init__(self, sessions: AdminSessions, gate: Gate, extras: Sequence[str] = ()) -> None:
        """extras: names of the parts of the page that not each relay has."""
        self._sessions = sessions
        self._gate = gate
        self._extras = list(extras)

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [
            web.get(LOGIN, self._log_in, allow_head=False),
            web.get(SESSION, self._tell),
            web.post(LOGOUT, self._log_out),
        ]

    async def _log_in(self, request: web.Request) -> web.Response:
        # Whoever has failed before: nobody guesses a link, and its owner may have tried old ones.
        login = self._sessions.log_in(request.query.get("token", ""))
        if login is None:
            refused = self._gate.refuse_link(request, LINK_USED)
            is_told = refused.status == 403 and wants_page(request)
            return visitor_page(403, is_link_used=True) if is_told else refused
        log.info("the operator logged in", extra={"address": request.remote})
        response = web.Response(text=_GO_ON, content_type="text/html")
        response.set_cookie(
            self._gate.cookie_name,
            login.cookie,
            max_age=int(SESSION_S),
            httponly=True,
            samesite="Strict",
            path="/",
        )
        return response

    async def _tell(self, request: web.Request) -> web.Response:
        session = self._gate.session_of(request)
        csrf, ends_in_s = None, None
        if session is not None:
            csrf, ends_in_s = session.csrf, int(self._sessions.left_s(session))
        return web.json_response({"csrf": csrf, "ends_in_s": ends_in_s, "extras": self._extras})

    async def _log_out(self, request: web.Request) -> web.Response:
        self._sessions.log_out(request.cookies.get(self._gate.cookie_name, ""))
        response = web.json_response({})
        response.del_cookie(self._gate.cookie_name, httponly=True, samesite="Strict", path="/")
        return response
