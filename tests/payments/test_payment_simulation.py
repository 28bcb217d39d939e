"""Orders paid through seeded lives of forks, faults, kills and downtime (spec 06, 07).

`MINIRELAY_SEED=7` lives one of them again, `MINIRELAY_SEEDS=1000` so many, from 0 on.
"""

import os
from pathlib import Path

import pytest

from tests.payments.payment_simulation import PaidLife

SEEDS = int(os.environ.get("MINIRELAY_SEEDS", "4"))
ONE = os.environ.get("MINIRELAY_SEED")


@pytest.mark.parametrize("seed", range(SEEDS) if ONE is None else [int(ONE)])
async def test_an_order_is_paid_if_its_money_is_on_the_chain_in_the_end(seed: int, tmp_path: Path) -> None:
    await PaidLife(seed, tmp_path).run()
