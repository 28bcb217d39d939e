"""Orders paid through seeded lives of forks, faults, kills and downtime (spec 06, 07).

`MINIRELAY_SEED=7` lives one of them again, `MINIRELAY_SEEDS=1000` so many, from 0 on, and
`MINIRELAY_SEEDS=850-999` those from 850 to 999.
"""

import os
from pathlib import Path

import pytest

from tests.payments.payment_simulation import PaidLife

ONE = os.environ.get("MINIRELAY_SEED")


def seeds() -> range:
    """Return which lives are lived."""
    if ONE is not None:
        return range(int(ONE), int(ONE) + 1)
    first, dash, last = os.environ.get("MINIRELAY_SEEDS", "4").partition("-")
    return range(int(first), int(last) + 1) if dash else range(int(first))


@pytest.mark.parametrize("seed", seeds())
async def test_an_order_is_paid_if_its_money_is_on_the_chain_in_the_end(seed: int, tmp_path: Path) -> None:
    await PaidLife(seed, tmp_path).run()
