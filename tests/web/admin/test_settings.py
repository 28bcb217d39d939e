"""The effective settings, with where they come from, without secrets."""

from pathlib import Path

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.system.serving import serving
from tests.web.admin.asking import operator_of


async def test_settings_have_their_origin_and_no_secrets(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    urls = [dev_chain.rpc_url, "https://example.org/very-secret-key"]
    async with (
        serving(tmp_path, dev_chain, deployment, chains__31337__rpc_urls=urls) as running,
        operator_of(tmp_path) as http,
        http.get("/v1/settings") as answer,
    ):
        text = await answer.text()
        found = {one["name"]: one for one in (await answer.json())["settings"]}
    assert "very-secret-key" not in text
    assert found["chains.31337.rpc_urls"]["value"][1].startswith("https://example.org")
    assert (found["data_dir"]["value"], found["data_dir"]["origin"]) == (str(tmp_path), "test")
    assert found["ping_interval"]["shown"] == "15s"
    assert found["ping_interval"]["value"] == 15
    assert found["ping_interval"]["origin"] == "default"
    assert found["relay_token_id"]["origin"] == "remembered in the database"
    assert int(found["relay_token_id"]["value"], 0) == running.server.relay_token
