"""`minirelay blobs`: what nothing names, and removing it through the running relay."""

import asyncio
import json
from pathlib import Path

import pytest

from minirelay.cli.main import run
from minirelay.client import NewPatch
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.cbor import Value
from tests.system.serving import serving

PNG = b"\x89PNG\r\n\x1a\n"


def blobs(directory: Path, *arguments: str) -> int:
    return run(["blobs", *arguments, "--data-dir", str(directory)])


async def test_what_nothing_names_is_listed_and_removed(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(tmp_path, dev_chain, deployment) as running, running.client() as clerk:
        assert await asyncio.to_thread(blobs, tmp_path, "--all") == 0
        assert capsys.readouterr().out == "no files\n"
        shown = (await clerk.upload_blob(PNG)).ipfs_path.rpartition("/")[2]
        unused = (await clerk.upload_blob(PNG + bytes(300_000))).ipfs_path.rpartition("/")[2]
        metadata: Value = {
            "Title": "Bowl",
            "Description": "of clay",
            "Images": [f"{running.url}/ipfs/{shown}"],
        }
        await clerk.write(
            [NewPatch("add", ("Listings", 1), {"ID": 1, "Price": 1, "Metadata": metadata, "ViewState": 1})]
        )
        assert await asyncio.to_thread(blobs, tmp_path) == 0
        head, row, total = capsys.readouterr().out.splitlines()
        assert head.split() == ["file", "size", "age"]
        assert row.split()[:3] == [unused, "293.0", "KiB"]
        assert total == "1 file, 293.0 KiB together"
        assert await asyncio.to_thread(blobs, tmp_path, "--all", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert {(one["cid"], one["size"], one["is_named"]) for one in found} == {
            (shown, 8, True),
            (unused, 300_008, False),
        }
        assert {one["shop_ids"][0] for one in found} == {str(running.shop_id)}
        assert await asyncio.to_thread(blobs, tmp_path, "--all") == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
        # Its first characters name it; those of no file stop all of it before anything is removed.
        assert await asyncio.to_thread(blobs, tmp_path, "remove", unused[:8], "Qmnothing") == 2
        assert "there is no file Qmnothing" in capsys.readouterr().err
        assert await asyncio.to_thread(blobs, tmp_path, "remove", unused[:7]) == 2
        capsys.readouterr()
        assert await asyncio.to_thread(blobs, tmp_path, "remove", unused[:8]) == 0
        assert capsys.readouterr().out == f"{unused} is removed: 293.0 KiB\n"
        assert await asyncio.to_thread(blobs, tmp_path, "remove", unused) == 1
        assert capsys.readouterr().err.startswith(f"minirelay: there is no file {unused}")
        # A file that is named goes, too, if the operator wants it.
        assert await asyncio.to_thread(blobs, tmp_path, "remove", "--json", shown) == 0
        assert json.loads(capsys.readouterr().out) == [{"cid": shown, "size": 8}]
    assert await asyncio.to_thread(blobs, tmp_path, "--all", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_cannot_be_removed_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert blobs(tmp_path, "remove", "Qm/../x") == 2
    assert "a CID of version 0 has 46 characters" in capsys.readouterr().err
    assert blobs(tmp_path, "remove", "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n") == 1
    assert capsys.readouterr().err.startswith(f"minirelay: {tmp_path}: no relay runs there")
