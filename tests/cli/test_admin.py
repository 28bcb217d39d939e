"""`minirelay admin`: a link to the page of the relay that runs."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import ClientSession

from minirelay.cli.main import run
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.system.serving import serving


async def test_the_link_logs_in_once(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        serving(tmp_path, dev_chain, deployment, admin_listen="127.0.0.1:0") as running,
        ClientSession() as http,
    ):
        assert await asyncio.to_thread(run, ["admin", "--data-dir", str(tmp_path)]) == 0
        (link,) = capsys.readouterr().out.splitlines()
        assert link.startswith(f"{running.server.login_links.url}/login?token=")
        statuses = []
        for _ in range(2):
            async with http.get(link) as answer:
                statuses.append(answer.status)
        assert statuses == [200, 403]
        assert await asyncio.to_thread(run, ["admin", "--json", "--data-dir", str(tmp_path)]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["url"] != link
        assert found["expires_in_s"] == 300


async def test_a_listener_that_is_off_is_said_to_be(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(tmp_path, dev_chain, deployment, admin_listen=""):
        assert await asyncio.to_thread(run, ["admin", "--data-dir", str(tmp_path)]) == 1
    assert "admin_listen" in capsys.readouterr().err


def test_without_a_relay_there_is_no_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "--data-dir", str(tmp_path)]) == 1
    assert "no relay runs there" in capsys.readouterr().err
