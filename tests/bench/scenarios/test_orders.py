"""A shop of many orders."""

from dataclasses import replace

import pytest

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.orders import run
from minirelay.bench.session import BenchError
from tests.bench.conftest import TINY
from tests.bench.sections import values_of


def test_a_shop_of_orders_opens() -> None:
    section = run(Bench(replace(TINY, orders=2000), lambda _: None))
    values = values_of(section)
    assert "2,000" in section.title
    # A fiftieth of the orders, ten times what is allowed of them: the machine does other things meanwhile.
    assert 0 < values["relay, all threads"] <= 10 * goals.OPENING_ORDERS_S.bound / 50
    assert goals.OPENING_ORDERS_S.is_must


def test_a_running_relay_is_not_restarted(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        run(bench)
