"""Backups over HTTP."""

from pathlib import Path

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.system.serving import serving
from tests.web.admin.asking import operator_of


async def test_a_backup_is_begun_where_one_is_configured(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    target = tmp_path / "kept"
    async with (
        serving(tmp_path, dev_chain, deployment, backup__file=str(target)),
        operator_of(tmp_path) as http,
    ):
        async with http.get("/v1/backups") as answer:
            found = await answer.json()
        assert (found["file"], found["keep"]) == (str(target), 7)
        # It makes its first one by itself, or one is begun now.
        async with http.post("/v1/backups") as answer:
            assert answer.status in (202, 409)


async def test_without_a_place_none_is_begun(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with (
        serving(tmp_path, dev_chain, deployment),
        operator_of(tmp_path) as http,
        http.post("/v1/backups") as answer,
    ):
        assert answer.status == 409
        assert "backup.file" in (await answer.json())["error"]
