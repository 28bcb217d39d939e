"""Many clients that make a relay hold as much as they can: its memory, and a clerk beside them.

In CI with a few hundred, and a budget in proportion; all that a relay takes, as docs/security.md has it:

    MINIRELAY_HOARDERS=4096 MINIRELAY_HOARD_S=120 python3 -m pytest tests/system/test_hostile_memory.py -q -s

With fewer, MINIRELAY_HOARD_MEMORY=128MiB keeps the budget whole; MINIRELAY_HOARD_KIND names one kind.
"""

import asyncio
import json
import os
import secrets
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from minirelay.bench.fixtures import SHOP_ID, Cards, enrol
from minirelay.bench.meters import ProcessMeter
from minirelay.client import PrivateKey, RelayClient, patches
from minirelay.protocol.patch_set import NewPatch
from minirelay.shop.objects import Listing, ListingMetadata, ViewState
from tests.relay.house import SHOP, listing, relay_limits, running_relay, until
from tests.system.hostile.attacks import HANDSHAKE
from tests.system.hostile.hoarders import HTTP_KINDS, KINDS, OPENINGS, Client, connect
from tests.system.programs import environment
from tests.system.standalone import Standalone, has_enough_files, open_files, standalone
from tests.system.watched_relay import Longest, read_report, reset

pytestmark = pytest.mark.alone

HOARDERS = int(os.environ.get("MINIRELAY_HOARDERS", "256"))
SECONDS = float(os.environ.get("MINIRELAY_HOARD_S", "12"))
MEMORY = os.environ.get("MINIRELAY_HOARD_MEMORY", "")
KIND = os.environ.get("MINIRELAY_HOARD_KIND", "")
GUESTS = 32
MIB = 2**20
MOST_SESSIONS = 4096
MOST_MEMORY = 512 * MIB
AT_REST = 96 * MIB
"""A relay with a shop and nobody there. What is left up to the most is for the clients, in proportion."""
IN_PASSING = 48 * MIB
"""What may be taken for a moment however few there are (frames that are decoded, pages that are read), and
what the allocator keeps of it. Of 256, 31 to 43 MiB above what it is at rest were seen in all."""
BUDGET = 128 * MIB
LOG_SETS = 12
DESCRIPTION = ("Listings", 7, "Metadata", "Description")
LISTING = Listing(
    id=7,
    price=100,
    metadata=ListingMetadata(title="A thing", description="To buy"),
    view_state=ViewState.PUBLISHED,
)


@dataclass
class Outcome:
    """What was seen. answers_s: of the clerk, how long each took. cores: that the relay used.

    at_rest, memory: resident, before and the most. disk: bytes by which its directory grew. files: the most.
    """

    at_rest: int
    memory: int
    answers_s: list[float]
    cores: float
    longest: Longest
    disk: int
    files: int
    done: dict[str, dict[str, int]]


def test_hoarders_cost_bounded_memory_and_a_clerk_goes_on(tmp_path: Path) -> None:
    if not has_enough_files(HOARDERS + 500):
        pytest.skip(f"the system allows a process fewer than {HOARDERS + 500} files")
    share = min(1.0, HOARDERS / MOST_SESSIONS)
    settings = {
        "limits.session_memory": MEMORY or max(int(BUDGET * share), 2 * MIB),
        "limits.max_sessions": HOARDERS + 1,
    }
    clerk = PrivateKey.from_bytes(secrets.token_bytes(32))
    guests = [secrets.token_bytes(32) for _ in range(GUESTS)]
    cards = Cards([clerk], [PrivateKey.from_bytes(guest) for guest in guests])
    asyncio.run(enrol(tmp_path / "data", cards))
    report = tmp_path / "turns"
    with standalone(tmp_path, settings, watched_by=report) as relay:
        outcome = asyncio.run(hoard(relay, report, clerk, guests))
        log = relay.log.read_text()
    tell(outcome)
    assert "Traceback" not in log
    assert outcome.at_rest <= AT_REST
    most = outcome.at_rest + IN_PASSING + int((MOST_MEMORY - AT_REST - IN_PASSING) * share)
    assert outcome.memory <= (MOST_MEMORY if MEMORY else most)
    assert all(done.get("begun", 0) for done in outcome.done.values()), outcome.done
    if HOARDERS >= 256 and not MEMORY and not KIND:
        assert sum(done.get("try again later", 0) for done in outcome.done.values()) > 0
        assert "limits.session_memory" in log


