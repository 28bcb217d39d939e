"""Posts events to the webhook until each is taken, or too old (spec 09 "Alerts").

An event is a row until it is done with. It is removed after it was taken, so what is killed in between posts
it again, under the same id. Which is next, `webhook_schedule` says.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import msgspec

from minirelay.errors import StoreError
from minirelay.event_loop import end_tasks
from minirelay.operations.webhook_document import describe_event, encode_document
from minirelay.operations.webhook_post import WebhookFailure
from minirelay.operations.webhook_schedule import WebhookSchedule
from minirelay.store.database import Store
from minirelay.store.operator_alerts import WEBHOOK_FAILED, OperatorAlert
from minirelay.store.webhook_events import DoneEvents, Topic, WebhookTopics

LOOK_EVERY_S: Final = 1.0
PAGE: Final = 1000
MOST_PER_SECOND: Final = 50

log = logging.getLogger(__name__)


class Poster(Protocol):
    """What posts."""

    @property
    def name(self) -> str:
        """Where to, without secrets."""

    async def post(self, body: bytes) -> None:
        """Post an event. Raises WebhookFailure if it is not taken."""


class WebhookBounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is posted and kept. retry_s: how old an event gets that is not taken."""

    most_at_once: int
    most_kept: int
    retry_s: float


async def tell_of(store: Store, topics: frozenset[Topic]) -> None:
    """Let events be kept of these from now on. If it can't be stored, it stays as it was: the log says so."""
    try:
        if await store.reader.webhook_topics() != topics:
            await store.writer.commit(WebhookTopics(topics))
    except StoreError as error:
        log.error("what the webhook is told could not be stored", extra={"reason": str(error)})


class WebhookDelivery:
    """Delivers what waits in a store."""

    def __init__(
        self,
        store: Store,
        poster: Poster,
        wallet: bytes,
        bounds: WebhookBounds,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """wallet: address of the relay's. now, monotonic: the clocks.

        look_every_s: when to look for new events, in real time.
        """
        self._store = store
        self._poster = poster
        self._wallet = wallet
        self._bounds = bounds
        self._now = now
        self._monotonic = monotonic
        self._look_every_s = look_every_s
        self._schedule = WebhookSchedule(most_at_once=bounds.most_at_once, most_per_second=MOST_PER_SECOND)
        self._last_id = 0
        self._posts: set[asyncio.Task[None]] = set()
        self._taken: list[int] = []
        self._given_up: list[int] = []
        self._is_failing = False

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                await self._look()
                await self._wait()
        finally:
            await end_tasks(*self._posts)
            await self._remove_done()

    async def _look(self) -> None:
        try:
            await self._find_new()
            await self._give_up_surplus()
        except StoreError as error:
            log.warning("events for the webhook could not be read", extra={"reason": str(error)})
        self._begin_posts()
        await self._remove_done()

    async def _find_new(self) -> None:
        while True:
            page = await self._store.reader.webhook_waiting(self._last_id, PAGE)
            for one in page:
                self._schedule.add(one.id, one.stream, self._monotonic())
                self._last_id = one.id
            if len(page) < PAGE:
                return

    async def _give_up_surplus(self) -> None:
        surplus = len(self._schedule) - self._bounds.most_kept
        if surplus <= 0:
            return
        log.error(
            "too many events wait for the webhook: those without money and the oldest are dropped",
            extra={"url": self._poster.name, "dropped": surplus, "most": self._bounds.most_kept},
        )
        # Those that are done with, and still stored, may be among them.
        done = len(self._taken) + len(self._given_up)
        for event_id in await self._store.reader.webhook_least(surplus + done):
            if event_id in self._schedule and len(self._schedule) > self._bounds.most_kept:
                self._give_up(event_id)

    def _begin_posts(self) -> None:
        while (event_id := self._schedule.begin(self._monotonic())) is not None:
            task = asyncio.create_task(self._post(event_id))
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)

    async def _post(self, event_id: int) -> None:
        created_at = float("inf")
        try:
            event = await self._store.reader.webhook_event(event_id)
            if event is not None:
                created_at = event.created_at
                await self._poster.post(encode_document(describe_event(event, self._wallet)))
        except (WebhookFailure, StoreError) as error:
            self._failed(event_id, created_at, str(error), getattr(error, "wish_s", 0.0))
        except Exception as error:  # whatever it is, the event waits, and others go on
            log.exception("an event could not be posted", extra={"event": event_id})
            self._failed(event_id, created_at, type(error).__name__, 0.0)
        else:
            self._succeeded(event_id)

    def _succeeded(self, event_id: int) -> None:
        self._schedule.succeeded(event_id, self._monotonic())
        self._taken.append(event_id)
        if self._is_failing:
            log.info("the webhook takes events again", extra={"url": self._poster.name})
        self._is_failing = False

    def _failed(self, event_id: int, created_at: float, reason: str, wish_s: float) -> None:
        self._is_failing = True
        failures = self._schedule.failed(event_id, self._monotonic(), random.random(), wish_s)  # noqa: S311
        known = {"url": self._poster.name, "event": event_id, "reason": reason, "tries": failures}
        # Tried once at least, however old it is: the relay may have been down, or its clock wrong.
        if self._now().timestamp() - created_at < self._bounds.retry_s:
            log.warning("the webhook did not take an event", extra=known)
            return
        log.error("the webhook did not take an event for too long: it is dropped", extra=known)
        self._give_up(event_id)

    def _give_up(self, event_id: int) -> None:
        self._schedule.drop(event_id, self._monotonic())
        self._given_up.append(event_id)

    async def _remove_done(self) -> None:
        """Remove what is done with; what was given up is told, in the same transaction."""
        taken, given_up = self._taken, self._given_up
        if not taken and not given_up:
            return
        self._taken, self._given_up = [], []
        done = DoneEvents((*taken, *given_up), self._alert() if given_up else None)
        try:
            await self._store.writer.commit(done)
        except StoreError as error:
            log.warning("what the webhook took could not be noted", extra={"reason": str(error)})
            self._taken, self._given_up = taken + self._taken, given_up + self._given_up

    def _alert(self) -> OperatorAlert:
        return OperatorAlert(
            WEBHOOK_FAILED,
            f"{self._poster.name} did not take events in time, or too many waited: some were dropped",
            int(self._now().timestamp()),
        )

    async def _wait(self) -> None:
        """Wait until a post has ended or one is due, and look for new events at least now and then."""
        timeout_s = min(self._schedule.wait_s(self._monotonic()), self._look_every_s)
        if self._posts:
            await asyncio.wait(self._posts, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(timeout_s)
