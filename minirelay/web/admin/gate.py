"""Who is let in at the operator's TCP listener (spec 09): its session cookie, or the bearer token.

The socket in the data directory has no gate: whoever may open that may operate the relay.
"""

import hashlib
import hmac
import logging
import math
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from minirelay.web.admin.callers import LOGGED_IN, WITH_TOKEN, note_caller
from minirelay.web.admin.errors import failure
from minirelay.web.admin.login_tries import LoginTries
from minirelay.web.admin.origins import (
    SAFE_METHODS,
    comes_from_elsewhere,
    is_from_this_machine,
    is_own_host,
    is_same_origin,
)
from minirelay.web.admin.page import is_for_people, visitor_page
from minirelay.web.admin.sessions import AdminSession, AdminSessions

log = logging.getLogger(__name__)

LOGIN: Final = "/login"
METRICS: Final = "/metrics"
CSRF_HEADER: Final = "X-CSRF-Token"
_BEARER: Final = "Bearer "
_COOKIE: Final = "minirelay-admin"

FOREIGN_HOST: Final = "this is not the name of what listens here; use 127.0.0.1 or localhost"
FOREIGN_PAGE: Final = "another site's page may not ask this"
NO_CSRF: Final = f"what changes something needs the header {CSRF_HEADER}, with what /v1/session gives"
NOT_LET_IN: Final = "log in with the link that `minirelay admin` prints"
TOO_MANY_TRIES: Final = "too many logins failed; wait a little"

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On each answer; a handler may set one differently."""


class Gate:
    """Lets requests in, or answers why not."""

    def __init__(
        self,
        host: str,
        token: str | None,
        sessions: AdminSessions,
        clock: Callable[[], float],
        port: int,
    ) -> None:
        """host: that of `admin_listen`. token: of `admin_token_file`, None for none. port: listened on.

        clock: monotonic, in seconds.
        """
        self._host = host
        self._token_hash = None if token is None else _hash(token)
        self._sessions = sessions
        # Any page can have a browser here open wrong links: that must not keep out who has the token.
        self._token_tries, self._link_tries = LoginTries(clock), LoginTries(clock)
        # Cookies know no ports: two relays on one machine would log each other out.
        self.cookie_name = f"{_COOKIE}-{port}"

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer who is not let in; let all others through."""
        refused = self._refusal(request)
        return await handler(request) if refused is None else refused

    async def add_headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Set what each answer says to browsers (a signal of the application's)."""
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)

    def session_of(self, request: web.Request) -> AdminSession | None:
        """Find the session that a request's cookie names."""
        cookie = request.cookies.get(self.cookie_name)
        return None if cookie is None else self._sessions.find(cookie)

    def refuse_link(self, request: web.Request, words: str) -> web.Response:
        """Take note of a link that is none (any more), and make the answer."""
        slowed = _slow_down(request, self._link_tries)
        if slowed is not None:
            return slowed
        _note_failure(request, self._link_tries, "link")
        return failure(403, words)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if not is_own_host(request, self._host):
            return failure(403, FOREIGN_HOST)
        if comes_from_elsewhere(request):
            return failure(403, FOREIGN_PAGE)
        if request.path == LOGIN:
            return None
        if "Authorization" in request.headers:
            return self._check_token(request)
        if request.path == METRICS and is_from_this_machine(request):
            return None
        return self._check_session(request)

    def _check_token(self, request: web.Request) -> web.Response | None:
        slowed = _slow_down(request, self._token_tries)
        if slowed is not None:
            return slowed
        given = _hash(request.headers["Authorization"].removeprefix(_BEARER))
        if self._token_hash is not None and hmac.compare_digest(given, self._token_hash):
            note_caller(request, WITH_TOKEN)
            return None
        _note_failure(request, self._token_tries, "token")
        return failure(401, "this is not the token of admin_token_file")

    def _check_session(self, request: web.Request) -> web.Response | None:
        session = self.session_of(request)
        if session is None:
            return visitor_page(401) if is_for_people(request) else failure(401, NOT_LET_IN)
        if request.method not in SAFE_METHODS:
            if not is_same_origin(request):
                return failure(403, FOREIGN_PAGE)
            if not hmac.compare_digest(_hash(request.headers.get(CSRF_HEADER, "")), _hash(session.csrf)):
                return failure(403, NO_CSRF)
        note_caller(request, LOGGED_IN)
        return None


def _slow_down(request: web.Request, tries: LoginTries) -> web.Response | None:
    """Make the answer to an address that failed too often; None for all others."""
    wait_s = tries.wait_s(request.remote or "")
    if not wait_s:
        return None
    response = failure(429, TOO_MANY_TRIES)
    response.headers["Retry-After"] = str(math.ceil(wait_s))
    return response


def _note_failure(request: web.Request, tries: LoginTries, how: str) -> None:
    tries.note_failure(request.remote or "")
    log.warning("a login to the operator's page failed", extra={"address": request.remote, "with": how})


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
