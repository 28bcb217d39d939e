"""`/ready` says within 15 s that something is the matter, and by itself that it is over (spec 09, "Health").

A relay in a process of its own. The full disk is a small tmpfs: where none can be mounted, that is skipped.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import ClientSession

from minirelay.client import RelayRefused
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.store.database import FILE_NAME, open_readonly
from tests.chain.faults import disconnect, no_fault
from tests.chain.faulty_proxy import faulty_proxies
from tests.system.killable import WALLET, KillableRelay, assert_verified, killable_relay
from tests.system.ledger import WholeLog
from tests.system.traffic import Traffic, listing

WITHIN_S = 15.0
DISK_BYTES = 24 * 2**20
FLOOR = "8MiB"


async def ask(relay: KillableRelay) -> tuple[int, dict[str, Any]]:
    async with ClientSession() as http, http.get(f"{relay.url}/ready") as response:
        return response.status, await response.json()


async def becomes(relay: KillableRelay, status: int, reason: str = "", within_s: float = WITHIN_S) -> None:
    """Wait until `/ready` says so."""
    found: tuple[int, dict[str, Any]] | None = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = await ask(relay)
                if found[0] == status and reason in str(found[1]["reasons"]):
                    return
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise AssertionError(f"it said {found}; the relay said:\n{relay.tail}") from error


async def alerts(relay: KillableRelay) -> dict[str, bool]:
    """List the kinds of alerts, and whether what they tell of is over."""
    async with await open_readonly(relay.data) as store:
        return {one.kind: one.ended_at is not None for one in (await store.reader.alerts()).alerts}


async def alert_is(relay: KillableRelay, kind: str, *, over: bool) -> None:
    async with asyncio.timeout(WITHIN_S):
        while (await alerts(relay)).get(kind) is not over:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@asynccontextmanager
async def running(
    directory: Path, chain: DevChain, contracts: Deployment, *flags: str, **variables: str
) -> AsyncIterator[KillableRelay]:
    async with killable_relay(directory, chain, contracts, **variables) as relay:
        await relay.start(*flags)
        await becomes(relay, 200)
        yield relay


# -- the database


def move_away(path: Path) -> Path:
    return path.rename(path.with_name("ours"))


def swap(path: Path) -> Path:
    ours = move_away(path)
    shutil.copy(ours, path)
    return ours


@pytest.mark.parametrize("change", [move_away, swap])
async def test_a_database_that_is_gone_or_another_until_the_first_is_back(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, change: Callable[[Path], Path]
) -> None:
    async with running(tmp_path, dev_chain, deployment) as relay:
        async with Traffic.at(relay, WALLET.address, Random(1)) as traffic:
            client, _ = await traffic.client()
            await client.write(listing(1, "x"))
            path = relay.data / FILE_NAME
            ours = change(path)
            await becomes(relay, 503, "database")
            with pytest.raises(RelayRefused, match="could not be stored"):
                await client.write(listing(2, "x"))
            ours.replace(path)
            await becomes(relay, 200)
            await client.write(listing(2, "x"))
        assert await relay.stop() == 0
        await assert_verified(relay.data)


async def test_a_copy_of_the_database_needs_a_restart(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with running(tmp_path, dev_chain, deployment) as relay:
        path = relay.data / FILE_NAME
        ours = swap(path)
        await becomes(relay, 503, "database")
        ours.unlink()
        await becomes(relay, 503, "database")
        async with asyncio.timeout(WITHIN_S):
            await relay.says("restart the relay")
        assert await relay.stop() == 0
        await relay.start()
        await becomes(relay, 200)
        assert await relay.stop() == 0


# -- the disk


def run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk, as root or with a sudo that asks for no password."""
    place = tmp_path / "data"
    place.mkdir()
    options = ("-t", "tmpfs", "-o", f"size={DISK_BYTES},uid={os.getuid()},mode=0700", "tmpfs", str(place))
    sudo: tuple[str, ...] = ()
    if not run("mount", *options):
        sudo = ("sudo", "-n")
        if not run(*sudo, "mount", *options):
            pytest.skip("no disk can be mounted here: that needs root, or sudo without a password")
    yield place
    assert run(*sudo, "umount", str(place))


def leave_free(disk: Path, size_bytes: int) -> Path:
    """Fill a disk up to so many bytes; gives the file that does it."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - size_bytes)
    return filler


async def test_a_disk_below_its_floor_and_a_full_one(
    tmp_path: Path, small_disk: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with running(tmp_path, dev_chain, deployment, "--set", f"disk_floor={FLOOR}") as relay:
        async with Traffic.at(relay, WALLET.address, Random(1)) as traffic:
            client, _ = await traffic.client()
            await client.write(listing(1, "x"))
            filler = leave_free(small_disk, 4 * 2**20)
            await becomes(relay, 503, "disk is nearly full")
            with pytest.raises(RelayRefused, match="relay storage is full, try again later"):
                await client.write(listing(2, "x"))
            # Reading goes on, and the alert is stored though the disk is low.
            await traffic.watch_as_visitor()
            log = await WholeLog.read(relay.data, relay.shop_id)
            for watcher in traffic.watchers:
                await watcher.has_reached(log)
            await alert_is(relay, "low disk", over=False)
            filler.unlink()
            await becomes(relay, 200)
            await client.write(listing(2, "x"))
            await alert_is(relay, "low disk", over=True)

            filler = leave_free(small_disk, 0)
            await becomes(relay, 503, "disk is nearly full")
            await becomes(relay, 503, "database does not take writes")
            with pytest.raises(RelayRefused, match="relay storage is full, try again later"):
                await client.write(listing(3, "x"))
            filler.unlink()
            await becomes(relay, 200)
            await client.write(listing(3, "x"))
            await alert_is(relay, "low disk", over=True)
        assert await relay.stop() == 0
        await assert_verified(relay.data)


# -- the loop


async def test_a_process_that_stood_still(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with running(tmp_path, dev_chain, deployment) as relay:
        relay.send_signal(signal.SIGSTOP)
        await asyncio.sleep(7)
        relay.send_signal(signal.SIGCONT)
        await becomes(relay, 503, "the event loop stood still")
        await becomes(relay, 200, within_s=40)
        assert await relay.stop() == 0


# -- a chain


async def test_a_chain_behind_its_limit(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> None:
    async with faulty_proxies(dev_chain.rpc_url, 1) as (proxy,):
        urls = f"chains.31337.rpc_urls={proxy.url}"
        flags = ("--set", urls, "--set", "chains.31337.max_lag=2s")
        async with running(tmp_path, dev_chain, deployment, *flags) as relay:
            proxy.fault = disconnect
            await becomes(relay, 503, "chain 31337 was not read up to its head", within_s=2 + WITHIN_S)
            await alert_is(relay, "chain stuck", over=False)
            proxy.fault = no_fault
            await becomes(relay, 200, within_s=60)
            await alert_is(relay, "chain stuck", over=True)
            assert await relay.stop() == 0


# -- systemd


async def test_systemd_hears_that_it_serves_lives_and_stops(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.setblocking(False)

        async def hears(word: str) -> str:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    said = (await asyncio.get_running_loop().sock_recv(systemd, 4096)).decode()
                    if word in said.splitlines():
                        return said

        variables = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1500000"}
        async with running(tmp_path, dev_chain, deployment, **variables) as relay:
            assert f"STATUS=serving at {relay.url}, sessions: 0" in await hears("READY=1")
            for _ in range(3):
                await hears("WATCHDOG=1")
            assert await relay.stop() == 0
            await hears("STOPPING=1")
