"""What the README says is so: its commands exist, its example runs, its links lead somewhere."""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from minirelay.cli.main import COMMANDS
from minirelay.client import KnownRelays, RelayClient, RelayRefused, patches
from minirelay.config.loading import file_layer, load
from tests.cli.commands import command
from tests.system.programs import demo_clerk, environment, minirelay_dev

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_example_runs(tmp_path: Path) -> None:
    (program,) = blocks("python")
    with minirelay_dev() as relay:
        (tmp_path / "dev.json").write_text(json.dumps(dict(relay.ready)))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Hand Grinder now costs 0.042; root ")


async def test_a_dev_json_of_another_run_is_told_apart() -> None:
    with minirelay_dev() as relay:
        other = {"shop_id": "77", "key_card": "01" * 32}
        stale = replace(relay, ready={**relay.ready, "demo_shop": {**relay.ready["demo_shop"], **other}})
        with pytest.raises(RelayRefused, match=r"knows no such key card: .* of the same run"):
            async with demo_clerk(stale):
                pass
        visitor = RelayClient.connect(relay.url, shop_id=77, relay_signers=KnownRelays(bytes(20)))
        async with visitor as client:
            with pytest.raises(RelayRefused, match="this relay has no shop 77"):
                await client.follow()


async def test_the_backup_ends_while_the_relay_is_written_to(tmp_path: Path) -> None:
    assert "`minirelay backup FILE --keep 14`, while the relay runs" in README
    data = tmp_path / "data"
    with minirelay_dev("--data", str(data)) as program:
        async with demo_clerk(program) as client:
            for number in range(200):
                await client.write(patches.add_tag(f"{number} {'x' * 100_000}"))
            writing = asyncio.create_task(keep_writing(client))
            arguments = ("backup", str(tmp_path / "copy.sqlite"), "--keep", "14", "--data-dir", str(data))
            backup = await asyncio.create_subprocess_exec(*command(*arguments))
            async with asyncio.timeout(60):
                assert await backup.wait() == 0
            assert not writing.done()
            written_before = await stop_writing(writing)
        assert program.stop() == 0
    copy = tmp_path / "copy.sqlite"
    assert copy.stat().st_mode & 0o777 == 0o600
    connection = sqlite3.connect(copy)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (count,) = connection.execute("SELECT count(*) FROM patch_set").fetchone()
    finally:
        connection.close()
    assert count > 200
    assert written_before > 0


async def keep_writing(client: RelayClient) -> int:
    """Write far more often than a copy that begins again at each write could bear; until cancelled."""
    count = 0
    try:
        while True:
            await client.write(patches.set_price(7, count))
            count += 1
    except asyncio.CancelledError:
        return count


async def stop_writing(writing: "asyncio.Task[int]") -> int:
    writing.cancel()
    return await writing


def test_every_command_that_is_named_exists() -> None:
    named = set(
        re.findall(r"minirelay ([a-z]+)\b", " ".join(blocks("sh")) + " ".join(re.findall("`[^`]+`", README)))
    )
    assert named
    assert named <= set(COMMANDS)


def test_the_settings_file_is_one(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    file = tmp_path / "minirelay.toml"
    file.write_text(text)
    settings = load(file_layer(file))
    assert settings.base_url == "https://relay.example.org"
    settings.require_serving()


def test_ci_runs_the_command_of_the_readme() -> None:
    (command,) = [line for block in blocks("sh") for line in block.splitlines() if "tests/" in line]
    assert command in (ROOT / ".ci" / "run").read_text()


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
