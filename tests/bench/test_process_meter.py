"""The meter agrees with what a process knows of itself."""

import os
import subprocess
import sys
import time

import pytest

from minirelay.bench.process_meter import ProcessMeter

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def own_meter() -> ProcessMeter:
    meter = ProcessMeter.of(os.getpid())
    assert meter is not None
    return meter


def test_time_on_a_core() -> None:
    meter = own_meter()
    before, own = meter.usage(), time.process_time()
    while time.process_time() < own + 0.2:
        pass
    used = meter.usage() - before
    assert used.cpu_s == pytest.approx(0.2, abs=0.05)
    assert 0.1 < used.loop_cpu_s <= used.cpu_s + 0.02
    assert used.waited_s >= 0


def test_memory() -> None:
    meter = own_meter()
    before = meter.resident_bytes()
    block = bytearray(os.urandom(1024)) * (32 * 1024)
    assert 24 * 2**20 < meter.resident_bytes() - before < 64 * 2**20
    del block


def test_a_process_that_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert ProcessMeter.of(process.pid) is None
