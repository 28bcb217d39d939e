"""The whole relay, killed again and again while many write and follow (docs/testing.md)."""

import asyncio
import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.system.killable import WALLET, KillableRelay, assert_verified, killable_relay
from tests.system.ledger import WholeLog
from tests.system.traffic import Traffic

KILLS = int(os.environ.get("MINIRELAY_KILLS", "20"))
SEED = int(os.environ.get("MINIRELAY_SEED", "1"))
FIRST_START_S, START_S, STOP_S = 1.0, 0.1, 0.1
"""About as long as it takes: a start in which the relay's token is minted, another one, and a stop."""

STOPS = 5
MOST_STOP_S = 10.0


async def after_some_answers(relay: KillableRelay, traffic: Traffic, draw: random.Random) -> None:
    await relay.ready()
    await traffic.more_acknowledged(draw.choice([1, 5, 40]))
    await relay.kill()


async def after_some_time(relay: KillableRelay, traffic: Traffic, draw: random.Random) -> None:
    await relay.ready()
    await asyncio.sleep(draw.uniform(0, 0.3))
    await relay.kill()


async def while_it_starts(relay: KillableRelay, traffic: Traffic, draw: random.Random) -> None:
    await asyncio.sleep(draw.uniform(0, START_S))
    await relay.kill()


async def while_it_sends_a_backlog(relay: KillableRelay, traffic: Traffic, draw: random.Random) -> None:
    await relay.ready()
    await traffic.first_pushes(draw.randint(1, 200))
    await relay.kill()


async def while_it_stops(relay: KillableRelay, traffic: Traffic, draw: random.Random) -> None:
    await relay.ready()
    await traffic.more_acknowledged(draw.choice([1, 5]))
    await relay.stop_and_kill(draw.uniform(0, STOP_S))


KILLERS = [
    after_some_answers,
    after_some_answers,
    after_some_time,
    while_it_starts,
    while_it_sends_a_backlog,
    while_it_stops,
]


async def kill_again_and_again(relay: KillableRelay, traffic: Traffic, draw: random.Random) -> None:
    await relay.fork()
    await asyncio.sleep(draw.uniform(0, FIRST_START_S))
    await relay.kill()
    await relay.start()
    await traffic.begin()
    for _ in range(KILLS):
        await draw.choice(KILLERS)(relay, traffic, draw)
        await relay.fork()
    await relay.ready()
    await traffic.more_acknowledged(20)
    await traffic.end_writing()
    await traffic.check(await WholeLog.read(relay.data, relay.shop_id))
    assert traffic.acknowledged >= KILLS
    assert traffic.not_stored == 0


async def test_a_killed_relay_has_lost_nothing_that_it_had_acknowledged(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    draw = random.Random(SEED)
    # What is noted beside the database is as close behind it as can be: it must never be ahead.
    async with killable_relay(tmp_path, dev_chain, deployment, MINIRELAY_HIGH_WATER_INTERVAL="1ms") as relay:
        try:
            async with Traffic.at(relay, WALLET.address, draw) as traffic:
                await kill_again_and_again(relay, traffic, draw)
        except BaseException as error:
            error.add_note(f"MINIRELAY_SEED={SEED} MINIRELAY_KILLS={KILLS}; the relay said:\n{relay.tail}")
            raise
        assert await relay.stop() == 0
        assert not any(" bug" in line for line in relay.log), relay.tail
        tokens = {word for line in relay.log for word in line.split() if word.startswith("token=")}
        assert len(tokens) == 1, "a token was minted twice"
        await assert_verified(relay.data)


async def stop_and_signal(relay: KillableRelay, second: signal.Signals) -> int:
    """Tell it to stop, and once it stops send it the second signal; give its exit code."""
    told = len(relay.log)
    relay.send_signal(signal.SIGTERM)
    async with asyncio.timeout(MOST_STOP_S):
        while relay.is_running and not any(" stopping " in line for line in relay.log[told:]):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        if relay.is_running:
            # It may just have ended.
            with suppress(ProcessLookupError):
                relay.send_signal(second)
        return await relay.ended()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGKILL])
async def test_a_second_signal_ends_a_stop_at_once_and_loses_nothing_that_was_acknowledged(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, second: signal.Signals
) -> None:
    async with killable_relay(tmp_path, dev_chain, deployment, MINIRELAY_HIGH_WATER_INTERVAL="1ms") as relay:
        async with Traffic.at(relay, WALLET.address, random.Random(SEED)) as traffic:
            await relay.start()
            await traffic.begin()
            codes = []
            for _ in range(STOPS):
                await traffic.more_acknowledged(20)
                codes.append(await stop_and_signal(relay, second))
                await relay.start()
            # A stop may be done before the second signal comes, but not each time.
            assert set(codes) <= {0, -second}
            assert -second in codes
            await traffic.more_acknowledged(20)
            await traffic.end_writing()
            await traffic.check(await WholeLog.read(relay.data, relay.shop_id))
        assert await relay.stop() == 0
        await assert_verified(relay.data)
