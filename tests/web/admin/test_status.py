"""The operator's page asks how the relay is."""

from pathlib import Path

from aiohttp import ClientSession, UnixConnector

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.web.admin_socket import socket_path
from tests.system.serving import serving


async def test_a_relay_says_how_it_is_and_was(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with serving(tmp_path, dev_chain, deployment):
        with socket_path(tmp_path) as path:
            async with ClientSession(connector=UnixConnector(path)) as http:
                async with http.get("http://relay/v1/now") as answer:
                    now = await answer.json()
                async with http.get("http://relay/v1/history?minutes=5") as answer:
                    history = await answer.json()
                async with http.get("http://relay/v1/history?minutes=x") as answer:
                    assert answer.status == 400
    assert (now["is_well"], now["problems"]) == (True, [])
    assert [one["chain"] for one in now["chains"]] == [31337]
    assert history["step_s"] == 60
    assert set(history["series"]) >= {"sessions", "writes", "ack_p95_ms"}
