"""Who is logged in to the operator's page: links that work once, and sessions (spec 09).

Tokens are known by their hashes only: what is compared is no secret, and what is in memory opens nothing.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LINK_S: Final = 300.0
SESSION_S: Final = 12 * 3600.0
MOST_LINKS: Final = 16
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Login:
    """A session that has just begun. cookie: its secret. csrf: what requests that change something say."""

    cookie: str
    csrf: str


@dataclass(frozen=True, slots=True)
class AdminSession:
    """A session. ends_at: on the clock of `AdminSessions`, in seconds."""

    csrf: str
    ends_at: float


class AdminSessions:
    """The links and sessions of one relay. All end with its process."""

    def __init__(self, clock: Callable[[], float], most: int) -> None:
        """clock: monotonic, in seconds. most: sessions at a time; one more ends the oldest."""
        self._clock = clock
        self._most = most
        # In the order in which they were made, and so in that of their ends.
        self._links: dict[bytes, float] = {}
        self._sessions: dict[bytes, AdminSession] = {}

    def __len__(self) -> int:
        self._forget_old()
        return len(self._sessions)

    def make_link(self) -> str:
        """Make a token that logs in once, within LINK_S."""
        self._forget_old()
        _make_room(self._links, MOST_LINKS)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._links[_hash(token)] = self._clock() + LINK_S
        return token

    def log_in(self, token: str) -> Login | None:
        """Begin a session with a link's token; None if it was used, is too old or was never given."""
        self._forget_old()
        if self._links.pop(_hash(token), None) is None:
            return None
        _make_room(self._sessions, self._most)
        login = Login(secrets.token_urlsafe(_TOKEN_BYTES), secrets.token_urlsafe(_TOKEN_BYTES))
        self._sessions[_hash(login.cookie)] = AdminSession(login.csrf, self._clock() + SESSION_S)
        return login

    def find(self, cookie: str) -> AdminSession | None:
        """Find the session of a cookie; None if there is none, or no more."""
        self._forget_old()
        return self._sessions.get(_hash(cookie))

    def left_s(self, session: AdminSession) -> float:
        """Return how long a session lasts yet."""
        return max(0.0, session.ends_at - self._clock())

    def log_out(self, cookie: str) -> None:
        """End a session."""
        self._sessions.pop(_hash(cookie), None)

    def _forget_old(self) -> None:
        now = self._clock()
        while self._links and next(iter(self._links.values())) <= now:
            del self._links[next(iter(self._links))]
        while self._sessions and next(iter(self._sessions.values())).ends_at <= now:
            del self._sessions[next(iter(self._sessions))]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _make_room(kept: "dict[bytes, float] | dict[bytes, AdminSession]", most: int) -> None:
    while len(kept) >= most:
        del kept[next(iter(kept))]
