"""A killed relay whose write-ahead log, or database, is lost as well: it refuses, or goes on behind a gap."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from minirelay.client import Checkpoint, LogRestored, PrivateKey, RelayClient, patches
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.gaps import GAP_STEP
from minirelay.store.database import FILE_NAME
from minirelay.store.high_water import HIGH_WATER_FILE, read_high_water
from tests.system.killable import WALLET, KillableRelay, assert_verified, killable_relay
from tests.system.serving import OWNER_KEY, relay_signers_of

TIMEOUT_S = 30.0
WAL = f"{FILE_NAME}-wal"
KEY = PrivateKey(b"\x51" * 32)


@asynccontextmanager
async def client_of(relay: KillableRelay, *, is_new: bool = False) -> AsyncIterator[RelayClient]:
    signers = relay_signers_of(WALLET)
    async with RelayClient.connect(
        relay.url, shop_id=relay.shop_id, key_card=KEY, relay_signers=signers
    ) as client:
        if is_new:
            await client.enrol(OWNER_KEY)
        await client.authenticate()
        yield client


async def follow(relay: KillableRelay, checkpoint: Checkpoint | None = None) -> Checkpoint:
    """Follow to the end of the log."""
    async with client_of(relay) as client, await client.follow(checkpoint) as follower:
        await asyncio.wait_for(follower.caught_up(), TIMEOUT_S)
        assert follower.is_complete
        return follower.checkpoint()


async def write(relay: KillableRelay, *names: str, is_new: bool = False) -> Checkpoint:
    """Write tags; give the end of the log, as a client has it by then."""
    async with client_of(relay, is_new=is_new) as client, await client.follow() as follower:
        await asyncio.wait_for(follower.caught_up(), TIMEOUT_S)
        for name in names:
            root = await client.write(patches.add_tag(name))
            await asyncio.wait_for(follower.wait_for_root(root), TIMEOUT_S)
        return follower.checkpoint()


async def noted(relay: KillableRelay, seq: int) -> None:
    """Wait until the file beside the database knows of a set."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            mark = read_high_water(relay.data / HIGH_WATER_FILE)
            if mark is not None and mark.ends.get(relay.shop_id) == seq:
                return
            await asyncio.sleep(0.01)


def contents(relay: KillableRelay) -> dict[str, bytes]:
    # What is left of the operator's socket is no file.
    files = {file.name: file.read_bytes() for file in relay.data.iterdir() if file.is_file()}
    for name in ("minirelay.lock", f"{FILE_NAME}-shm"):
        files.pop(name, None)
    return files


async def assert_refused(relay: KillableRelay, *words: str) -> None:
    before = contents(relay)
    for _ in range(2):
        said = len(relay.log)
        await relay.fork()
        assert await relay.ended() == 1
        (line,) = relay.log[said:]
        assert line.startswith("minirelay: ")
        for word in (*words, "data is missing", WAL, "--accept-loss"):
            assert word in line
    assert contents(relay) == before


async def go_on(relay: KillableRelay) -> None:
    """Start it once with the flag, then as always."""
    await relay.start("--accept-loss")
    assert await relay.stop() == 0
    await relay.start()


def delete(data: Path) -> None:
    (data / WAL).unlink()


def cut(data: Path) -> None:
    os.truncate(data / WAL, (data / WAL).stat().st_size - 1)


@pytest.mark.parametrize("lose", [delete, cut])
async def test_a_write_ahead_log_that_is_lost_is_missed(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, lose: Callable[[Path], None]
) -> None:
    async with killable_relay(tmp_path, dev_chain, deployment, MINIRELAY_HIGH_WATER_INTERVAL="10ms") as relay:
        await relay.start()
        behind = await write(relay, "before", is_new=True)
        assert await relay.stop() == 0
        ends: list[int] = [behind.position.seq]
        for round_ in ("first", "second"):
            # What is in the database itself, without its write-ahead log.
            base = ends[-1]
            await relay.start()
            kept = await follow(relay, behind)
            ahead = await write(relay, f"{round_} one", f"{round_} two")
            assert ahead.position.seq == base + 2
            await noted(relay, base + 2)
            await relay.kill()
            # A kill alone loses nothing.
            await relay.start()
            assert (await follow(relay)).position == ahead.position
            ahead = await write(relay, f"{round_} three")
            await noted(relay, base + 3)
            await relay.kill()
            lose(relay.data)
            await assert_refused(relay, f"the log of shop {relay.shop_id}", f"went on to {base + 3}")
            await go_on(relay)
            end = (await follow(relay)).position.seq
            assert base <= end < base + 3
            with pytest.raises(LogRestored):
                await follow(relay, ahead)
            # Whoever was behind goes on over the gap, and so does whoever begins anew.
            told = await write(relay, f"{round_} again")
            assert told.position.seq % GAP_STEP == 0
            assert told.position.seq > ahead.position.seq
            with pytest.raises(LogRestored):
                await follow(relay, ahead)
            for known in (behind, kept, None):
                found = await follow(relay, known)
                assert (found.position, found.state.root_hash) == (told.position, told.state.root_hash)
            ends.append(told.position.seq)
            assert await relay.stop() == 0
            await assert_verified(relay.data)
            behind = told
        assert len(set(ends)) == 3


async def test_a_database_that_is_gone_is_missed(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with killable_relay(tmp_path, dev_chain, deployment) as relay:
        await relay.start()
        ahead = await write(relay, "one", "two", is_new=True)
        assert await relay.stop() == 0
        shutil.move(relay.data / FILE_NAME, tmp_path / "elsewhere")
        await assert_refused(relay, "has no sets")
        assert not (relay.data / FILE_NAME).exists()
        await go_on(relay)
        # The same key card, and a shop that begins anew.
        begun = await write(relay, "three", is_new=True)
        assert begun.position.seq % GAP_STEP == 1
        with pytest.raises(LogRestored):
            await follow(relay, ahead)
        assert await relay.stop() == 0
        await assert_verified(relay.data)
