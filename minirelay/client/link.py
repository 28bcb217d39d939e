"""A client's way to its relay: the present connection, authenticated or not, and getting another one."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import aiohttp
from yarl import URL

from minirelay.client.connection import Connection
from minirelay.client.errors import (
    ClientError,
    ConnectionLost,
    RelayMisbehaved,
    RelayRefused,
    RelayUnreachable,
)
from minirelay.errors import Code
from minirelay.protocol.envelope import AuthenticateRequest, ChallengeSolvedRequest
from minirelay.protocol.signing import CHALLENGE_BYTES, PrivateKey


@dataclass(frozen=True, slots=True)
class Backoff:
    """A growing wait, so that a relay that comes back is not trampled down.

    first_s, most_s: the first wait and the longest, in seconds. factor: what each is longer than the one
    before. jitter: how much of each wait is left to chance, from 0 to 1. attempts: after so many give up;
    None: never.
    """

    first_s: float = 0.2
    most_s: float = 30.0
    factor: float = 2.0
    jitter: float = 0.5
    attempts: int | None = None

    def waits(self, random: Random) -> Iterator[float]:
        """Yield the wait, in seconds, after each failed attempt; it ends when it is time to give up."""
        wait_s = self.first_s
        failed = 0
        while self.attempts is None or failed + 1 < self.attempts:
            failed += 1
            yield wait_s * (1 - self.jitter * random.random())
            wait_s = min(wait_s * self.factor, self.most_s)


UNKNOWN_CARD: Final = (
    "this relay knows no such key card: enrol it, or see whether relay and key card are of the same run"
)
STEADY_S: Final = 5.0
"""A connection that lived longer than this was a good one: waits begin anew."""

PASSING_STATUSES: Final = frozenset({429, 502, 503, 504})
"""Too many connections; a relay, or a proxy before it, that is starting."""


class RelayLink:
    """Keeps one connection. It connects again only when it is asked to."""

    def __init__(
        self, url: URL, shop_id: int, key_card: PrivateKey | None, backoff: Backoff, heartbeat_s: float | None
    ) -> None:
        """url: of the session endpoint. For the rest, see `RelayClient`."""
        self._url = url
        self._shop_id = shop_id
        self._key_card = key_card
        self._backoff = backoff
        self._heartbeat_s = heartbeat_s
        self._random = Random()  # noqa: S311  (spreads attempts, guards nothing)
        self._waits = backoff.waits(self._random)
        self._http: aiohttp.ClientSession | None = None
        self._connection: Connection | None = None
        self._connected_at = 0.0
        self._member: Connection | None = None
        self._is_to_authenticate = False
        self._reconnecting = asyncio.Lock()
        self._closed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """Return whether `close` was called."""
        return self._closed.is_set()

    @property
    def is_authenticated(self) -> bool:
        """Return whether the present connection is open and authenticated."""
        return self._member is not None and self._member is self._connection and self._member.is_open

    def is_member_of(self, shop_id: int) -> bool:
        """Return whether the present session is authenticated, in this shop."""
        return self.is_authenticated and shop_id == self._shop_id

    async def open(self, http: aiohttp.ClientSession) -> None:
        """Connect for the first time. Raises RelayUnreachable."""
        self._http = http
        await self._connect()

    async def close(self) -> None:
        """Close for good."""
        self._closed.set()
        if self._connection is not None:
            await self._connection.close()

    def connection(self) -> Connection:
        """Return the present connection; once authenticated, only one that is. Raises ConnectionLost."""
        connection = self.any_connection()
        if self._is_to_authenticate and not self.is_authenticated:
            raise ConnectionLost("there is a new connection, but it is not authenticated yet")
        return connection

    def any_connection(self) -> Connection:
        """Return the connection there is, authenticated or not. Raises ConnectionLost if there is none."""
        if self._connection is None:
            raise ConnectionLost("not connected yet")
        self._connection.check()
        return self._connection

    async def authenticate(self) -> None:
        """Prove to the relay that this is the key card's device, now and after each reconnection.

        Raises RelayRefused (NOT_FOUND: not enrolled; ALREADY_CONNECTED), ConnectionLost.
        """
        if self._key_card is None:
            raise ClientError("a visitor can't authenticate: connect with a key card")
        connection = self.any_connection()
        challenge = await self._ask_for_challenge(connection, self._key_card.public_key)
        # Never sign what may be more than a challenge: the header of a patch set is signed in the same way.
        if len(challenge) != CHALLENGE_BYTES:
            raise connection.hang_up(f"the relay's challenge has {len(challenge)} bytes")
        await connection.request(ChallengeSolvedRequest(self._key_card.sign(challenge)))
        self._member = connection
        self._is_to_authenticate = True

    async def _ask_for_challenge(self, connection: Connection, public_key: bytes) -> bytes:
        try:
            return await connection.request(AuthenticateRequest(public_key))
        except RelayRefused as refused:
            if refused.code != Code.NOT_FOUND:
                raise
            raise RelayRefused(refused.code, refused.message, refused.object_id, UNKNOWN_CARD) from refused

    async def reconnect(self) -> None:
        """Connect again, with growing waits, and authenticate again if that was done before.

        Returns at once if there is nothing to do. Several callers share one attempt. Raises what won't pass
        by waiting (RelayRefused other than ALREADY_CONNECTED, RelayMisbehaved, HTTP errors other than 429
        and 502 to 504), the last error when the back-off gives up, ConnectionLost if the client is closed
        meanwhile.
        """
        async with self._reconnecting:
            if self._is_fine():
                return
            if asyncio.get_running_loop().time() - self._connected_at > STEADY_S:
                self._waits = self._backoff.waits(self._random)
            else:
                await self._pause(ConnectionLost("the connection does not last"))
            while not self.is_closed:
                try:
                    await self._restore()
                except (RelayUnreachable, ConnectionLost, RelayRefused) as error:
                    if not _may_pass(error):
                        raise
                    await self._pause(error)
                else:
                    return
            raise ConnectionLost("the client was closed")

    async def _pause(self, error: ClientError) -> None:
        wait_s = next(self._waits, None)
        if wait_s is None:
            self._waits = self._backoff.waits(self._random)
            raise error
        if isinstance(error, RelayUnreachable) and error.retry_after_s is not None:
            wait_s = max(wait_s, min(error.retry_after_s, self._backoff.most_s))
        try:
            async with asyncio.timeout(wait_s):
                await self._closed.wait()
        except TimeoutError:
            return

    def _is_fine(self) -> bool:
        if self._connection is None or not self._connection.is_open:
            return False
        return self.is_authenticated or not self._is_to_authenticate

    async def _restore(self) -> None:
        if self._connection is None or not self._connection.is_open:
            await self._connect()
        if self._is_to_authenticate and not self.is_authenticated:
            await self.authenticate()

    async def _connect(self) -> None:
        if self._http is None:
            raise ConnectionLost("not connected yet")
        connection = await Connection.open(self._http, self._url, self._heartbeat_s)
        if self.is_closed:
            await connection.close()
            raise ConnectionLost("the client was closed")
        self._connection = connection
        self._connected_at = asyncio.get_running_loop().time()


def _may_pass(error: ClientError) -> bool:
    if isinstance(error, RelayRefused):
        # The relay has not noticed yet that the earlier connection is gone.
        return error.code == Code.ALREADY_CONNECTED
    if isinstance(error, RelayUnreachable):
        return error.status is None or error.status in PASSING_STATUSES
    return not isinstance(error, RelayMisbehaved)
