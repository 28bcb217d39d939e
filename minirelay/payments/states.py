"""What becomes of a payment request by what is observed of it (spec 06 "What counts as paid", "Paid").

The table, as data. A line says for which states of the order and of its request a finding leads to which
state, and what is done then. Where no line fits, nothing changes.

    finding        order         request                                 then
    nothing there  any           short, seen                             waiting: hold
    some of it     unpaid, paid  waiting, short, seen                    short: hold, alert
    some of it     canceled      waiting, short, seen                    late: alert
    enough, young  any           waiting, short                          seen: hold
    enough         unpaid        waiting, short, seen, unproven          paid: settle
    enough         paid          waiting, short, seen, unproven          duplicate: alert
    enough         canceled      waiting, short, seen, unproven          late: alert
    enough         any           reverted                                paid: record
    too much       unpaid        waiting, short, seen, unproven          over: settle, alert
    too much       paid          waiting, short, seen, unproven          duplicate: alert
    too much       canceled      waiting, short, seen, unproven          late: alert
    too much       any           reverted                                over: record, alert
    too late       any           waiting, short, seen                    late: hold, alert
    no proof       any           waiting, short, seen, expired           unproven: hold, alert
    no proof       any           superseded, withdrawn                   the same: alert
    coins gone     unpaid        waiting, short, seen, unproven          unproven: renew, dead, hold, urgent
    tokens gone    unpaid        waiting, short, seen, unproven          short: renew, dead, hold, urgent
    time is over   any           waiting                                 expired: hold
    time is over   any           short, seen                             expired: hold, alert
    more money     any           expired                                 late: alert
    more money     any           duplicate, late, superseded, withdrawn  the same: alert
    more money     any           paid, over                              over: alert
    moved          any           paid, over                              the same: record
    vanished       any           paid, over                              reverted: alert
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from minirelay.shop.issued_requests import RequestState

TENTH: Final = 10
"""Less than this fraction of a total is shown, but nobody is told of it."""


class OrderStanding(StrEnum):
    """What money for an order can do: it settles it, or comes too late for one that is closed."""

    UNPAID = "unpaid"
    PAID = "paid"
    CANCELED = "canceled"


class Finding(StrEnum):
    """What an observation comes to, for a request as it is."""

    NOTHING = "nothing there"
    PART = "some of it"
    SEEN = "enough, young"
    ENOUGH = "enough"
    SURPLUS = "too much"
    LATE = "too late"
    UNPROVEN = "no proof"
    EMPTIED_COIN = "coins gone"
    EMPTIED_TOKEN = "tokens gone"  # noqa: S105  (no secret)
    TIME_OVER = "time is over"
    MORE = "more money"
    MOVED = "moved"
    GONE = "vanished"


class Effect(StrEnum):
    """What is done beside the change of state.

    SETTLE: the order is Paid. RECORD: its TxDetails are written again. RENEW: the order gets another request.
    DEAD: nobody is sent to the address any more. HOLD: the reservation's hold is looked at anew. URGENT: an
    alert that has no limit.
    """

    SETTLE = "settle"
    RECORD = "record"
    RENEW = "renew"
    DEAD = "dead"
    HOLD = "hold"
    ALERT = "alert"
    URGENT = "urgent"


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the money for a request at one moment; amounts in units of its currency.

    total: what it asks for. tolerance: per mille of it that may be missing. in_time: what came before its
    TTL, in whatever block. settled: of that, what is proven and deep enough. too_late: what came after.
    known: what was recorded before, in time or not. has_unproven: an event, not recorded before, that proves
    nothing, in a deep block. is_emptied: somebody swept the address, in a deep block, and what that proves is
    known. is_over: the TTL has passed, and the last look was taken. is_moved, is_gone: the block that paid it
    is not in the chain any more; the payment is in another one, or nowhere.
    """

    order: OrderStanding
    total: int
    is_token: bool
    tolerance: int = 0
    in_time: int = 0
    settled: int = 0
    too_late: int = 0
    known: int = 0
    has_unproven: bool = False
    is_emptied: bool = False
    is_over: bool = False
    is_moved: bool = False
    is_gone: bool = False

    @property
    def money(self) -> int:
        """All that was found."""
        return self.in_time + self.too_late

    def is_enough(self, amount: int) -> bool:
        """Return whether an amount counts as the total; nothing does only for an order that costs nothing."""
        if amount == 0:
            return self.total == 0 and self.order is OrderStanding.UNPAID
        return amount >= self.total - self.total * self.tolerance // 1000


