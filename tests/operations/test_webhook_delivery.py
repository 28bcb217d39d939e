"""Delivery: at least once, in the order of each payment, whatever the receiver does, within bounds."""

import asyncio
import logging
import sqlite3
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from minirelay.chain.endpoint import open_http
from minirelay.config.urls import EndpointUrl
from minirelay.event_loop import end_tasks
from minirelay.operations.backups import back_up
from minirelay.operations.restoring import restore
from minirelay.operations.webhook_delivery import WebhookBounds, WebhookDelivery, tell_of
from minirelay.operations.webhook_post import WebhookPoster
from minirelay.shop.issued_requests import RequestState
from minirelay.store.checkout_rows import CheckoutRows
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.operator_alerts import LOW_DISK, RESTORED, WEBHOOK_FAILED, OperatorAlert
from minirelay.store.webhook_events import Topic
from tests.operations.alerts_raised import raise_alert
from tests.operations.databases import fill
from tests.operations.webhook_receiver import SECRET, Behaviour, Receiver, answering, receiver, take
from tests.shop.issued import NOW, issued
from tests.store.examples import beginning
from tests.store.test_checkout_rows import outcome

WALLET = b"\x11" * 20
BOTH: frozenset[Topic] = frozenset({"alerts", "payments"})
BOUNDS = WebhookBounds(most_at_once=4, most_kept=10_000, retry_s=86_400)
PATIENCE_S = 20
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
LIFE = (RequestState.SHORT, RequestState.SEEN, RequestState.PAID, RequestState.REVERTED)


@dataclass
class Clock:
    """The real time, and how much more a test says has passed: what is stored has the real one.

    asked: how often it was read.
    """

    passed_s: float = 0
    asked: int = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.passed_s, UTC)

    def monotonic(self) -> float:
        self.asked += 1
        return time.monotonic() + self.passed_s

    async def goes_on(self, seconds: int) -> None:
        """Let seconds pass, each long enough for all that may begin in it."""
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(seconds):
                self.passed_s += 1
                until = self.asked + 10
                while self.asked < until:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)


@dataclass
class Relay:
    """What of a relay tells the webhook."""

    store: Store
    clock: Clock = field(default_factory=Clock)

    async def request(self, *names: int) -> None:
        """Issue payment requests, each of an order of its own."""
        await self._put(new=[issued(name, order=name) for name in names])

    async def becomes(self, name: int, state: RequestState, received: int = 10) -> None:
        await self._put(replace(issued(name, order=name), state=state, received=received))

    async def _put(self, *changed: Any, new: Any = ()) -> None:
        for rows in CheckoutRows.of(1, outcome(*changed, new=new), NOW):
            await self.store.writer.commit(rows)

    async def waiting(self) -> int:
        return (await self.store.reader.webhook_backlog()).count

    async def until_taken(self, left: int = 0) -> None:
        """Wait until no more than so many wait."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.waiting() > left:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def alerts(self) -> list[str]:
        return [one.kind for one in (await self.store.reader.alerts()).alerts]

    @asynccontextmanager
    async def delivering(
        self, url: EndpointUrl, bounds: WebhookBounds = BOUNDS, timeout_s: float = 5
    ) -> AsyncIterator[None]:
        async with open_http() as http:
            poster = WebhookPoster(http, url, SECRET, self.clock.now, timeout_s=timeout_s)
            delivery = WebhookDelivery(
                self.store,
                poster,
                WALLET,
                bounds,
                now=self.clock.now,
                monotonic=self.clock.monotonic,
                look_every_s=0.01,
            )
            task = asyncio.create_task(delivery.run())
            try:
                yield
            finally:
                assert not task.done()
                await end_tasks(task)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Relay]:
    async with await Store.open(directory) as store:
        yield Relay(store)


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    async with opened(tmp_path / "data") as relay:
        for commit in beginning():
            await relay.store.writer.commit(commit)
        await tell_of(relay.store, BOTH)
        yield relay


@pytest.fixture
async def posted_to() -> AsyncIterator[Receiver]:
    async with receiver() as listening:
        yield listening


def about(event: dict[str, Any]) -> str:
    """The payment that an event is about."""
    return str(event["payment"]["request_id"])


def by_payment(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What was told of each payment, each event once, where it came first."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for event in events:
        found[about(event)].setdefault(event["id"], event["payment"]["state"])
    return {name: list(states.values()) for name, states in found.items()}


async def cut(request: web.Request, event: dict[str, Any]) -> web.StreamResponse:
    """End the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=500)


