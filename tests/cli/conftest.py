"""What holds for all tests of commands."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logging_stays() -> Iterator[None]:
    """Put logging back: commands that run in this process set it up for theirs."""
    root, ours = logging.getLogger(), logging.getLogger("minirelay")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    logging.captureWarnings(False)