@pytest.mark.parametrize("kind", KINDS)
async def test_what_hoarders_held_is_given_back_when_they_are_gone(tmp_path: Path, kind: str) -> None:
    async with running_relay(tmp_path, relay_limits(session_memory_bytes=4 * MIB)) as house:
        clerk = await house.clerk()
        await clerk.write(*(listing(number) for number in range(1, 100)))
        guests = [await house.enrol(is_guest=True) for _ in range(4)]
        memory = house.relay.memory

        async def come(number: int) -> asyncio.StreamWriter:
            url, opening = house.url.removesuffix("/v4/sessions"), OPENINGS.get(kind, HANDSHAKE)
            reader, writer = await connect(url, number, opening)
            client = Client(reader, writer, SHOP.to_bytes(32), guests[number % 4])
            with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError):
                async with asyncio.timeout(1):
                    await KINDS[kind](client)
            return writer

        hoarders = await asyncio.gather(*(come(number) for number in range(8)))
        await until(lambda: memory.size_bytes > 0)
        for writer in hoarders:
            writer.transport.abort()
        await until(lambda: house.relay.session_count == 1)
        await clerk.write(listing(1000))
        # What is left is the clerk's own: the head of its request.
        await until(lambda: (memory.size_bytes < 10_000, memory.closing_bytes) == (True, 0))


async def hoard(relay: Standalone, report: Path, card: PrivateKey, guests: list[bytes]) -> Outcome:
    """Let them hold what they can while a clerk writes on, in one session all the time."""
    meter = ProcessMeter(relay.process.pid)
    async with RelayClient.connect(relay.url, shop_id=SHOP_ID, key_card=card) as clerk:
        await clerk.authenticate()
        await clerk.write(patches.add_listing(LISTING))
        for number in range(LOG_SETS):
            text = f"{number:3}" + "x" * 40_000
            await clerk.write([NewPatch("replace", DESCRIPTION, text)] * 8)
        at_rest, files = meter.resident_bytes(), 0
        disk, used, began = _size_of(relay.data_dir), meter.usage(), time.monotonic()
        reset(relay.process.pid)
        hoarding = asyncio.create_task(run_hoarders(relay.url, guests))
        answers_s: list[float] = []
        while not hoarding.done():
            before = time.monotonic()
            await asyncio.wait_for(clerk.write(patches.set_price(LISTING.id, len(answers_s))), 60)
            answers_s.append(time.monotonic() - before)
            files = max(files, open_files(relay.process.pid))
            await asyncio.sleep(0.01)
        cores = (meter.usage() - used).cpu_s / (time.monotonic() - began)
    return Outcome(
        at_rest,
        meter.peak_bytes(),
        answers_s,
        cores,
        read_report(report),
        _size_of(relay.data_dir) - disk,
        files,
        await hoarding,
    )


def _size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


async def run_hoarders(url: str, guests: list[bytes]) -> dict[str, dict[str, int]]:
    """Run the hoarders' process to its end; give what each kind did."""
    hoarders = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.system.hostile.hoarders",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
    )
    orders = {
        "url": url,
        "shop_id": SHOP_ID,
        "guests": [guest.hex() for guest in guests],
        "sessions": HOARDERS,
        "seconds": SECONDS,
        "kinds": [KIND] if KIND else [*KINDS, *HTTP_KINDS][:HOARDERS],
    }
    output, _ = await hoarders.communicate(json.dumps(orders).encode() + b"\n")
    assert hoarders.returncode == 0
    done: dict[str, dict[str, int]] = json.loads(output)
    return done


def tell(outcome: Outcome) -> None:
    """Print what was seen, for `pytest -s`."""
    answers = sorted(outcome.answers_s)
    print(
        f"\n{HOARDERS} hoarders, {SECONDS:g} s: {outcome.at_rest / MIB:.1f} MiB at rest, "
        f"{outcome.memory / MIB:.1f} MiB at most; {outcome.cores:.2f} cores, longest turn "
        f"{outcome.longest.turn_cpu_s * 1000:.1f} ms of processor time; "
        f"disk {outcome.disk / MIB:.1f} MiB more; {outcome.files} files at most; "
        f"{len(answers)} writes of the clerk answered, "
        f"p99 {answers[len(answers) * 99 // 100] * 1000:.1f} ms, most {answers[-1] * 1000:.1f} ms"
    )
    for kind, done in outcome.done.items():
        print(f"  {kind}: {done}")
