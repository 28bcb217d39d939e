"""One JSON-RPC endpoint: an HTTP exchange, bounded in time and size, and how long to leave it alone."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from types import SimpleNamespace

import aiohttp

from minirelay.chain.answer_bounds import most_bytes
from minirelay.chain.errors import EndpointFailure
from minirelay.chain.json_rpc import encode_request, read_answer
from minirelay.config.values import EndpointUrl

TIMEOUT_S = 10.0
FIRST_REST_S = 1.0
LONGEST_BACKOFF_S = 120.0
LONGEST_WISH_S = 3600.0

_TOO_MANY_REQUESTS = 429
_DATE_CHARACTERS = 64
# An answer that expands without a bound could not be stopped in time, so none is to be compressed.
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


def open_http() -> aiohttp.ClientSession:
    """Open the HTTP session over which all endpoints are asked; whoever opens it closes it."""
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[tracing]
    )


class _Connection:
    """What is known of the connection that a request used."""

    def __init__(self) -> None:
        self.is_reused = False


async def _note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    if isinstance(context.trace_request_ctx, _Connection):
        context.trace_request_ctx.is_reused = True


class Endpoint:
    """One endpoint of a chain."""

    def __init__(
        self, http: aiohttp.ClientSession, url: EndpointUrl, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        """http: from `open_http`."""
        self.name = url.shown
        self._http = http
        self._url = url
        self._timeout_s = timeout_s
        self._ids = count(1)

    async def ask(self, method: str, params: Sequence[object], data_bytes: int = 0) -> object:
        """Ask one question. Gives the result; raises EndpointFailure, NodeRefused.

        data_bytes: the most that a call may return.
        """
        request_id = next(self._ids)
        request = encode_request(request_id, method, params)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(request, request_id, most_bytes(method, data_bytes))
        except TimeoutError as error:
            raise EndpointFailure(f"no answer within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Not the error's own text: it may hold the URL, and with it the provider's key.
            raise EndpointFailure(f"the connection failed ({type(error).__name__})") from error

    async def _exchange(self, request: bytes, request_id: int, longest: int) -> object:
        connection = _Connection()
        try:
            response = await self._post(self._http, request, connection)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not connection.is_reused or not _is_before_any_byte(error):
                raise
            # The endpoint had closed it while it was idle, which says nothing about the endpoint. Whatever is
            # asked may be asked twice: a transaction too is the same one, by its hash.
            async with open_http() as fresh:
                return await _read(await self._post(fresh, request, _Connection()), request_id, longest)
        return await _read(response, request_id, longest)

    async def _post(
        self, http: aiohttp.ClientSession, request: bytes, connection: _Connection
    ) -> aiohttp.ClientResponse:
        return await http.post(
            self._url, data=request, headers=_HEADERS, allow_redirects=False, trace_request_ctx=connection
        )


def _is_before_any_byte(error: aiohttp.ClientConnectionError) -> bool:
    """Say whether a connection ended before anything of an answer came, as far as aiohttp knows."""
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)


async def _read(response: aiohttp.ClientResponse, request_id: int, longest: int) -> object:
    async with response:
        wish_s = retry_after(response.headers.get("Retry-After"))
        if response.status == _TOO_MANY_REQUESTS:
            raise EndpointFailure("too many requests", wish_s)
        if response.status == 200:
            return read_answer(await _read_bounded(response, longest), request_id)
        # Some nodes send JSON-RPC errors, reverts among them, with an HTTP status of 400 or 500.
        with suppress(EndpointFailure):
            read_answer(await _read_bounded(response, longest), request_id)
        raise EndpointFailure(f"HTTP status {response.status}", wish_s)


async def _read_bounded(response: aiohttp.ClientResponse, longest: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > longest:
            raise EndpointFailure(f"the answer is longer than {longest} bytes")
    return bytes(body)


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Read a Retry-After header (RFC 9110, section 10.2.3): seconds to wait, or None without a usable one."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), LONGEST_WISH_S)
    if len(text) > _DATE_CHARACTERS:
        return None
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    wait_s = (then - (now or datetime.now(UTC))).total_seconds()
    return min(max(wait_s, 0.0), LONGEST_WISH_S)


class Backoff:
    """How long to leave a failing endpoint alone: longer with each failure in a row."""

    def __init__(self) -> None:
        self.reason = ""
        self._failures = 0
        self._until = float("-inf")

    def left(self, now: float) -> float:
        """Say how many seconds are left; 0 when it may be asked. now: monotonic."""
        return max(0.0, self._until - now)

    def begin(self, now: float, failure: EndpointFailure, asked_at: float, jitter: float) -> None:
        """Let it rest. asked_at: when it was asked. jitter: between 0 and 1, random.

        What was under way when it failed already and fails too does not count again.
        """
        self.reason = str(failure)
        if asked_at < self._until:
            return
        self._failures += 1
        rest_s = min(FIRST_REST_S * 2 ** min(self._failures - 1, 16), LONGEST_BACKOFF_S) * (0.5 + jitter / 2)
        self._until = now + max(rest_s, failure.retry_after_s or 0.0)

    def end(self) -> None:
        """Note that it works."""
        self.reason = ""
        self._failures = 0
        self._until = float("-inf")
