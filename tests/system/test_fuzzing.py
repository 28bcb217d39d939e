"""Mutated input for everything that decodes what strangers send: a short, seeded run (docs/testing.md)."""

import os

import pytest

from tests.fuzz.targets import TARGETS

SHORT = 2000


def seeds(share: float) -> range:
    """List the inputs to make: one that is named, as many as are asked for, or a few."""
    if named := os.environ.get("MINIRELAY_SEED"):
        return range(int(named), int(named) + 1)
    return range(int(int(os.environ.get("MINIRELAY_INPUTS", SHORT)) * share))


@pytest.mark.parametrize("name", TARGETS)
def test_any_input_is_read_or_refused_as_documented(name: str) -> None:
    target = TARGETS[name]
    mutator = target.mutator(name)
    for sound in target.corpus():
        target.check(sound)
    for seed in seeds(target.share):
        data = mutator.make(seed)
        try:
            target.check(data)
        except BaseException as error:
            error.add_note(f"MINIRELAY_SEED={seed} replays this input alone: {data!r}")
            raise