class Rule(msgspec.Struct, frozen=True):
    """A line of the table. then: None where the state stays."""

    finding: Finding
    orders: frozenset[OrderStanding]
    states: frozenset[RequestState]
    then: RequestState | None
    effects: frozenset[Effect]


class Step(msgspec.Struct, frozen=True):
    """What becomes of a request."""

    state: RequestState
    effects: frozenset[Effect] = frozenset()


_WAITING, _SHORT, _SEEN = RequestState.WAITING, RequestState.SHORT, RequestState.SEEN
_PAID, _OVER, _DUPLICATE = RequestState.PAID, RequestState.OVER, RequestState.DUPLICATE
_EXPIRED, _LATE, _REVERTED = RequestState.EXPIRED, RequestState.LATE, RequestState.REVERTED
_SUPERSEDED, _WITHDRAWN = RequestState.SUPERSEDED, RequestState.WITHDRAWN
_UNPROVEN = RequestState.UNPROVEN

OPEN: Final = frozenset({_WAITING, _SHORT, _SEEN})
SETTLES: Final = OPEN | {_UNPROVEN}
"""Enough money for them settles their order."""
DONE: Final = frozenset({_PAID, _OVER})
"""They settled their order."""

CLOSED_BY_MONEY: Final = frozenset({_LATE, _DUPLICATE})
"""Money for them came when their order was closed."""

_ANY: Final = frozenset(OrderStanding)
_UNPAID_ORDER: Final = frozenset({OrderStanding.UNPAID})
_PAID_ORDER: Final = frozenset({OrderStanding.PAID})
_CANCELED_ORDER: Final = frozenset({OrderStanding.CANCELED})


def _rule(
    finding: Finding,
    orders: frozenset[OrderStanding],
    states: frozenset[RequestState],
    then: RequestState | None,
    *effects: Effect,
) -> Rule:
    return Rule(finding, orders, states, then, frozenset(effects))


_EMPTIED: Final = (Effect.DEAD, Effect.RENEW, Effect.HOLD, Effect.URGENT)

TABLE: Final[tuple[Rule, ...]] = (
    _rule(Finding.NOTHING, _ANY, frozenset({_SHORT, _SEEN}), _WAITING, Effect.HOLD),
    _rule(Finding.PART, _UNPAID_ORDER | _PAID_ORDER, OPEN, _SHORT, Effect.HOLD, Effect.ALERT),
    _rule(Finding.PART, _CANCELED_ORDER, OPEN, _LATE, Effect.ALERT),
    _rule(Finding.SEEN, _ANY, frozenset({_WAITING, _SHORT}), _SEEN, Effect.HOLD),
    _rule(Finding.ENOUGH, _UNPAID_ORDER, SETTLES, _PAID, Effect.SETTLE),
    _rule(Finding.ENOUGH, _PAID_ORDER, SETTLES, _DUPLICATE, Effect.ALERT),
    _rule(Finding.ENOUGH, _CANCELED_ORDER, SETTLES, _LATE, Effect.ALERT),
    _rule(Finding.ENOUGH, _ANY, frozenset({_REVERTED}), _PAID, Effect.RECORD),
    _rule(Finding.SURPLUS, _UNPAID_ORDER, SETTLES, _OVER, Effect.SETTLE, Effect.ALERT),
    _rule(Finding.SURPLUS, _PAID_ORDER, SETTLES, _DUPLICATE, Effect.ALERT),
    _rule(Finding.SURPLUS, _CANCELED_ORDER, SETTLES, _LATE, Effect.ALERT),
    _rule(Finding.SURPLUS, _ANY, frozenset({_REVERTED}), _OVER, Effect.RECORD, Effect.ALERT),
    _rule(Finding.LATE, _ANY, OPEN, _LATE, Effect.HOLD, Effect.ALERT),
    _rule(Finding.UNPROVEN, _ANY, OPEN | {_EXPIRED}, _UNPROVEN, Effect.HOLD, Effect.ALERT),
    _rule(Finding.UNPROVEN, _ANY, frozenset({_SUPERSEDED, _WITHDRAWN}), None, Effect.ALERT),
    _rule(Finding.EMPTIED_COIN, _UNPAID_ORDER, SETTLES, _UNPROVEN, *_EMPTIED),
    _rule(Finding.EMPTIED_TOKEN, _UNPAID_ORDER, SETTLES, _SHORT, *_EMPTIED),
    _rule(Finding.TIME_OVER, _ANY, frozenset({_WAITING}), _EXPIRED, Effect.HOLD),
    _rule(Finding.TIME_OVER, _ANY, frozenset({_SHORT, _SEEN}), _EXPIRED, Effect.HOLD, Effect.ALERT),
    _rule(Finding.MORE, _ANY, frozenset({_EXPIRED}), _LATE, Effect.ALERT),
    _rule(Finding.MORE, _ANY, frozenset({_LATE, _SUPERSEDED, _WITHDRAWN, _DUPLICATE}), None, Effect.ALERT),
    _rule(Finding.MORE, _ANY, DONE, _OVER, Effect.ALERT),
    _rule(Finding.MOVED, _ANY, DONE, None, Effect.RECORD),
    _rule(Finding.GONE, _ANY, DONE, _REVERTED, Effect.ALERT),
)


