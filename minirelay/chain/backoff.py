"""How long a failing endpoint is left alone: longer with each failure, and at least as long as it wants."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from minirelay.chain.errors import EndpointFailure

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 120.0
LONGEST_WISH_S = 3600.0

_DATE_CHARACTERS = 64


class Backoff:
    """How long to leave a failing endpoint alone: longer with each failure in a row."""

    def __init__(self) -> None:
        self.reason = ""
        self._failures = 0
        self._until = float("-inf")
        self._trusted_at = float("-inf")

    def left(self, now: float) -> float:
        """Return how many seconds are left; 0 when it may be asked. now: monotonic."""
        return max(0.0, self._until - now)

    def begin(
        self, now: float, failure: EndpointFailure, asked_at: float, jitter: float, *, answers: bool = False
    ) -> None:
        """Let it rest. asked_at: when it was asked. jitter: between 0 and 1, random.

        What was under way when it failed already and fails too does not count again. answers: it does answer,
        but wrong, so that its next answer alone does not mean that it works.
        """
        self.reason = str(failure)
        if asked_at < self._until:
            return
        self._failures += 1
        pause_s = min(FIRST_BACKOFF_S * 2 ** min(self._failures - 1, 16), LONGEST_BACKOFF_S) * (
            0.5 + jitter / 2
        )
        rest_s = max(pause_s, failure.retry_after_s or 0.0)
        self._until = now + rest_s
        self._trusted_at = self._until + rest_s if answers else float("-inf")

    def end(self, now: float) -> None:
        """Note that it answers."""
        if now < self._until < self._trusted_at:
            # To what was under way when it was found to answer wrong.
            return
        self.reason = ""
        if now >= self._trusted_at:
            self._failures = 0
            self._until = float("-inf")


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
