"""Many attackers of every kind at once against one relay: memory, turns of the loop, a good client's answers.

In CI for a few seconds with ten times the bounds in time; as long and as strict as it is meant to be:

    MINIRELAY_ATTACK_S=60 python3 -m pytest tests/system/test_exhaustion.py -q -s

MINIRELAY_ATTACKS names some kinds, to see what each costs: "pings filters".
"""

import asyncio
import json
import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from minirelay.bench.meters import ProcessMeter
from minirelay.client import PrivateKey, RelayClient, patches
from minirelay.dev.accounts import ACCOUNTS
from tests.system.programs import Program, environment, minirelay_dev
from tests.system.test_hostile_input import verify
from tests.system.watched_relay import Longest, read_report, reset

pytestmark = pytest.mark.alone

SECONDS = float(os.environ.get("MINIRELAY_ATTACK_S", "8"))
ATTACKERS = int(os.environ.get("MINIRELAY_ATTACKERS", "64"))
KINDS = os.environ.get("MINIRELAY_ATTACKS", "").split()
IS_LONG = SECONDS >= 60
SLACK = 1 if IS_LONG else 10
MOST_TURN_S = 0.05 * SLACK
MOST_P99_S = 0.1 * SLACK
MOST_MEMORY = 512 * 1024 * 1024
WARM_UP_WRITES = 200
PAUSE_S = 0.005
OWNER = PrivateKey.from_bytes(bytes.fromhex(ACCOUNTS[0].private_key[2:]))


@dataclass
class Outcome:
    """What came of it. answers_s: of the good client, how long each took. memory: resident, the most seen."""

    answers_s: list[float]
    memory: int
    longest: Longest
    done: dict[str, dict[str, int]]

    def percentile_s(self, share: int) -> float:
        answers_s = sorted(self.answers_s)
        return answers_s[min(len(answers_s) * share // 100, len(answers_s) - 1)]


async def test_a_relay_under_attack_of_every_kind_serves_a_good_client(tmp_path: Path) -> None:
    report = tmp_path / "turns"
    data = str(tmp_path / "data")
    with minirelay_dev("--data", data, watched_by=report) as program:
        try:
            outcome = await attack(program, report)
        except BaseException as error:
            error.add_note(f"the relay's log:\n{program.log.read_text()[-20_000:]}")
            raise
        tell(outcome)
        assert program.process.poll() is None
        log = program.log.read_text()
        assert program.stop() == 0
    assert "Traceback" not in log
    assert all(set(kind) - {"begun"} for kind in outcome.done.values()), outcome.done
    assert outcome.memory <= MOST_MEMORY
    assert outcome.longest.turn_cpu_s <= MOST_TURN_S
    assert outcome.percentile_s(99) <= MOST_P99_S
    verified = verify(data)
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def attack(program: Program, report: Path) -> Outcome:
    """Let them loose while a clerk writes on."""
    demo = program.ready["demo_shop"]
    shop_id = int(demo["shop_id"])
    clerk = PrivateKey.from_bytes(bytes.fromhex(demo["key_card"].removeprefix("0x")))
    guests = [await enrol_guest(program, shop_id) for _ in range(ATTACKERS)]
    meter = ProcessMeter(program.process.pid)
    memory = 0
    async with RelayClient.connect(program.url, shop_id=shop_id, key_card=clerk) as client:
        await client.authenticate()
        for number in range(WARM_UP_WRITES):
            await client.write(patches.set_price(7, number))
        reset(program.process.pid)
        attacking = asyncio.create_task(run_attackers(program.url, shop_id, guests))
        answers_s: list[float] = []
        while not attacking.done():
            before = time.monotonic()
            await asyncio.wait_for(client.write(patches.set_price(7, len(answers_s))), 60)
            answers_s.append(time.monotonic() - before)
            memory = max(memory, meter.resident_bytes())
            await asyncio.sleep(PAUSE_S)
    return Outcome(answers_s, memory, read_report(report), await attacking)


async def enrol_guest(program: Program, shop_id: int) -> bytes:
    secret = secrets.token_bytes(32)
    key = PrivateKey.from_bytes(secret)
    async with RelayClient.connect(program.url, shop_id=shop_id, key_card=key) as client:
        await client.enrol(OWNER, guest=True)
    return secret


async def run_attackers(url: str, shop_id: int, guests: list[bytes]) -> dict[str, dict[str, int]]:
    """Run the attackers' process to its end; give what each kind did."""
    attackers = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.system.hostile.attackers",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
    )
    orders = {
        "url": url,
        "shop_id": shop_id,
        "guests": [guest.hex() for guest in guests],
        "seconds": SECONDS,
        "seed": int(os.environ.get("MINIRELAY_SEED", "1")),
        "kinds": KINDS,
    }
    output, _ = await attackers.communicate(json.dumps(orders).encode() + b"\n")
    assert attackers.returncode == 0
    done: dict[str, dict[str, int]] = json.loads(output)
    return done


def tell(outcome: Outcome) -> None:
    """Print what was seen, for `pytest -s`."""
    p50, p99, most = (outcome.percentile_s(share) * 1000 for share in (50, 99, 100))
    print(
        f"\n{ATTACKERS} attackers, {SECONDS:g} s: {len(outcome.answers_s)} writes answered, "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {most:.1f} ms; "
        f"longest turn {outcome.longest.turn_cpu_s * 1000:.1f} ms of processor time "
        f"({outcome.longest.late_s * 1000:.1f} by the wall); {outcome.memory / 2**20:.1f} MiB"
    )
    for kind, done in outcome.done.items():
        print(f"  {kind}: {done}")
