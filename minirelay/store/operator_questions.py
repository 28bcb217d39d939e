"""What the operator is told: alerts, totals, what waits for the webhook, and how the database itself is."""

from minirelay.store import (
    alerts,
    high_water,
    integrity,
    operator_alerts,
    totals,
    webhook_events,
)
from minirelay.store.alerts import Alert, AlertPage, ToldAlert
from minirelay.store.high_water import HighWater, Loss
from minirelay.store.questions import Questions
from minirelay.store.totals import Totals
from minirelay.store.webhook_events import Topic, WaitingEvent, WebhookBacklog, WebhookEvent


class OperatorQuestions(Questions):
    """Ask for what the operator is told."""

    async def alerts(self, *, with_acknowledged: bool = False) -> AlertPage:
        """List what a person has to see to, the most important first."""
        return await self._pool.run(lambda db: alerts.load_alerts(db, with_acknowledged=with_acknowledged))

    async def lasting_alerts(self) -> dict[str, bool]:
        """Return which alerts tell of something that lasts: `told_of`, and whether they are urgent."""
        return await self._pool.run(operator_alerts.load_lasting)

    async def told_alerts(self, since: int) -> list[ToldAlert]:
        """Read what was told of payment requests since a second, the first first."""
        return await self._pool.run(lambda db: alerts.load_told(db, since))

    async def alert(self, alert_id: int) -> Alert | None:
        """Look an alert up by its number."""
        return await self._pool.run(lambda db: alerts.find_alert(db, alert_id))

    async def totals(self, most_shops: int) -> Totals:
        """Count everything. most_shops: that are named, those with the longest logs."""
        return await self._pool.run(lambda db: totals.count_totals(db, most_shops))

    async def webhook_topics(self) -> frozenset[Topic]:
        """Return what the webhook is told of."""
        return await self._pool.run(webhook_events.load_topics)

    async def webhook_waiting(self, after_id: int, most: int) -> list[WaitingEvent]:
        """List the next events that the webhook has not taken yet."""
        return await self._pool.run(lambda db: webhook_events.list_waiting(db, after_id, most))

    async def webhook_least(self, most: int) -> list[int]:
        """List the events that go first when too many wait."""
        return await self._pool.run(lambda db: webhook_events.list_least(db, most))

    async def webhook_backlog(self) -> WebhookBacklog:
        """Count the events that the webhook has not taken yet."""
        return await self._pool.run(webhook_events.load_backlog)

    async def webhook_event(self, event_id: int) -> WebhookEvent | None:
        """Look an event up by its number."""
        return await self._pool.run(lambda db: webhook_events.find_event(db, event_id))

    async def find_loss(self, mark: HighWater) -> Loss | None:
        """Return what is missing of what the file beside the database remembered before; None: nothing."""
        return await self._pool.run(lambda db: high_water.compare(db, mark))

    async def find_damage(self) -> str | None:
        """Read every page of the database; say what is wrong first, None if nothing is. Takes its time."""
        return await self._pool.run(integrity.find_damage)

    async def size_bytes(self) -> int:
        """Return how large the database is."""
        return await self._pool.run(integrity.size_bytes)
