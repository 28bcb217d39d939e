"""Whether a price may be used that is far from the last one (spec 07 "Prices").

A glitch of the source would be an offer that binds for a day. So what is far away is used only when the
source has stayed near it for a while.
"""

from enum import Enum, auto
from fractions import Fraction
from typing import Final

import msgspec

STAYS_WITHIN: Final = Fraction(5, 100)
STAYS_S: Final = 600
"""So near, and so long, the source has to stay to be believed."""

LONGEST_GAP_S: Final = 180
"""A price that was not looked at for longer has not stayed anywhere, as far as is known."""


class Candidate(msgspec.Struct, frozen=True):
    """A price far from the accepted one. since, seen: when it was met first and last, epoch seconds."""

    price: Fraction
    since: int
    seen: int


class GuardedPrice(msgspec.Struct, frozen=True):
    """The last accepted price, and the one that may take its place."""

    accepted: Fraction
    candidate: Candidate | None = None


class Verdict(Enum):
    """What becomes of a price."""

    ACCEPTED = auto()
    REFUSED = auto()
    JUMPED = auto()
    """Refused, and the first of its kind: somebody should know."""


def judge_price(
    before: GuardedPrice | None, price: Fraction, now: int, most_change: Fraction
) -> tuple[GuardedPrice, Verdict]:
    """Judge a price that was read now. most_change: how far it may be from the accepted one, of that.

    before: None if none was accepted yet: then any is.
    """
    if before is None or _is_within(price, before.accepted, most_change):
        return GuardedPrice(price), Verdict.ACCEPTED
    old = before.candidate
    if old is None or now - old.seen > LONGEST_GAP_S or not _is_within(price, old.price, STAYS_WITHIN):
        return GuardedPrice(before.accepted, Candidate(price, now, now)), Verdict.JUMPED
    if now - old.since >= STAYS_S:
        return GuardedPrice(price), Verdict.ACCEPTED
    return GuardedPrice(before.accepted, Candidate(old.price, old.since, now)), Verdict.REFUSED


def accept_by_hand(guard: GuardedPrice | None, price: Fraction) -> GuardedPrice | None:
    """Return the guard once a person has accepted what it holds back; None if that is not near this price."""
    held = None if guard is None else guard.candidate
    if held is None or not _is_within(held.price, price, STAYS_WITHIN):
        return None
    return GuardedPrice(held.price)


def _is_within(price: Fraction, other: Fraction, share: Fraction) -> bool:
    return abs(price - other) <= other * share
