"""A running relay for whoever needs no particular one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.relay.house import House, running_relay


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Run a relay with the default limits while the test runs."""
    async with running_relay(tmp_path) as house:
        yield house
