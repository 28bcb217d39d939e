"""Backups of a relay that is written to, and what clients see of a restore."""

import asyncio
import os
from pathlib import Path

import pytest

from minirelay.client import LogRestored, RelayClient, patches
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.operations.backups import back_up
from minirelay.operations.manifest import Backup
from minirelay.operations.restoring import restore
from minirelay.protocol.gaps import GAP_STEP
from tests.system.killable import assert_verified, killable_relay
from tests.system.test_lost_data import client_of, follow, write

BACKUPS = int(os.environ.get("MINIRELAY_BACKUPS", "4"))
"""How many are taken of a busy relay; ten in the long form."""

PER_S = 100


async def keep_writing(client: RelayClient, first: int, roots: dict[int, str]) -> None:
    """Write PER_S sets a second until cancelled; note the root behind each. first: the first one's number."""
    loop = asyncio.get_running_loop()
    began_at, number = loop.time(), 0
    while True:
        root = await client.write(patches.add_tag(f"tag {number}"))
        roots[first + number] = f"0x{root.hex()}"
        number += 1
        await asyncio.sleep(max(0.0, began_at + number / PER_S - loop.time()))


async def test_each_backup_of_a_busy_relay_is_of_one_moment(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    roots: dict[int, str] = {}
    made: list[Backup] = []
    async with killable_relay(tmp_path, dev_chain, deployment) as relay:
        await relay.start()
        begun = await write(relay, is_new=True)
        async with client_of(relay) as client:
            writing = asyncio.create_task(keep_writing(client, begun.position.seq + 1, roots))
            while not roots:  # noqa: ASYNC110 - another task fills it
                await asyncio.sleep(0.01)
            for number in range(BACKUPS):
                made.append(await asyncio.to_thread(back_up, relay.data, tmp_path / f"backup{number}"))
            assert not writing.done()
            writing.cancel()
            await asyncio.wait([writing])
        assert await relay.stop() == 0
    for backup in made:
        (shop,) = backup.shops
        # The last one may have been on its way to the writer when it was cancelled.
        assert roots[shop.sequence_number] == shop.root_hash
    assert len({backup.shops[0].sequence_number for backup in made}) == BACKUPS
    for number in range(BACKUPS):
        directory = tmp_path / f"restored{number}"
        await asyncio.to_thread(restore, tmp_path / f"backup{number}", directory)
        await assert_verified(directory)
        again = await asyncio.to_thread(back_up, directory, tmp_path / f"again{number}")
        assert again.shops == made[number].shops


async def test_who_was_ahead_is_told_and_who_was_behind_goes_on_twice_over_from_one_backup(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    backup = tmp_path / "backup"
    async with killable_relay(tmp_path, dev_chain, deployment) as relay:
        await relay.start()
        behind = await write(relay, "one", is_new=True)
        at_the_end = await write(relay, "two", "three")
        await asyncio.to_thread(back_up, relay.data, backup)
        ahead = [await write(relay, "four", "five")]
        for round_ in ("first", "second"):
            assert await relay.stop() == 0
            await asyncio.to_thread(restore, backup, relay.data, force=True)
            await relay.start()
            # Before anything is written, and after.
            for checkpoint in ahead:
                with pytest.raises(LogRestored):
                    await follow(relay, checkpoint)
            told = await write(relay, f"{round_} again")
            assert told.position.seq % GAP_STEP == 0
            assert told.position.seq > max(one.position.seq for one in ahead)
            for checkpoint in ahead:
                with pytest.raises(LogRestored):
                    await follow(relay, checkpoint)
            for known in (behind, at_the_end, None):
                found = await follow(relay, known)
                assert (found.position, found.state.root_hash) == (told.position, told.state.root_hash)
            ahead.append(told)
        assert await relay.stop() == 0
        await assert_verified(relay.data)