def _cells() -> Iterator[tuple[tuple[Finding, OrderStanding, RequestState], Step]]:
    for rule in TABLE:
        for order in rule.orders:
            for state in rule.states:
                yield (rule.finding, order, state), Step(rule.then or state, rule.effects)


TRANSITIONS: Final[Mapping[tuple[Finding, OrderStanding, RequestState], Step]] = dict(_cells())
"""The same by finding, order and state: where it is looked up."""


def step(state: RequestState, seen: Observation, *, is_dead: bool = False) -> Step:
    """Return what becomes of a request in a state. is_dead: its address was found dead before."""
    finding = find(state, seen, is_dead=is_dead)
    found = TRANSITIONS.get((finding, seen.order, state))
    if found is None:
        return Step(state)
    return msgspec.structs.replace(found, effects=_effects(found, state, finding, seen))


def find(state: RequestState, seen: Observation, *, is_dead: bool = False) -> Finding:
    """Return what an observation comes to for a request in a state."""
    if state in SETTLES:
        return _find_open(seen, is_dead=is_dead)
    if state in DONE:
        return _find_done(seen)
    if state is RequestState.REVERTED:
        return _enough(seen) or Finding.NOTHING
    is_more = seen.money > seen.known
    # What no rule is for must not hide money that comes at the same time, since that is recorded then.
    if seen.has_unproven and (state not in CLOSED_BY_MONEY or not is_more):
        return Finding.UNPROVEN
    return Finding.MORE if is_more else Finding.NOTHING


def _find_open(seen: Observation, *, is_dead: bool) -> Finding:
    if (enough := _enough(seen)) is not None:
        return enough
    if seen.is_emptied and not is_dead:
        return Finding.EMPTIED_TOKEN if seen.is_token else Finding.EMPTIED_COIN
    if seen.has_unproven:
        return Finding.UNPROVEN
    if seen.is_enough(seen.in_time):
        return Finding.SEEN
    if seen.too_late:
        return Finding.LATE
    if seen.is_over:
        return Finding.TIME_OVER
    return Finding.PART if seen.in_time else Finding.NOTHING


def _enough(seen: Observation) -> Finding | None:
    if not seen.is_enough(seen.settled):
        return None
    return Finding.SURPLUS if seen.settled > seen.total else Finding.ENOUGH


def _find_done(seen: Observation) -> Finding:
    if seen.is_gone:
        return Finding.GONE
    if seen.is_moved:
        return Finding.MOVED
    is_more = max(seen.settled, seen.money) > max(seen.known, seen.total)
    return Finding.MORE if is_more else Finding.NOTHING


def _effects(found: Step, before: RequestState, finding: Finding, seen: Observation) -> frozenset[Effect]:
    """Leave out the alert that says nothing new, make urgent the one that can't wait."""
    effects = found.effects
    if Effect.ALERT not in effects:
        return effects
    if found.state is RequestState.EXPIRED and not seen.money:
        return effects - {Effect.ALERT}
    if found.state is RequestState.SHORT and TENTH * seen.in_time < seen.total:
        return effects - {Effect.ALERT}
    is_new = found.state is not before or seen.money > seen.known or finding is Finding.UNPROVEN
    if not is_new:
        return effects - {Effect.ALERT}
    # Until its TTL it can be swept, and is locked for ever after (spec 06 "What the operator can do").
    if found.state is RequestState.OVER and seen.is_token and not seen.is_over:
        return effects - {Effect.ALERT} | {Effect.URGENT}
    return effects
