"""What a relay bears: hundreds of sessions, and clients that do not answer, do not read, do not ask.

Beside them somebody works all the time, and must not notice.
"""

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector

from minirelay.protocol import envelope as wire
from minirelay.protocol.patch import decode_patch
from minirelay.protocol.push import SequencedPartialPatchSet
from tests.limits import OUTBOX
from tests.raw_client import Refused, Talker, all_leaves
from tests.relay.house import (
    House,
    images,
    listing,
    order,
    relay_limits,
    running_relay,
    until,
)
from tests.system.programs import minirelay_dev

SESSIONS = int(os.environ.get("MINIRELAY_SESSIONS", "200"))
PAUSE_S = float(os.environ.get("MINIRELAY_PAUSE_S", "3"))
"""How long a subscriber reads nothing."""

AT_A_TIME = 25


@pytest.fixture
def enough_files() -> None:
    """Let this process hold both ends of all connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@asynccontextmanager
async def somebody_working(house: House) -> AsyncIterator[list[int]]:
    """Write and follow one's own writes while the block runs; gives the numbers that came back so far."""
    clerk = await house.clerk()
    await clerk.subscribe()
    seen: list[int] = []

    async def work() -> None:
        while True:
            written = len(seen) + 1
            await clerk.write(listing(1_000_000 + written))
            while len(seen) < written:
                for one in (await clerk.next_push()).sets:
                    seen.extend(numbers_of(one))
            assert seen[-1] == written
            await asyncio.sleep(0.002)

    task = asyncio.create_task(work())
    try:
        yield seen
        # Still at it.
        before = len(seen)
        await until(lambda: len(seen) > before or task.done())
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def numbers_of(one: SequencedPartialPatchSet) -> list[int]:
    """Return the numbers of the writes of `somebody_working` in a set."""
    numbers = [int.from_bytes(decode_patch(raw).object_id) - 1_000_000 for raw in one.patches]
    return [number for number in numbers if 0 < number < 1_000_000]


async def test_hundreds_of_subscribed_sessions(tmp_path: Path, enough_files: None) -> None:
    async with running_relay(tmp_path) as house:
        clerk = await house.clerk()
        await clerk.write(listing(1))
        start = await house.durable_seq()
        guests = []
        for first in range(0, SESSIONS, AT_A_TIME):
            count = min(AT_A_TIME, SESSIONS - first)
            guests += await asyncio.gather(*(house.guest() for _ in range(count)))
        await asyncio.gather(*(guest.subscribe(start) for guest in guests))
        assert house.relay.session_count == SESSIONS + 1
        # The clerk writes what all see, each guest what only it sees (and the clerk, who does not listen).
        first_seq = await house.durable_seq() + 1
        public = 40
        for number in range(2, 2 + public):
            await clerk.write(("replace", ("Listings", 1, "Price"), number))
            await asyncio.gather(
                *(guests[at].write(order(at + 1)) for at in range(number - 2, SESSIONS, public))
            )
        end = await house.durable_seq()
        assert end == first_seq - 1 + public + SESSIONS
        await clerk.write(listing(2))
        all_sets = await asyncio.gather(*(guest.sets_until(end + 1) for guest in guests))
        for at, sets in enumerate(all_sets):
            live = [one for one in sets if one.seq >= first_seq]
            leaves = all_leaves(live)
            assert leaves == sorted(set(leaves))
            patches = [decode_patch(raw) for one in live for raw in one.patches]
            prices = [patch.value for patch in patches if patch.op == "replace"]
            assert prices == list(range(2, 2 + public))
            orders = [int.from_bytes(patch.object_id) for patch in patches if patch.path[0] == "Orders"]
            assert orders == [at + 1]


async def test_sessions_that_never_answer(tmp_path: Path) -> None:
    limits = relay_limits(ping_interval_s=0.3, kick_timeout_s=1.5, unacknowledged_pushes=4)
    async with running_relay(tmp_path, limits) as house, somebody_working(house) as done:
        silent = []
        for _ in range(20):
            talker = await house.guest()
            await talker.subscribe()
            silent.append(talker)
        for _ in range(20):
            # Half way through signing in.
            visitor = await house.visitor(await house.enrol(is_guest=True))
            assert visitor.key is not None
            await visitor.ask(wire.AuthenticateRequest(visitor.key.public_key))
            silent.append(visitor)
        silent += [await house.visitor() for _ in range(20)]
        for talker in silent:
            # They still read, but say nothing any more: no acknowledgement, no answer to a ping.
            talker.is_mute = True
        before = len(done)
        assert {await talker.end() for talker in silent} == {1008}
        assert len(done) > before
        assert all(talker.pings >= 1 for talker in silent)
        await until(lambda: house.relay.session_count == 1)
        # Their cards are free again.
        for talker in silent[:40]:
            assert talker.key is not None
            again = await house.session(talker.key)
            await again.close()


async def test_a_subscriber_that_stops_reading_for_a_while(tmp_path: Path) -> None:
    """In the long form for a minute, at a kick timeout of two."""
    limits = relay_limits(ping_interval_s=PAUSE_S / 4, kick_timeout_s=max(30.0, PAUSE_S * 2))
    async with running_relay(tmp_path, limits) as house, somebody_working(house) as done:
        clerk = await house.clerk()
        await clerk.write(*(listing(number) for number in range(1, 37)))
        paused, reading = await house.clerk(), await house.clerk()
        for subscriber in (paused, reading):
            await subscriber.subscribe(0)
        connection = house.connection_of(paused)
        await paused.next_push()
        paused.transport.pause_reading()
        # Far more than lies in the kernel's buffers meanwhile.
        loop = asyncio.get_running_loop()
        end_of_pause = loop.time() + PAUSE_S
        most = OUTBOX.push_bytes + 1024 * 1024
        large = 0
        while loop.time() < end_of_pause or large < 12:
            before = len(done)
            if large < 12:
                await clerk.write(*images(1, 36, 30_000))
                large += 1
            await until(lambda b=before: len(done) > b)  # type: ignore[misc]
            assert connection.outbox.size_bytes <= most
        assert connection.outbox.size_bytes > 0, "the pause was not noticed"
        seq = await house.durable_seq()
        live = await reading.sets_until(seq)
        assert not paused.closed.is_set()
        paused.transport.resume_reading()
        late = await paused.sets_until(seq)
        everything = [leaf for leaf in all_leaves(live) if leaf[0] <= seq]
        rest = [leaf for leaf in all_leaves(late) if leaf[0] <= seq]
        # All but the one push that was taken before the pause.
        assert rest == everything[-len(rest) :]
        assert 0 < len(everything) - len(rest) <= 64
        assert house.relay.session_count == 4


async def test_more_sessions_than_the_shell_allows_files(enough_files: None) -> None:
    # As a shell with `ulimit -Sn 128` would start it.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    started = AsyncExitStack()
    try:
        program = started.enter_context(minirelay_dev("--no-demo"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    async with started, ClientSession(connector=TCPConnector(limit=0)) as http:
        visitors = [await Talker.connect(http, f"{program.url}/v4/sessions") for _ in range(200)]
        for visitor in visitors:
            with pytest.raises(Refused):
                await visitor.ask(wire.SubscriptionRequest(b"\1"))
        await asyncio.gather(*(visitor.close() for visitor in visitors))
        assert program.log.read_text() == ""
