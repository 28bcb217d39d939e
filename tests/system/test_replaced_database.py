"""The database is moved away, deleted or swapped under a running relay."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from minirelay.client import RelayClient, patches
from minirelay.client.errors import RelayRefused
from minirelay.web.health import FRESH_S
from tests.system.programs import demo_clerk, minirelay_dev
from tests.system.test_hostile_input import verify

WITHIN_S = 10.0


def swap(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


def move_away(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


@pytest.mark.parametrize("change", [swap, move_away, Path.unlink])
async def test_nothing_more_is_acknowledged_and_health_says_so(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    with minirelay_dev("--data", str(data)) as program:
        async with demo_clerk(program) as client, aiohttp.ClientSession() as http:
            await client.write(patches.set_price(7, 1))
            async with http.get(f"{program.url}/health") as response:
                assert response.status == 200
            (path,) = data.rglob("minirelay.sqlite")
            change(path)
            await write_until_refused(client)
            for number in range(20):
                with pytest.raises(RelayRefused, match="could not be stored"):
                    await client.write(patches.set_price(7, number))
            # The answer from before stands for half a second.
            await asyncio.sleep(FRESH_S)
            async with http.get(f"{program.url}/health") as response:
                assert response.status == 500
        lines = [line for line in program.log.read_text().splitlines() if "restart the relay" in line]
        assert 1 <= len(lines) <= 2, lines  # the writer's, and the one of /health
        assert "Traceback" not in program.log.read_text()
        assert program.stop() == 0


async def write_until_refused(client: RelayClient) -> None:
    async with asyncio.timeout(WITHIN_S):
        number = 1
        while True:
            number += 1
            try:
                await client.write(patches.set_price(7, number))
            except RelayRefused:
                return
            await asyncio.sleep(0.05)


async def test_a_restart_on_what_is_there_now_serves_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with minirelay_dev("--data", str(data)) as program:
        async with demo_clerk(program) as client:
            await client.write(patches.set_price(7, 1))
        assert program.stop() == 0
    (path,) = data.rglob("minirelay.sqlite")
    saved = path.read_bytes()
    with minirelay_dev("--data", str(data)) as program:
        async with demo_clerk(program) as client:
            path.unlink()
            path.write_bytes(saved)
            await write_until_refused(client)
        program.kill()
    assert verify(str(path.parent)).returncode == 0
