"""A shop with many guests, who all share one account: what one more writes, and how soon the shop opens."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.fixtures import (
    REGISTRY_CHAIN,
    WALLET,
    add_guests,
    guest_enrolment,
    new_keys,
    open_relay,
    read_shop,
)
from minirelay.bench.meters import LoopMeter
from minirelay.bench.report import Figure, Section
from minirelay.bench.session import BenchError
from minirelay.bench.target import OwnRelay, own_relay
from minirelay.bench.workload import Author, frames_of
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.card_enrolment import CardEnrolment
from minirelay.relay.clock import utc_now
from minirelay.relay.relay import Relay
from minirelay.store.batch import rows_of
from minirelay.store.database import Store

LONE: Final = 40
GROUPS: Final = 4
GROUP: Final = 64

_MS_PER_S: Final = 1000


def run(bench: Bench) -> Section:
    """Fill a shop with guests, open it, enrol some more."""
    if bench.running is not None:
        raise BenchError("guests: only measured on relays that the benchmark starts itself")
    guests = bench.plan.guests
    with own_relay(bench.directory) as relay:
        bench.tell(f"guests: {guests:,} key cards on one account")
        asyncio.run(add_guests(relay.data_dir, guests))
        goal = goals.REOPENING_GUESTS_S if guests == goals.MANY_GUESTS else None
        figures = [Figure("restart to the answer to a write", _reopen(relay), "s", goal)]
        bench.tell(f"guests: enrolling {LONE + GROUPS * GROUP} more")
        figures += asyncio.run(_enrol_more(relay.data_dir))
        rows = asyncio.run(_count_row_bytes(relay.data_dir))
        figures.append(Figure("rows of one enrolment, at most", rows, "bytes", goals.ENROLMENT_BYTES))
    notes = (
        "Enrolments in this process, without the wallet's signature and the registry.",
        "A transaction writes whole pages of 4 KiB, about nine for a lone enrolment.",
    )
    return Section("guests", f"A shop of {guests:,} guests", tuple(figures), notes)


def _reopen(relay: OwnRelay) -> float:
    """Start a relay, write once, stop it; give the seconds from the start to the answer."""
    begin = time.perf_counter()
    target = relay.start()
    author = Author(target.writer, target.shop_id)
    with target.session(target.writer) as session:
        session.write_all(frames_of(session, [author.seal(author.add_listing(0))]), in_flight=1)
        seconds = time.perf_counter() - begin
    relay.stop()
    return seconds


async def _enrol_more(data_dir: Path) -> list[Figure]:
    async with open_relay(data_dir) as relay:
        log = relay.store.path.with_name(f"{relay.store.path.name}-wal")
        await _admit(relay, 1)  # opens the shop
        before = log.stat().st_size
        lone = [await _admit(relay, 1) for _ in range(LONE)]
        between = log.stat().st_size
        async with LoopMeter() as meter:
            groups = [await _admit(relay, GROUP) / GROUP for _ in range(GROUPS)]
        after = log.stat().st_size
    return [
        Figure("a lone enrolment", median(lone) * _MS_PER_S, "ms"),
        Figure(f"{GROUP} enrolments at a time, each", median(groups) * _MS_PER_S, "ms"),
        Figure(
            "  longest turn of the event loop",
            meter.longest_s * _MS_PER_S,
            "ms",
            goals.ENROLMENT_TURN_MS,
        ),
        Figure("write-ahead log of a lone enrolment", (between - before) / LONE, "bytes"),
        Figure(f"  of {GROUP} at a time, each", (after - between) / (GROUPS * GROUP), "bytes"),
    ]


async def _admit(relay: Relay, count: int) -> float:
    """Enrol that many guests at once; give the seconds until all are durable."""
    enrolments = [guest_enrolment(key.public_key) for key in new_keys(count)]
    begin = time.perf_counter()
    await asyncio.gather(*map(relay.admit, enrolments))
    return time.perf_counter() - begin


async def _count_row_bytes(data_dir: Path) -> int:
    """Count what enrolments hand to SQLite; give the most. Nothing of it is stored."""
    async with await Store.open(data_dir) as store:
        head = await read_shop(store)
        sizes = []
        for request in _requests(LONE, (await store.reader.next_rows()).card):
            commit = head.append(request.judge(head))
            sizes.append(rows_of([commit]).size_bytes)
    return max(sizes)


def _requests(count: int, first_row: int) -> Iterator[CardEnrolment]:
    for number, key in enumerate(new_keys(count)):
        yield CardEnrolment(
            enrolment=guest_enrolment(key.public_key),
            card_row=first_row + number,
            relay_key=PrivateKey.from_bytes(WALLET),
            registry_chain=REGISTRY_CHAIN,
            guest_card_ceiling=10**7,
            now=utc_now,
            settle=lambda _: None,
        )
