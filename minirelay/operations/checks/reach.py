"""Whether the relay is reached under base_url from here: an answer, and a WebSocket through the proxy."""

import aiohttp

from minirelay.config.urls import BaseUrl
from minirelay.operations.checks.result import Line, Result, fail, ok, warn
from minirelay.operations.connection_failure import describe_failure
from minirelay.protocol.json_rpc import printable
from minirelay.protocol.paths import HEALTH_PATH, SESSIONS_PATH

TIMEOUT_S = 6.0
_MOST_BYTES = 1024
_OTHER_SERVER = "another server answers there: point base_url, or the proxy, at this relay"


async def check_base_url(base_url: BaseUrl, *, is_running: bool) -> list[Result]:
    """Ask for `/health`, then for a WebSocket. is_running: whether a relay runs here, as far as is known."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        reached = await _ask_health(http, base_url, is_running=is_running)
        if reached.verdict != "ok":
            return [reached]
        return [reached, await _ask_websocket(http, base_url)]


async def _ask_health(http: aiohttp.ClientSession, base_url: BaseUrl, *, is_running: bool) -> Result:
    try:
        async with http.get(f"{base_url}{HEALTH_PATH}", allow_redirects=False) as answer:
            body = await answer.content.read(_MOST_BYTES)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _not_reached(base_url, error, is_running=is_running)
    return judge_health(base_url, answer.status, body.decode("utf-8", "replace"))


def judge_health(base_url: BaseUrl, status: int, text: str) -> Result:
    """Say whether it is a relay that answered `/health`."""
    if text.startswith("health OK") and status == 200:
        return ok(Line.BASE_URL, f"{base_url} answers")
    if text.startswith("health "):
        return fail(Line.BASE_URL, f"{base_url}: {printable(text[:100])}", "see the relay's log")
    if 300 <= status < 400:
        return fail(Line.BASE_URL, f"{base_url} leads elsewhere (HTTP {status})", "set base_url to that URL")
    if status in (502, 503, 504):
        return fail(
            Line.BASE_URL,
            f"the proxy of {base_url} does not reach the relay (HTTP {status})",
            "start the relay, and compare listen_host and listen_port with the proxy's settings",
        )
    return fail(Line.BASE_URL, f"{base_url} is no relay (HTTP {status})", _OTHER_SERVER)


def _not_reached(base_url: BaseUrl, error: Exception, *, is_running: bool) -> Result:
    is_silent = isinstance(error, TimeoutError)
    reason = f"no answer within {TIMEOUT_S:g} s" if is_silent else printable(describe_failure(error))
    text = f"{base_url} is not reached from here: {reason}"
    if not is_running:
        return warn(Line.BASE_URL, text, "start the relay (minirelay serve), then run this again")
    if is_silent:
        remedy = "try it from elsewhere: some routers don't lead back in; else look at firewall and DNS"
        return warn(Line.BASE_URL, text, remedy)
    return fail(Line.BASE_URL, text, "look at DNS, certificate, firewall, and whether the proxy runs")


async def _ask_websocket(http: aiohttp.ClientSession, base_url: BaseUrl) -> Result:
    url = f"{base_url}{SESSIONS_PATH}"
    try:
        async with http.ws_connect(url, max_msg_size=_MOST_BYTES):
            return ok(Line.WEBSOCKET, "sessions can be opened")
    except aiohttp.WSServerHandshakeError as error:
        return judge_handshake(base_url, error.status)
    except (aiohttp.ClientError, OSError) as error:
        return fail(
            Line.WEBSOCKET,
            f"no session can be opened: {printable(describe_failure(error))}",
            "look at the proxy",
        )


def judge_handshake(base_url: BaseUrl, status: int) -> Result:
    """Say what kept a WebSocket from being opened. status: of HTTP, in place of 101."""
    if status in (429, 503):
        return warn(Line.WEBSOCKET, f"the relay takes no further session now (HTTP {status})", "see limits.*")
    return fail(
        Line.WEBSOCKET,
        f"{base_url} answers a request for a WebSocket with HTTP {status}",
        "let the proxy pass Upgrade and Connection on (docs/install.md has examples)",
    )
