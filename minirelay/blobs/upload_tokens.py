"""Leave to upload: a token is good for one upload, for one shop, for an hour (spec 08, "Blobs")."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from minirelay.errors import invalid
from minirelay.protocol.paths import UPLOAD_PATH

TTL_S: Final = 3600.0
TOKEN_BYTES: Final = 32
"""256 random bits."""

MOST_TOKENS: Final = 65_536
"""Of all sessions together."""


class UploadToken(msgspec.Struct, frozen=True, gc=False):
    """Leave for one upload. card, shop: row ids. expires_at: on the tokens' clock."""

    card: int
    shop: int
    expires_at: float


class UploadTokens:
    """The tokens that are unused; they survive no restart."""

    def __init__(self, base_url: str, per_card: int, clock: Callable[[], float]) -> None:
        """base_url: of the relay. per_card: unused ones that a key card, and so its session, may have.

        clock: monotonic, in seconds.
        """
        self.base_url = base_url
        self._per_card = per_card
        self._clock = clock
        # In the order in which they expire, since all last equally long.
        self._issued: OrderedDict[str, UploadToken] = OrderedDict()
        self._counts: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._issued)

    def issue_url(self, card: int, shop: int) -> str:
        """Make a token, and the URL to upload to. card, shop: row ids. Raises Refusal for too many."""
        return f"{self.base_url}{UPLOAD_PATH}?token={self.issue(card, shop)}"

    def issue(self, card: int, shop: int) -> str:
        """Make a token, URL-safe. card, shop: row ids. Raises Refusal INVALID if there are too many."""
        self._drop_expired()
        if self._counts.get(card, 0) >= self._per_card:
            raise invalid(
                f"{self._per_card} upload URLs of this session are unused; use them, or wait an hour"
            )
        if len(self._issued) >= MOST_TOKENS:
            raise invalid("too many upload URLs are unused here; try again later")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._issued[token] = UploadToken(card, shop, self._clock() + TTL_S)
        self._counts[card] = self._counts.get(card, 0) + 1
        return token

    def find(self, token: str) -> UploadToken | None:
        """Look a token up; None for one that is unknown, used or expired."""
        self._drop_expired()
        return self._issued.get(token)

    def take(self, token: str) -> UploadToken | None:
        """Use a token up; None as `find`."""
        self._drop_expired()
        issued = self._issued.pop(token, None)
        if issued is None:
            return None
        self._uncount(issued.card)
        return issued

    def _drop_expired(self) -> None:
        now = self._clock()
        while self._issued:
            token, issued = next(iter(self._issued.items()))
            if issued.expires_at > now:
                return
            del self._issued[token]
            self._uncount(issued.card)

    def _uncount(self, card: int) -> None:
        count = self._counts.pop(card) - 1
        if count:
            self._counts[card] = count
