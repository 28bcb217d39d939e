"""The CIDs of files are those of IPFS's own importer. Needs Node, and npm's registry once.

`MINIRELAY_CID_MIB=100` goes up to files of that size, `MINIRELAY_SEED=7` tries others.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from minirelay.blobs.cid import write_cid
from minirelay.blobs.unixfs import CHUNK_BYTES, MAX_LINKS, DagBuilder
from tests.dev.test_compile_contracts import OFFLINE

PROGRAMS = Path(__file__).parent / "ipfs_importer"
TIMEOUT_S = 300
MIB = 1024 * 1024
FULL_NODE = MAX_LINKS * CHUNK_BYTES
"""So large a file has as many chunks as one node may link to."""
SIZES = (
    *(0, 1, 255, 256, 65_535, 65_536),
    *(chunks * CHUNK_BYTES + more for chunks in (1, 2, 3, 8) for more in (-1, 0, 1)),
    *(FULL_NODE + more for more in (-1, 0, 1)),
)


@pytest.fixture(scope="module")
def importer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the importer and the program in it."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"the importer of IPFS is not tried: {' and '.join(missing)} not installed")
    directory = tmp_path_factory.mktemp("ipfs") / "importer"
    shutil.copytree(PROGRAMS, directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if any(reason in done.stderr for reason in OFFLINE):
        pytest.skip("the importer of IPFS is not tried: npm can't fetch it, there is no network")
    assert done.returncode == 0, done.stderr
    return directory


def sizes(chance: random.Random) -> list[int]:
    most = int(os.environ.get("MINIRELAY_CID_MIB", "0")) * MIB
    if not most:
        return [*SIZES, *(chance.randrange(4 * MIB) for _ in range(10))]
    boundaries = [chunks * CHUNK_BYTES for chunks in range(1, most // CHUNK_BYTES + 1, 13)]
    boundaries += range(FULL_NODE, most, FULL_NODE)
    found = [*SIZES, *(size + more for size in boundaries for more in (-1, 0, 1)), most]
    return [size for size in found if size <= most]


def theirs(importer: Path, files: list[Path]) -> list[str]:
    done = subprocess.run(
        ["node", "cids.mjs", *map(str, files)],
        cwd=importer,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def ours(data: bytes, chance: random.Random) -> str:
    builder = DagBuilder()
    start = 0
    while start < len(data):
        piece = chance.randrange(1, 3 * CHUNK_BYTES)
        for _ in builder.add(data[start : start + piece]):
            pass
        start += piece
    for _ in builder.finish():
        pass
    return write_cid(builder.root.hash)


def test_a_file_of_any_size_has_the_cid_that_ipfs_gives_it(importer: Path, tmp_path: Path) -> None:
    seed = os.environ.get("MINIRELAY_SEED", "1")
    chance = random.Random(seed)
    for size in sizes(chance):
        data = chance.randbytes(size)
        file = tmp_path / "file"
        file.write_bytes(data)
        assert theirs(importer, [file]) == [ours(data, chance)], f"{size} bytes, MINIRELAY_SEED={seed}"


def test_what_is_fetched_is_pinned_and_names_no_host() -> None:
    assert '"resolved"' not in (PROGRAMS / "package-lock.json").read_text()
    assert "^" not in (PROGRAMS / "package.json").read_text()
