"""The poller through seeded lives: forks, faults, kills at every await, downtime of hours (spec 07).

`MINIRELAY_SEED=7` lives one of them again, `MINIRELAY_SEEDS=1000` so many, from 0 on.
"""

import os
from pathlib import Path

import pytest

from tests.chain.simulation import Simulation

SEEDS = int(os.environ.get("MINIRELAY_SEEDS", "50"))
ONE = os.environ.get("MINIRELAY_SEED")


@pytest.mark.parametrize("seed", range(SEEDS) if ONE is None else [int(ONE)])
async def test_whatever_happens_the_same_is_found_as_by_a_straight_replay(seed: int, tmp_path: Path) -> None:
    """What is told at each poll is held against the chain meanwhile; see `Ledger`."""
    await Simulation(seed, tmp_path).run()
