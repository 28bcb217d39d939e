"""Large shops, of listings and of guests who all share one account: filling, reopening, writing one more."""

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
from minirelay.bench.meters import LoopMeter, ProcessMeter
from minirelay.bench.report import Figure, Section
from minirelay.bench.scenarios.subscriptions import database_bytes
from minirelay.bench.session import BenchError
from minirelay.bench.target import OwnRelay, own_relay
from minirelay.bench.workload import FILLING_IN_FLIGHT, FILLING_SET, Author, fill, frames_of
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.card_enrolment import CardEnrolment
from minirelay.relay.clock import utc_now
from minirelay.relay.relay import Relay
from minirelay.store.batch import rows_of
from minirelay.store.database import Store

_MIB: Final = 1024 * 1024
_US_PER_S: Final = 1_000_000


def run_large_shop(bench: Bench) -> Section:
    """Fill a shop, restart its relay, write to it."""
    if bench.running is not None:
        raise BenchError("large-shop: only measured on relays that the benchmark starts itself")
    listings = bench.plan.large_shop
    bench.tell(f"large-shop: {listings:,} listings in sets of {FILLING_SET}")
    with own_relay(bench.directory) as relay:
        target = relay.start()
        author = Author(target.writer, target.shop_id)
        with target.session(target.writer) as session:
            before = target.meter.usage() if target.meter else None
            seconds = fill(session, author, range(listings))
            used = target.meter.usage() - before if target.meter and before else None
        figures = [Figure("filling", listings / seconds, "patches/s")]
        if used:
            figures.append(Figure("  relay, all threads", used.cpu_s / listings * _US_PER_S, "µs CPU/patch"))
        figures += _memory("memory after filling it", target.meter)
        bench.tell("large-shop: restarting the relay")
        relay.stop()
        size = database_bytes(relay.data_dir)
        begin = time.perf_counter()
        target = relay.start()
        started = time.perf_counter()
        with target.session(target.writer) as session:
            write = frames_of(session, [author.seal(author.change_price(listings // 2, 1))])
            session.write_all(write, in_flight=1)
        answered = time.perf_counter()
        is_wanted = listings == goals.LARGE_SHOP
        figures += [
            Figure(
                "restart to the answer to a write",
                answered - begin,
                "s",
                goals.REOPENING_S if is_wanted else None,
            ),
            Figure("  of that, until the relay serves", started - begin, "s"),
            Figure("  of that, signing in, reopening the shop, writing", answered - started, "s"),
            *_memory("memory after reopening it", target.meter),
            Figure("database", size / listings, "bytes/listing"),
        ]
    notes = (f"Filled with {FILLING_IN_FLIGHT} sets of {FILLING_SET} in flight; signing is not counted.",)
    return Section("large-shop", f"A shop of {listings:,} listings", tuple(figures), notes)


def _memory(name: str, meter: ProcessMeter | None) -> list[Figure]:
    return [Figure(name, meter.resident_bytes() / _MIB, "MiB")] if meter else []


LONE: Final = 40
GROUPS: Final = 4
GROUP: Final = 64

_MS_PER_S: Final = 1000


def run_guests(bench: Bench) -> Section:
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
