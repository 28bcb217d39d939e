"""A process full of attackers, so that the test beside it has its processor time for itself.

Reads what it is to do as one line of JSON; prints, for each kind of attack, what it did.
"""

import asyncio
import json
import logging
import os
import random
import sys
from collections import Counter
from contextlib import suppress
from itertools import cycle, islice

from aiohttp import ClientSession, TCPConnector

from minirelay.protocol.signing import PrivateKey
from tests.system.hostile.attacks import ATTACKS, Target, go_on


async def attack_all(
    url: str, shop_id: int, guests: list[str], seconds: float, seed: int, kinds: list[str]
) -> None:
    """Attack with one attacker per guest card, each of the kinds in turn; of every kind if there are none."""
    kinds = kinds or list(ATTACKS)
    is_over = asyncio.Event()
    done: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    async with ClientSession(connector=TCPConnector(limit=0)) as http:
        tasks = []
        for number, (name, guest) in enumerate(zip(islice(cycle(kinds), len(guests)), guests, strict=True)):
            key = PrivateKey.from_bytes(bytes.fromhex(guest))
            chance = random.Random(f"{name} {number} {seed}")
            target = Target(url, shop_id, http, key, chance, is_over, done[name])
            tasks.append(asyncio.create_task(go_on(ATTACKS[name], target)))
        await _until_all_work(done)
        failed, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        is_over.set()
        for task in failed:
            if not task.cancelled():
                task.result()
        print(json.dumps(done), flush=True)
        # Without farewells: some would wait for answers, and the relay has to bear it.
        os._exit(0)


async def _until_all_work(done: dict[str, Counter[str]]) -> None:
    """Wait until each kind has got somewhere, a minute at most: on a busy machine it takes its time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            while not all(set(kind) - {"begun"} for kind in done.values()):  # noqa: ASYNC110  (mere counters)
                await asyncio.sleep(0.05)


def main() -> None:
    """Run, politely: the relay and the client that is watched go first."""
    os.nice(5)
    # That a connection which the relay closed can't be written to is the point.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    asyncio.run(attack_all(**json.loads(sys.stdin.readline())))


if __name__ == "__main__":
    main()
