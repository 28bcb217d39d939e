"""One post to the webhook: bounded in time, and in what is read of the answer (spec 09 "Alerts")."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from typing import Final

import aiohttp
import msgspec

from minirelay import __version__
from minirelay.chain.backoff import retry_after
from minirelay.chain.plain_http import only_private
from minirelay.config.urls import EndpointUrl
from minirelay.errors import MinirelayError
from minirelay.operations.connection_failure import describe_failure
from minirelay.operations.webhook_signature import HEADER, sign

_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"minirelay/{__version__}",
}


class WebhookFailure(MinirelayError):
    """A post was not taken. wish_s: for how long the receiver wants to be left alone."""

    def __init__(self, reason: str, wish_s: float = 0.0) -> None:
        """reason: in words, without the URL and the secret."""
        super().__init__(reason)
        self.wish_s = wish_s


class WebhookAnswer(msgspec.Struct, frozen=True):
    """What a receiver answered. body: how it begins, as far as that was asked for.

    wish_s: see WebhookFailure.
    """

    status: int
    body: bytes
    wish_s: float

    @property
    def is_taken(self) -> bool:
        """Return whether the receiver has the event now. A redirect is no such answer, and not followed."""
        return 200 <= self.status < 300


class WebhookPoster:
    """Posts events to one URL."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: EndpointUrl,
        secret: bytes,
        now: Callable[[], datetime],
        *,
        timeout_s: float,
    ) -> None:
        """http: from `chain.endpoint.open_http`. now: the time that is signed. timeout_s: of one post."""
        self.name = url.shown
        self._http = http
        self._url = url
        self._secret = secret
        self._now = now
        self._timeout_s = timeout_s

    async def post(self, body: bytes) -> None:
        """Post an event; the answer's body is not read. Raises WebhookFailure if it is not taken."""
        answer = await self.ask(body, 0)
        if not answer.is_taken:
            raise WebhookFailure(f"HTTP status {answer.status}", answer.wish_s)

    async def ask(self, body: bytes, most_bytes: int) -> WebhookAnswer:
        """Post an event; return what is answered, whatever that is. Raises WebhookFailure without an answer.

        most_bytes: of the answer's body to read.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(body, most_bytes)
        except TimeoutError as error:
            raise WebhookFailure(f"no answer within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Not the error's own text: it may hold the URL, and with it a key.
            raise WebhookFailure(f"the connection failed ({describe_failure(error)})") from error

    async def _exchange(self, body: bytes, most_bytes: int) -> WebhookAnswer:
        headers = {**_HEADERS, HEADER: sign(self._secret, int(self._now().timestamp()), body)}
        with only_private() if self._url.is_plain else nullcontext():
            response = await self._http.post(self._url, data=body, headers=headers, allow_redirects=False)
        # What is not read of a body is not waited for: its connection is closed.
        async with response:
            wish_s = retry_after(response.headers.get("Retry-After")) or 0.0
            return WebhookAnswer(response.status, await _begin_of(response, most_bytes), wish_s)


async def _begin_of(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    begin = b""
    while len(begin) < most_bytes and (more := await response.content.read(most_bytes - len(begin))):
        begin += more
    return begin
