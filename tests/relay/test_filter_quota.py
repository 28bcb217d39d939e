"""What the filters of a session may come to, and what they take in memory."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol import envelope as wire
from minirelay.protocol.envelope import MAX_FILTERS, Filter
from minirelay.protocol.objects import ObjectType
from minirelay.relay.audience import Audiences
from minirelay.relay.filter_quota import LEAST_BYTES, FilterQuota
from minirelay.relay.view import make_view
from minirelay.shop.access import Role
from minirelay.shop.visibility import View
from tests.limits import CONNECTION
from tests.raw_client import Line, Refused
from tests.relay.house import SHOP, House, listing, relay_limits, running_relay, until

KIB = 1024
MOST = 256 * KIB


def tags(count: int, size: int, first: int = 0) -> tuple[Filter, ...]:
    """Make filters on tags whose names have this many bytes."""
    return tuple(
        Filter(ObjectType.TAG, f"{first + number:0{size}}".encode()[-size:]) for number in range(count)
    )


def test_an_id_has_at_most_1024_bytes() -> None:
    quota = FilterQuota(CONNECTION.filters)
    assert quota.take(tags(1, KIB)) == KIB
    with pytest.raises(Refusal, match="at most 1024 bytes, not 1025") as refused:
        quota.take((*tags(3, 8), *tags(1, KIB + 1)))
    assert refused.value.code is Code.INVALID
    assert quota.taken_bytes == KIB


def test_the_filters_of_a_session_have_at_most_256_kib_together() -> None:
    quota = FilterQuota(CONNECTION.filters)
    shares = [quota.take(tags(64, KIB)) for _ in range(4)]
    assert quota.taken_bytes == MOST
    for surplus in (tags(1, 1), (Filter(ObjectType.LISTING),)):
        with pytest.raises(Refusal, match="cancel some") as refused:
            quota.take(surplus)
        assert refused.value.code is Code.INVALID
    quota.give_back(shares[0])
    with pytest.raises(Refusal):
        quota.take(tags(65, KIB))
    assert quota.taken_bytes == 192 * KIB
    quota.take(tags(64, KIB))


@pytest.mark.parametrize("wanted", [Filter(ObjectType.LISTING), *tags(1, 1), *tags(1, LEAST_BYTES)])
def test_a_short_filter_counts_what_it_takes_in_memory(wanted: Filter) -> None:
    quota = FilterQuota(CONNECTION.filters)
    quota.take([wanted] * (MOST // LEAST_BYTES))
    with pytest.raises(Refusal):
        quota.take([wanted])


def views(size: int) -> Iterator[View]:
    """Yield as many views as a visitor may have, with ids of this size."""
    quota = FilterQuota(CONNECTION.filters)
    with suppress(Refusal):
        for first in range(0, 10**6, MAX_FILTERS):
            filters = tags(min(MAX_FILTERS, MOST // max(size, LEAST_BYTES)), size, first)
            quota.take(filters)
            yield make_view(Role.VISITOR, 0, filters, lambda _: None)


class Follower:
    def __init__(self, view: View) -> None:
        self.view = view


@pytest.mark.parametrize("size", [7, 8, 64, 100, 256, KIB])
def test_what_a_visitor_pins_is_in_proportion_to_what_was_counted(size: int) -> None:
    audiences: Audiences[Follower] = Audiences()
    gc.collect()
    tracemalloc.start()
    try:
        kept = list(views(size))
        in_views, _ = tracemalloc.get_traced_memory()
        for view in kept:
            audiences.add(Follower(view))
        with_index, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(len(view.objects) for view in kept) > MOST // max(size, LEAST_BYTES) - MAX_FILTERS
    assert in_views < 3 * MOST
    assert with_index < 5 * MOST


# -- in a session


async def take_all(line: Line) -> list[bytes]:
    """Subscribe until the filters are as large as they may be."""
    return [await line.subscribe(0, *tags(64, KIB, 64 * number)) for number in range(4)]


async def test_a_cancelled_subscription_gives_back_its_share(house: House) -> None:
    await house.clerk()
    line = await house.line()
    taken = await take_all(line)
    with pytest.raises(Refused) as refused:
        await line.subscribe(0, Filter(ObjectType.TAG))
    assert refused.value.code is Code.INVALID
    await line.subscribe()
    await line.cancel(taken[1])
    await line.subscribe(0, *tags(64, KIB))
    with pytest.raises(Refused):
        await line.subscribe(0, *tags(1, 1))


async def test_a_refused_subscription_takes_no_share(house: House) -> None:
    await house.clerk()
    line = await house.line()
    for filters in ((*tags(60, KIB), Filter(ObjectType.TAG, b"")), tags(257, KIB), (Filter(77),)):
        for shop_id in (None, 99):
            with pytest.raises(Refused):
                await line.subscribe(0, *filters, shop_id=shop_id)
    with pytest.raises(Refused):
        await line.subscribe(9, *tags(256, KIB))
    await line.subscribe(0, *tags(256, KIB))


async def test_a_subscription_that_a_push_ended_gives_back_its_share(house: House) -> None:
    await house.clerk()
    line = await house.line()
    line.acknowledges = False
    await line.subscribe(0, *tags(255, KIB), Filter(ObjectType.MANIFEST))
    await line.next_push()
    (request_id,) = line.unacknowledged
    await line.send(wire.encode_envelope(request_id, wire.Failure(Code.CLOSE_SUBSCRIPTION, "enough")))
    await line.subscribe(0, *tags(256, KIB))


async def test_subscriptions_under_way_count(house: House) -> None:
    await house.clerk()
    line = await house.line()
    first = [
        await line.start(wire.SubscriptionRequest(SHOP.to_bytes(32), 0, tags(128, KIB, 128 * number)))
        for number in range(3)
    ]
    await line.read_until(lambda: all(answer.done() for answer in first))
    assert [type(answer.result().message).__name__ for answer in first].count("Success") == 2


async def test_the_end_of_a_session_gives_back_everything(house: House) -> None:
    await house.clerk()
    line = await house.line()
    await take_all(line)
    line.connection.close(1000, "done")
    await until(lambda: line.connection.subscriptions.filters.taken_bytes == 0)


# -- of all sessions


@pytest.mark.parametrize("size", [8, 64, 256, KIB])
async def test_what_filters_take_in_memory_counts_for_their_session(house: House, size: int) -> None:
    await house.clerk()
    await house.line()
    many = MOST // max(size, LEAST_BYTES)
    lines = [await house.line() for _ in range(4)]
    gc.collect()
    tracemalloc.start()
    try:
        for number, line in enumerate(lines):
            # Nobody else asks for the same.
            for first in range(number * many, (number + 1) * many, MAX_FILTERS):
                await line.subscribe(0, *tags(min(MAX_FILTERS, many), size, first))
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken <= sum(line.connection.account.size_bytes for line in lines) < 3 * taken


async def test_filters_of_a_crowd_cost_those_who_take_most_their_sessions_and_nobody_else(
    tmp_path: Path,
) -> None:
    limit = 4 * KIB * KIB
    async with running_relay(tmp_path, relay_limits(session_memory_bytes=limit)) as house:
        clerk = await house.clerk()
        quiet = await house.line()
        await quiet.subscribe(0, *tags(50, 100))
        crowd = [await house.line() for _ in range(12)]
        for number, line in enumerate(crowd):
            for first in range(0, MOST // LEAST_BYTES, MAX_FILTERS):
                filters = tags(MAX_FILTERS, 8, 10_000 * number + first)
                await line.start(wire.SubscriptionRequest(SHOP.to_bytes(32), 0, filters))
        await until(lambda: not any(line.connection.session.pending for line in crowd))
        memory = house.relay.memory
        closed = [line for line in crowd if line.connection.hang_up is not None]
        assert {line.connection.hang_up.code for line in closed if line.connection.hang_up} == {1013}
        assert len(closed) >= 8
        assert limit / 2 < memory.size_bytes <= limit
        assert memory.closing_bytes == 0
        assert quiet.connection.hang_up is None
        await clerk.write(listing(1))
        await quiet.subscribe(0, Filter(ObjectType.LISTING))