@pytest.mark.parametrize("death", [answering(503), cut], ids=["503", "cut"])
async def test_a_receiver_dead_for_an_hour_gets_every_event_in_the_order_of_its_payment(
    relay: Relay, posted_to: Receiver, death: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    names = range(1, 61)
    await relay.request(*names)
    posted_to.behaviour = death
    async with relay.delivering(posted_to.url):
        for minute in names:
            relay.clock.passed_s = minute * MINUTE_S
            # Of some payments more comes while what was told before still waits.
            for earlier in range(max(1, minute - 3), minute + 1):
                await relay.becomes(earlier, LIFE[minute - earlier])
            tried = len(posted_to.tried)
            await posted_to.until(lambda one, tried=tried: len(one.tried) > tried)  # type: ignore[misc]
        assert (posted_to.taken, await relay.alerts()) == ([], [])
        expected = await relay.waiting()
        posted_to.behaviour = take
        relay.clock.passed_s += 10 * MINUTE_S
        await relay.until_taken()
    told = by_payment(posted_to.taken)
    assert sum(map(len, told.values())) == expected
    # Taken in its order, and tried in its order: the next one never before the one before it was taken.
    for states in (*told.values(), *by_payment(posted_to.tried).values()):
        assert states == [state.value for state in LIFE[: len(states)]]
    assert len(told) == len(names)
    # Each was signed, as the receiver looked at it, with the time of that try.
    assert max(posted_to.at) - min(posted_to.at) > HOUR_S
    written = "\n".join(
        f"{record.__dict__}" for record in caplog.records if record.name.startswith("minirelay")
    )
    assert "did not take" in written
    assert SECRET.decode() not in written
    assert "a-key-in-the-path" not in written


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_a_receiver_does_each_event_comes_at_least_once_and_as_the_same_bytes(
    relay: Relay, posted_to: Receiver, seed: int
) -> None:
    random = Random(seed)

    async def behave(request: web.Request, event: dict[str, Any]) -> web.StreamResponse:
        if random.random() < 0.6:
            return web.Response(status=200)
        return await random.choice([answering(500), answering(302, Location="/x"), answering(404), cut])(
            request, event
        )

    posted_to.behaviour = behave
    await relay.request(*range(1, 9))
    async with relay.delivering(posted_to.url):
        for state in LIFE:
            for name in range(1, 9):
                await relay.becomes(name, state)
                relay.clock.passed_s += MINUTE_S
        async with asyncio.timeout(PATIENCE_S):
            while await relay.waiting():
                relay.clock.passed_s += 10
                await asyncio.sleep(0.005)
    assert set(posted_to.paths) == {"/a-key-in-the-path"}
    assert by_payment(posted_to.taken) == {
        f"0x{issued(name).id.hex()}": [state.value for state in LIFE] for name in range(1, 9)
    }
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for event, body in zip(posted_to.tried, posted_to.bodies, strict=True):
        bodies[event["id"]].add(body)
    assert len(posted_to.tried) > len(bodies)
    assert all(len(one) == 1 for one in bodies.values())


def copy_of(data: Path, to: Path) -> Path:
    """Copy a database as it is at this moment: what a kill would leave, or a backup have."""
    to.mkdir()
    with closing(sqlite3.connect(data / FILE_NAME)) as one, closing(sqlite3.connect(to / FILE_NAME)) as other:
        one.backup(other)
    return to


async def test_killed_between_the_post_and_its_record_it_posts_the_same_again(
    relay: Relay, posted_to: Receiver, tmp_path: Path
) -> None:
    async def take_and_copy(request: web.Request, event: dict[str, Any]) -> web.StreamResponse:
        if not (tmp_path / "killed").exists():
            await asyncio.to_thread(copy_of, tmp_path / "data", tmp_path / "killed")
        return web.Response(status=200)

    posted_to.behaviour = take_and_copy
    await relay.request(1)
    await relay.becomes(1, RequestState.SEEN)
    await relay.becomes(1, RequestState.PAID)
    async with relay.delivering(posted_to.url):
        await relay.until_taken()
    before = list(posted_to.bodies)
    async with opened(tmp_path / "killed") as again, again.delivering(posted_to.url):
        await again.until_taken()
    assert posted_to.bodies == before * 2
    assert len(set(posted_to.ids())) == 2


async def test_what_a_restored_database_finds_out_again_has_the_id_that_it_had(
    relay: Relay, posted_to: Receiver, tmp_path: Path
) -> None:
    await relay.request(1, 2)
    await relay.becomes(1, RequestState.SEEN)
    copy = await asyncio.to_thread(copy_of, tmp_path / "data", tmp_path / "restored")

    async def go_on(one: Relay) -> set[str]:
        posted_to.taken.clear()
        await one.becomes(1, RequestState.PAID)
        await one.becomes(2, RequestState.SEEN)
        await raise_alert(one.store, 2)
        async with one.delivering(posted_to.url):
            await one.until_taken()
        return set(posted_to.ids())

    first = await go_on(relay)
    async with opened(copy) as restored:
        assert await go_on(restored) == first
    assert len(first) == 4


def test_a_backup_has_what_waits_and_its_restore_is_told_too(tmp_path: Path) -> None:
    data, backup, new = tmp_path / "data", tmp_path / "backup.db", tmp_path / "new"
    fill(data)

    async def deliver(directory: Path, *, raises: bool) -> list[dict[str, Any]]:
        async with opened(directory) as one, receiver(answering(503) if raises else take) as posted_to:
            if raises:
                await tell_of(one.store, BOTH)
                await one.store.writer.commit(OperatorAlert(LOW_DISK, "9 MiB are free", NOW, about=""))
            async with one.delivering(posted_to.url):
                if raises:
                    await posted_to.until(lambda some: len(some.tried) > 0)
                else:
                    await one.until_taken()
            return posted_to.tried

    (before,) = asyncio.run(deliver(data, raises=True))
    back_up(data, backup)
    restore(backup, new)
    first, second = asyncio.run(deliver(new, raises=False))
    assert first == before
    assert (first["alert"]["kind"], second["alert"]["kind"]) == (LOW_DISK, RESTORED)


async def hang(request: web.Request, event: dict[str, Any]) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def test_no_more_are_under_way_than_may_be(relay: Relay, posted_to: Receiver) -> None:
    let_go = asyncio.Event()

    async def wait(request: web.Request, event: dict[str, Any]) -> web.StreamResponse:
        await let_go.wait()
        return web.Response()

    posted_to.behaviour = wait
    await relay.request(*range(1, 31))
    for name in range(1, 31):
        await relay.becomes(name, RequestState.SEEN)
    async with relay.delivering(posted_to.url):
        # First tries leave a place to retries.
        await posted_to.until(lambda one: one.here == BOUNDS.most_at_once - 1)
        await relay.clock.goes_on(5)
        assert posted_to.here == BOUNDS.most_at_once - 1
        let_go.set()
        await relay.until_taken()
    assert posted_to.most_at_once <= BOUNDS.most_at_once
    assert len(posted_to.ids()) == 30


async def test_one_payment_that_hangs_holds_back_no_other(relay: Relay, posted_to: Receiver) -> None:
    stuck = f"0x{issued(1).id.hex()}"

    async def hang_on_one(request: web.Request, event: dict[str, Any]) -> web.StreamResponse:
        return await (hang if about(event) == stuck else take)(request, event)

    posted_to.behaviour = hang_on_one
    await relay.request(*range(1, 11))
    async with relay.delivering(posted_to.url, timeout_s=0.2):
        for state in LIFE:
            for name in range(1, 11):
                await relay.becomes(name, state)
        await relay.until_taken(left=len(LIFE))
    assert len(posted_to.ids()) == 9 * len(LIFE)
    assert {event["payment"]["state"] for event in posted_to.tried if about(event) == stuck} == {"short"}


async def test_beyond_the_bound_what_nobody_paid_for_goes_first_and_it_is_told(
    relay: Relay, posted_to: Receiver
) -> None:
    posted_to.behaviour = answering(500)
    await relay.request(*range(1, 31))
    for name in range(1, 31):
        is_paid = name % 3 == 0
        await relay.becomes(name, RequestState.SEEN if is_paid else RequestState.EXPIRED, 10 * is_paid)
    bounds = replace(BOUNDS, most_kept=11)
    async with relay.delivering(posted_to.url, bounds):
        async with asyncio.timeout(PATIENCE_S):
            while WEBHOOK_FAILED not in await relay.alerts():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        posted_to.behaviour = take
        relay.clock.passed_s += 10 * MINUTE_S
        await relay.until_taken()
    # What tells of it is one of them.
    assert sorted(posted_to.types()) == ["alert", *["payment.seen"] * 10]
    assert [event["alert"]["kind"] for event in posted_to.taken if event["type"] == "alert"] == [
        WEBHOOK_FAILED
    ]


async def test_what_is_not_taken_for_a_day_is_dropped_and_told(relay: Relay, posted_to: Receiver) -> None:
    async def take_alerts_only(request: web.Request, event: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=200 if event["type"] == "alert" else 500)

    posted_to.behaviour = take_alerts_only
    await relay.request(1)
    await relay.becomes(1, RequestState.SEEN)
    async with relay.delivering(posted_to.url):
        await posted_to.until(lambda one: len(one.tried) == 1)
        relay.clock.passed_s = DAY_S - HOUR_S
        await posted_to.until(lambda one: len(one.tried) == 2)
        assert await relay.alerts() == []
        relay.clock.passed_s = DAY_S + MINUTE_S
        # The alert about it is an event itself.
        await posted_to.until(lambda one: one.types() == ["alert"])
        await relay.until_taken()
    assert await relay.alerts() == [WEBHOOK_FAILED]


async def test_what_is_older_than_a_day_is_tried_once_at_least(relay: Relay, posted_to: Receiver) -> None:
    await relay.request(1)
    await relay.becomes(1, RequestState.SEEN)
    relay.clock.passed_s = 30 * DAY_S
    async with relay.delivering(posted_to.url):
        await relay.until_taken()
    assert posted_to.types() == ["payment.seen"]


async def test_without_a_webhook_nothing_is_kept(relay: Relay) -> None:
    await relay.request(1, 2)
    await relay.becomes(1, RequestState.SEEN)
    assert await relay.waiting() == 1
    await tell_of(relay.store, frozenset())
    await relay.becomes(2, RequestState.SEEN)
    await raise_alert(relay.store, 2)
    assert await relay.waiting() == 0


async def test_a_receiver_that_never_answers_does_not_keep_the_relay_from_stopping(
    relay: Relay, posted_to: Receiver
) -> None:
    posted_to.behaviour = hang
    await relay.request(1)
    await relay.becomes(1, RequestState.SEEN)
    async with asyncio.timeout(PATIENCE_S), relay.delivering(posted_to.url, timeout_s=3600):
        await posted_to.until(lambda one: one.here == 1)
    assert await relay.waiting() == 1
