"""Alerts of what lasts for a while: raised once when it begins, ended by themselves (spec 09, "Alerts").

Each stays until a person has seen it, over or not. What is stored says whether one was raised, so a restart
raises none again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from minirelay.errors import StoreError
from minirelay.store.database import Store
from minirelay.store.operator_alerts import EndedAlert, OperatorAlert, told_of

LOOK_EVERY_S: Final = 5.0
MOST_WAITING: Final = 100
"""Of alerts that can't be stored, while the disk takes nothing; beyond it the oldest is only in the log."""

log = logging.getLogger(__name__)


class Trouble(msgspec.Struct, frozen=True):
    """Something that is the matter now. kind: one of `operator_alerts.ENDING`.

    about: tells those of a kind apart. detail: in a line, for a person; None: whether it is the matter is not
    known yet, so what was raised stays.
    """

    kind: str
    about: str
    detail: str | None
    is_urgent: bool = False

    @property
    def told_of(self) -> str:
        """Name what it is told once for."""
        return told_of(self.kind, self.about)


Check = Callable[[], Iterable[Trouble]]
"""Says from memory, or from a file system that answers at once, what is the matter."""


class LastingAlerts:
    """Compares what is the matter with what was raised."""

    def __init__(self, store: Store, checks: Sequence[Check], now: Callable[[], datetime]) -> None:
        """now: the relay's clock."""
        self._store = store
        self._checks = checks
        self._now = now
        self._raised: dict[str, bool] | None = None
        self._waiting: deque[OperatorAlert | EndedAlert] = deque(maxlen=MOST_WAITING)

    async def run(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.look()
            except StoreError as error:
                # That the disk takes nothing is said by those who write more; this is stored when it does.
                log.debug("alerts could not be stored yet", extra={"reason": str(error)})

    async def look(self) -> None:
        """Raise what began, end what is over. Raises StoreError; the next look stores it then."""
        if self._raised is None:
            self._raised = await self._store.reader.lasting_alerts()
        troubles = [trouble for check in self._checks for trouble in check()]
        now = int(self._now().timestamp())
        for one in troubles:
            self._begin(one, now, self._raised)
        self._end_others({one.told_of for one in troubles}, now, self._raised)
        await self._store_waiting()

    def _begin(self, one: Trouble, now: int, raised: dict[str, bool]) -> None:
        was_urgent = raised.get(one.told_of)
        is_told = was_urgent is not None and (was_urgent or not one.is_urgent)
        if one.detail is None or is_told:
            return
        raised[one.told_of] = one.is_urgent
        extra = {"kind": one.kind, "detail": one.detail}
        log.log(logging.ERROR if one.is_urgent else logging.WARNING, "an alert is raised", extra=extra)
        self._waiting.append(OperatorAlert(one.kind, one.detail, now, one.about, one.is_urgent))

    def _end_others(self, lasting: set[str], now: int, raised: dict[str, bool]) -> None:
        for told in [told for told in raised if told not in lasting]:
            del raised[told]
            log.info("what an alert tells of is over", extra={"alert": told})
            self._waiting.append(EndedAlert(told, now))

    async def _store_waiting(self) -> None:
        while self._waiting:
            await self._store.writer.commit(self._waiting[0])
            self._waiting.popleft()
