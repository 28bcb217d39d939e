"""Meters: the stopwatch counts what is done, long turns are seen, a process tells what it used."""

import asyncio
import os
import subprocess
import sys
import time

import pytest

from minirelay.bench.meters import LoopMeter, ProcessMeter, time_each


def test_every_input_is_worked_on_in_every_pass() -> None:
    seen: list[int] = []
    assert time_each(seen.append, [1, 2, 3], 0.0) >= 0
    assert seen == [1, 2, 3] * 3


def test_more_work_takes_longer() -> None:
    little = time_each(lambda turns: sum(range(turns)), [100] * 20, 0.02)
    much = time_each(lambda turns: sum(range(turns)), [100_000] * 20, 0.02)
    assert much > little * 10


def test_waiting_is_no_work() -> None:
    assert time_each(lambda _: time.sleep(0.01), [1], 0.0) < 5000


async def test_the_longest_turn_is_told() -> None:
    async with LoopMeter() as meter:
        await asyncio.sleep(0.01)
        for seconds in (0.05, 0.2, 0.01):
            time.sleep(seconds)  # noqa: ASYNC251 (to hold the loop is what is measured)
            await asyncio.sleep(0.005)
    assert 0.15 <= meter.longest_s < 5


async def test_the_last_turn_counts() -> None:
    async with LoopMeter() as meter:
        await asyncio.sleep(0.01)
        time.sleep(0.2)  # noqa: ASYNC251 (to hold the loop is what is measured)
    assert meter.longest_s >= 0.15


reads_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def own_meter() -> ProcessMeter:
    meter = ProcessMeter.of(os.getpid())
    assert meter is not None
    return meter


@reads_proc
def test_time_on_a_core() -> None:
    meter = own_meter()
    before, own = meter.usage(), time.process_time()
    while time.process_time() < own + 0.2:
        pass
    used = meter.usage() - before
    assert used.cpu_s == pytest.approx(0.2, abs=0.05)
    assert 0.1 < used.loop_cpu_s <= used.cpu_s + 0.02
    assert used.waited_s >= 0


@reads_proc
def test_memory() -> None:
    meter = own_meter()
    before = meter.resident_bytes()
    block = bytearray(os.urandom(1024)) * (32 * 1024)
    assert 24 * 2**20 < meter.resident_bytes() - before < 64 * 2**20
    del block


@reads_proc
def test_a_process_that_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert ProcessMeter.of(process.pid) is None
