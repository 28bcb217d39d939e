"""A node for every test, in this process and in memory."""

from collections.abc import Iterator

import pytest

from minirelay.dev.chain.ledger import Ledger
from tests.dev.chain.asking import Asker, SlowClock


@pytest.fixture
def clock() -> SlowClock:
    """Return a machine clock that stands still unless it is told to move."""
    return SlowClock()


@pytest.fixture
def ask(clock: SlowClock) -> Iterator[Asker]:
    """Yield a node that mines at once, to be asked by JSON-RPC."""
    ledger = Ledger(None)
    yield Asker(ledger, clock)
    ledger.close()


@pytest.fixture
def ask_waiting(clock: SlowClock) -> Iterator[Asker]:
    """Yield a node that mines only when it is told to."""
    ledger = Ledger(None)
    yield Asker(ledger, clock, mines_at_once=False)
    ledger.close()
