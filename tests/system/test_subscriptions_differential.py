"""The subscription path against a full scan of the log, in random histories (docs/testing.md)."""

import os
from pathlib import Path

import pytest

from tests.system.histories import play

FIRST_SEED = 1
SHORT = 30


def seeds() -> list[int]:
    """List the histories to play: one that is named, as many as are asked for, or a few."""
    if named := os.environ.get("MINIRELAY_SEED"):
        return [int(named)]
    count = int(os.environ.get("MINIRELAY_HISTORIES", SHORT))
    return list(range(FIRST_SEED, FIRST_SEED + count))


@pytest.mark.parametrize("seed", seeds())
async def test_everybody_gets_what_a_full_scan_says(tmp_path: Path, seed: int) -> None:
    try:
        assert await play(seed, tmp_path) > 0
    except BaseException as error:
        error.add_note(f"MINIRELAY_SEED={seed} replays this history alone")
        raise
