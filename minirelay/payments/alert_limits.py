"""How many alerts are told in an hour, so that dust can't hide what matters (spec 06 "Paid")."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Final

import msgspec

from minirelay.protocol.ids import NOBODY
from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind, about_others
from minirelay.store.alerts import ToldAlert

HOUR_S: Final = 3600
MOST_AN_HOUR: Final = 20
MOST_OF_A_CARD: Final = 5
MOST_REMEMBERED: Final = 1024
"""Of alerts of a kind in an hour, those that are known not to be told again; beyond it some count twice."""


class _Told(msgspec.Struct):
    """What was told of a kind in a shop. at: when, by what it was of; cards: whose it was."""

    at: OrderedDict[str, tuple[int, int]] = msgspec.field(default_factory=OrderedDict)
    untold: OrderedDict[str, int] = msgspec.field(default_factory=OrderedDict)


class AlertLimits:
    """Says of an alert whether it is told, and what is told instead. It may be asked from any thread.

    What was told before a start is remembered too. Asked twice for the same, it says the same.
    """

    def __init__(self, most: int = MOST_AN_HOUR, most_of_card: int = MOST_OF_A_CARD) -> None:
        """most: of a kind, in a shop and an hour. most_of_card: of those, for orders of one guest's card."""
        self._most = most
        self._most_of_card = most_of_card
        self._told: dict[tuple[int, PaymentAlertKind], _Told] = {}
        self._lock = Lock()

    def restore(self, stored: Iterable[ToldAlert]) -> None:
        """Remember what was told before a restart. stored: by the time at which they were told."""
        with self._lock:
            for one in stored:
                told = self._told.setdefault((one.shop, PaymentAlertKind(one.kind)), _Told())
                told.at[one.told_of] = (one.raised_at, one.card)

    def pass_on(self, shop: int, card: int, alert: PaymentAlert, now: int) -> tuple[PaymentAlert, ...]:
        """Return what is told: the alert; or one that stands for it, and it only if it was told before.

        shop: row id. card: row id of the guest's card that created the order, NOBODY for others. now: epoch
        seconds. Urgent ones are always told, and count for nothing.
        """
        if alert.is_urgent:
            return (alert,)
        with self._lock:
            told = self._told.setdefault((shop, alert.kind), _Told())
            _forget(told, now - HOUR_S)
            if self._may_tell(told, card, alert.told_of):
                told.at.setdefault(alert.told_of, (now, card))
                return (alert,)
            is_known = alert.told_of in told.untold
            told.untold.setdefault(alert.told_of, now)
            if len(told.untold) > MOST_REMEMBERED:
                told.untold.popitem(last=False)
        before = msgspec.structs.replace(alert, is_new=False)
        if is_known:
            return (before,)
        return before, _for_others(alert, shop, now)

    def _may_tell(self, told: _Told, card: int, told_of: str) -> bool:
        if told_of in told.at:
            return True
        of_card = sum([one == card for _, one in told.at.values()])
        return len(told.at) < self._most and (card == NOBODY or of_card < self._most_of_card)


def _forget(told: _Told, before: int) -> None:
    while told.at and next(iter(told.at.values()))[0] <= before:
        told.at.popitem(last=False)
    while told.untold and next(iter(told.untold.values())) <= before:
        told.untold.popitem(last=False)


def _for_others(alert: PaymentAlert, shop: int, now: int) -> PaymentAlert:
    return PaymentAlert(
        kind=alert.kind,
        place=alert.place,
        request_id=None,
        amount=0,
        told_of=about_others(alert.kind, shop, now // HOUR_S),
    )
