"""Mutated inputs, each from a number: the same number gives the same input."""

import random
from collections.abc import Callable, Sequence

from tests.fuzz.byte_mutations import mutate_bytes
from tests.fuzz.cbor_mutations import NoTreeError

MOST_BYTES = 64 * 1024
MOST_CHANGES = 4

Mutate = Callable[[random.Random, bytes, bytes], bytes]


class Mutator:
    """Makes inputs out of sound ones."""

    def __init__(self, name: str, corpus: Sequence[bytes], *forms: Mutate) -> None:
        """name: of what is fuzzed. forms: how inputs may be changed, besides as mere bytes."""
        self._name = name
        self._corpus = corpus
        self._forms = forms

    def make(self, seed: int) -> bytes:
        """Make the input that has this number."""
        chance = random.Random(f"{self._name} {seed}")
        return self.change(chance, chance.choice(self._corpus))

    def change(self, chance: random.Random, data: bytes) -> bytes:
        """Change an input in one or some places."""
        for _ in range(1 + int(chance.expovariate(0.8)) % MOST_CHANGES):
            donor = chance.choice(self._corpus)
            # Mere bytes seldom leave anything that gets past the first check.
            mutate = chance.choice(self._forms) if self._forms and chance.random() < 0.8 else mutate_bytes
            try:
                data = mutate(chance, data, donor)[:MOST_BYTES]
            except NoTreeError:
                data = mutate_bytes(chance, data, donor)[:MOST_BYTES]
        return data
