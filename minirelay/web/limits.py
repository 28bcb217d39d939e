"""How much a stranger may ask for: token buckets per client address, a ceiling on sessions (spec 01, 05)."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from aiohttp import web

from minirelay.config import LimitSettings
from minirelay.config_types import Network
from minirelay.errors import MinirelayError

MAX_CLIENTS: Final = 16_384
"""Addresses that a set of buckets remembers; the one that was quiet for longest is forgotten first."""

NO_ROOM_RETRY_S: Final = 5.0
_FORWARDED: Final = "X-Forwarded-For"

Address = IPv4Address | IPv6Address


class TooManyRequests(MinirelayError):
    """A client asks too often. retry_after_s: when it may ask again."""

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

    def __init__(
        self, rate: float, burst: int, *, clock: Callable[[], float], max_clients: int = MAX_CLIENTS
    ) -> None:
        """rate: tokens per second, 0 for no limit. burst: what a full bucket holds. clock: in seconds."""
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


class Doorkeeper:
    """Lets clients in, or doesn't."""

    def __init__(
        self,
        limits: LimitSettings,
        trusted_proxies: Sequence[Network],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """trusted_proxies: whose X-Forwarded-For is believed."""
        self.open_sessions = 0
        self._max_sessions = limits.max_sessions
        self._trusted = tuple(trusted_proxies)
        self._connections = TokenBuckets(limits.connection_rate, limits.connection_burst, clock=clock)
        self._enrolments = TokenBuckets(limits.enrolment_rate, limits.enrolment_burst, clock=clock)

    @contextmanager
    def session(self, request: web.Request) -> Iterator[None]:
        """Hold the place of a session. Raises TooManyRequests, NoRoom."""
        self._connections.take(self.client(request))
        if self.open_sessions >= self._max_sessions:
            raise NoRoom
        self.open_sessions += 1
        try:
            yield
        finally:
            self.open_sessions -= 1

    def check_enrolment(self, request: web.Request) -> None:
        """Count an enrolment. Raises TooManyRequests."""
        self._enrolments.take(self.client(request))

    def client(self, request: web.Request) -> str:
        """Name the client: its address, as far as it can be known."""
        return client_address(request.remote, request.headers.getall(_FORWARDED, ()), self._trusted)


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Give the peer's address, or what a trusted proxy says: the last hop that isn't a trusted proxy itself.

    forwarded: the X-Forwarded-For headers, in order. What is no address ends the chain of trust.
    """
    address = _parse(peer or "")
    if address is None:
        return peer or "unknown"
    hops = [hop for header in forwarded for hop in header.split(",")]
    while hops and any(address in network for network in trusted):
        hop = _parse(hops.pop())
        if hop is None:
            break
        address = hop
    return str(address)


def _parse(text: str) -> Address | None:
    """Read an address. Some proxies write the port too: 192.0.2.1:5000, [2001:db8::1]:5000."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def retry_after(seconds: float) -> str:
    """Write a Retry-After header: whole seconds, at least one."""
    return str(max(1, math.ceil(seconds)))
