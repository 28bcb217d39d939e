"""How much a stranger may ask for: token buckets and places by client address (spec 01, 05)."""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from aiohttp import web

from minirelay.config.limits import LimitSettings
from minirelay.errors import MinirelayError
from minirelay.web.client_address import FORWARDED, ClientAddresses, counted_as
from minirelay.web.refusals import Refusals, Refused

NO_ROOM_RETRY_S: Final = 5.0


class TooManyRequests(MinirelayError):
    """A client asks too often, or has too much at a time. retry_after_s: when it may ask again."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("too many requests from this address; try again later")
        self.retry_after_s = retry_after_s


class NoRoom(MinirelayError):
    """The relay has as many sessions as it may have."""

    def __init__(self) -> None:
        super().__init__("this relay has no room for another session; try again later")
        self.retry_after_s = NO_ROOM_RETRY_S


class TokenBuckets:
    """A token bucket for each client, in bounded memory."""

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float], max_clients: int) -> None:
        """rate: tokens per second, 0 for no limit. burst: what a full bucket holds. clock: in seconds.

        max_clients: beyond it, the one that was quiet for longest is forgotten.
        """
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._max_clients = max_clients
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str) -> None:
        """Take a token. Raises TooManyRequests if there is none."""
        if not self._rate:
            return
        now = self._clock()
        tokens, since = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        is_refused = tokens < 1
        self._buckets[client] = (tokens if is_refused else tokens - 1, now)
        if len(self._buckets) > self._max_clients:
            self._buckets.popitem(last=False)
        if is_refused:
            raise TooManyRequests((1 - tokens) / self._rate)


class Places:
    """What each client has at a time. A client that has nothing is not remembered."""

    def __init__(self, most: int) -> None:
        """most: of one client, 0 for no limit."""
        self._most = most
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, client: str) -> None:
        """Take a place. Raises TooManyRequests if there is none."""
        if self._most and self._taken[client] >= self._most:
            raise TooManyRequests(NO_ROOM_RETRY_S)
        self._taken[client] += 1

    def give_back(self, client: str) -> None:
        """Give a place back."""
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]


class AdmissionLimiter:
    """Lets clients' requests in, or doesn't."""

    def __init__(
        self,
        limits: LimitSettings,
        addresses: ClientAddresses,
        refusals: Refusals,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.open_sessions = 0
        self._max_sessions = limits.max_sessions
        self._addresses = addresses
        self._refusals = refusals
        buckets = partial(TokenBuckets, clock=clock, max_clients=limits.remembered_addresses)
        self._new_sessions = buckets(limits.connection_rate, limits.connection_burst)
        self._enrolments = buckets(limits.enrolment_rate, limits.enrolment_burst)
        self._sessions = Places(limits.sessions_per_address)
        self._forwarded = Places(limits.connections_per_address)

    @contextmanager
    def request(self, request: web.Request) -> Iterator[None]:
        """Hold the place of a request that a trusted proxy forwards: its own connections aren't counted.

        Raises TooManyRequests.
        """
        client = self._addresses.of(request)
        if not self._is_forwarded(request, client):
            yield
            return
        with self._held(self._forwarded, request, client, Refused.REQUESTS_OF_ADDRESS):
            yield

    @contextmanager
    def session(self, request: web.Request) -> Iterator[None]:
        """Hold the place of a session. Raises TooManyRequests, NoRoom."""
        client = self._addresses.of(request)
        self._take(self._new_sessions, request, client, Refused.SESSION_RATE)
        if self.open_sessions >= self._max_sessions:
            self._refusals.note(Refused.SESSIONS, client)
            raise NoRoom
        with self._held(self._sessions, request, client, Refused.SESSIONS_OF_ADDRESS):
            self.open_sessions += 1
            try:
                yield
            finally:
                self.open_sessions -= 1

    def check_enrolment(self, request: web.Request) -> None:
        """Count an enrolment. Raises TooManyRequests."""
        self._take(self._enrolments, request, self._addresses.of(request), Refused.ENROLMENT_RATE)

    def note_missing_upgrade(self, request: web.Request) -> None:
        """Count a request for a session that is no WebSocket's."""
        self._refusals.note(Refused.NO_UPGRADE, self._addresses.of(request))

    def _is_forwarded(self, request: web.Request, client: str) -> bool:
        is_proxy = self._addresses.is_trusted
        return FORWARDED in request.headers and is_proxy(request.remote or "") and not is_proxy(client)

    @contextmanager
    def _held(self, places: Places, request: web.Request, client: str, what: Refused) -> Iterator[None]:
        if self._addresses.is_trusted(client):
            # A proxy that does not say whom it asks for would be one client for all.
            yield
            return
        self._take(places, request, client, what)
        try:
            yield
        finally:
            places.give_back(counted_as(client))

    def _take(self, source: TokenBuckets | Places, request: web.Request, client: str, what: Refused) -> None:
        try:
            source.take(counted_as(client))
        except TooManyRequests:
            self._note(what, request, client)
            raise

    def _note(self, what: Refused, request: web.Request, client: str) -> None:
        self._refusals.note(what, client)
        if FORWARDED in request.headers and not self._addresses.is_trusted(request.remote or ""):
            self._refusals.note_forwarding(client)


def retry_after(seconds: float) -> str:
    """Write a Retry-After header: whole seconds, at least one."""
    return str(max(1, math.ceil(seconds)))
