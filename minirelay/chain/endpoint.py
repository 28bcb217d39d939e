"""One JSON-RPC endpoint: HTTP exchanges, bounded in time and size."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Final, TypeVar

import aiohttp

from minirelay.chain.backoff import retry_after
from minirelay.chain.batch_size import MAX_BATCH
from minirelay.chain.bounded_answers import BoundedConnector
from minirelay.chain.errors import (
    AnswerTooLong,
    EndpointFailure,
    NoAnswerInTime,
    RateLimited,
    UnusableAnswer,
)
from minirelay.chain.plain_http import PublicAddress, only_private
from minirelay.config.urls import EndpointUrl
from minirelay.errors import MalformedInput
from minirelay.protocol.json_rpc import (
    Answer,
    Request,
    RpcError,
    decode_answer,
    decode_batch,
    encode_batch,
    encode_request,
    most_bytes_of_batch,
)

A = TypeVar("A")

TIMEOUT_S: Final = 10.0

_TOO_MANY_REQUESTS: Final = 429
# An answer that expands without a bound could not be stopped in time, so none is to be compressed.
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


def open_http() -> aiohttp.ClientSession:
    """Open the HTTP session over which all endpoints are asked; the caller closes it."""
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=BoundedConnector(),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[tracing],
    )


def http_endpoints(
    urls: Sequence[EndpointUrl],
    http: aiohttp.ClientSession,
    *,
    timeout_s: float = TIMEOUT_S,
    allows_plain: bool = False,
) -> list["Endpoint"]:
    """Make the endpoints of a chain. http: from `open_http`; stays open as long as they are used.

    allows_plain: plain http may go to public addresses, too.
    """
    return [Endpoint(http, url, timeout_s=timeout_s, allows_plain=allows_plain) for url in urls]


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
        self,
        http: aiohttp.ClientSession,
        url: EndpointUrl,
        *,
        timeout_s: float = TIMEOUT_S,
        allows_plain: bool = False,
    ) -> None:
        """http: from `open_http`. allows_plain: see `http_endpoints`."""
        self.name = url.shown
        self._http = http
        self._url = url
        self._timeout_s = timeout_s
        self._is_private = url.is_plain and not allows_plain
        self._next_id = 1

    async def ask(self, request: Request) -> Answer:
        """Ask one question. Raises EndpointFailure."""
        request_id = self._take_ids(1)
        (answer,) = await self._exchange(
            encode_request(request_id, request),
            request.most_bytes,
            lambda body: [decode_answer(body, request_id)],
        )
        return answer

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | None]:
        """Ask up to MAX_BATCH questions in one exchange. Gives the answers in their order.

        None for what is left unanswered: endpoints answer batches partly, or refuse them as a whole, which is
        an error for each then. Raises EndpointFailure.
        """
        if not 0 < len(requests) <= MAX_BATCH:
            raise RuntimeError(f"a batch has 1 to {MAX_BATCH} requests, not {len(requests)}")
        first_id = self._take_ids(len(requests))
        return await self._exchange(
            encode_batch(first_id, requests),
            most_bytes_of_batch(requests),
            lambda body: decode_batch(body, first_id, len(requests)),
        )

    def _take_ids(self, count: int) -> int:
        first = self._next_id
        self._next_id += count
        return first

    async def _exchange(self, request: bytes, longest: int, decode: Callable[[bytes], list[A]]) -> list[A]:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(request, longest, decode)
        except TimeoutError as error:
            raise NoAnswerInTime(f"no answer within {self._timeout_s:g} s") from error
        except MalformedInput as error:
            raise UnusableAnswer(f"its answer can't be used: {error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Not the error's own text: it may hold the URL, and with it the provider's key.
            raise EndpointFailure(f"the connection failed ({_reason(error)})") from error

    async def _post(self, request: bytes, longest: int, decode: Callable[[bytes], list[A]]) -> list[A]:
        connection = _Connection()
        try:
            response = await self._post_over(self._http, request, connection)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not connection.is_reused or not _is_before_any_byte(error):
                raise
            # The endpoint had closed it while it was idle, which says nothing about the endpoint. Whatever is
            # asked may be asked twice: a transaction too is the same one, by its hash.
            async with open_http() as fresh:
                return await _read(await self._post_over(fresh, request, _Connection()), longest, decode)
        return await _read(response, longest, decode)

    async def _post_over(
        self, http: aiohttp.ClientSession, request: bytes, connection: _Connection
    ) -> aiohttp.ClientResponse:
        with only_private() if self._is_private else nullcontext():
            return await http.post(
                self._url, data=request, headers=_HEADERS, allow_redirects=False, trace_request_ctx=connection
            )


def _reason(error: Exception) -> str:
    """Return in words why a connection failed, without any of the error's own text."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, PublicAddress):
        return str(cause)
    if isinstance(cause, socket.gaierror):
        return "the host's name can't be resolved"
    # Not for TLS: its numbers are not the system's.
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno:
        return os.strerror(cause.errno)
    return type(error).__name__


def _is_before_any_byte(error: aiohttp.ClientConnectionError) -> bool:
    """Return whether a connection ended before anything of an answer came, as far as aiohttp knows."""
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)


async def _read(
    response: aiohttp.ClientResponse, longest: int, decode: Callable[[bytes], list[A]]
) -> list[A]:
    async with response:
        wish_s = retry_after(response.headers.get("Retry-After"))
        if response.status == _TOO_MANY_REQUESTS:
            raise RateLimited("too many requests", wish_s)
        if response.status == 200:
            return _with_wish(decode(await _read_bounded(response, longest)), wish_s)
        # Some nodes send JSON-RPC errors, reverts among them, with an HTTP status of 400 or 500.
        failure = EndpointFailure(f"HTTP status {response.status}", wish_s)
        try:
            answers = decode(await _read_bounded(response, longest))
        except (UnusableAnswer, MalformedInput) as error:
            raise UnusableAnswer(str(failure), wish_s) from error
        if any(isinstance(answer, RpcError) for answer in answers):
            return _with_wish(answers, wish_s)
        raise failure


def _with_wish(answers: list[A], wish_s: float | None) -> list[A]:
    """Note on errors what the answer's head says: rate limits come with a status of 200 too."""
    if wish_s is None:
        return answers
    return [
        replace(one, retry_after_s=wish_s) if isinstance(one, RpcError) and one.retry_after_s is None else one
        for one in answers
    ]


async def _read_bounded(response: aiohttp.ClientResponse, longest: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > longest:
            raise AnswerTooLong(f"the answer is longer than {longest} bytes")
    return bytes(body)
