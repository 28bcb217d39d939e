"""How much one input of CBOR may hold: how deep, how many lists and maps, how many integer keys."""

from typing import Final

from minirelay.errors import MalformedInput

MAX_DEPTH: Final = 32
# Whoever picks integers can make them collide in a dict (their hashes are not salted): n keys then cost n²
# steps. Only chain ids are integer keys. Text and byte keys are salted and need no limit.
MAX_INTEGER_KEYS: Final = 1024  # in one input
# An empty map is one byte here and seventy in memory. Real sets have a map or list for every fifteen bytes.
SPARE_CONTAINERS: Final = 4096
BYTES_PER_CONTAINER: Final = 8


class Limits:
    """What is left of the limits of one input, and how many bignums were read.

    As values, bignums can't be told from plain integers.
    """

    __slots__ = ("bignums", "containers_left", "integer_keys_left", "levels_left")

    def __init__(self, containers: int) -> None:
        """containers: how many lists and maps there may be."""
        self.bignums = 0
        self.levels_left = MAX_DEPTH
        self.containers_left = containers
        self.integer_keys_left = MAX_INTEGER_KEYS


def most_containers(size: int) -> int:
    """Return how many lists and maps an input of this many bytes may have."""
    return SPARE_CONTAINERS + size // BYTES_PER_CONTAINER


def too_many_containers() -> MalformedInput:
    """Make the error for more lists and maps than an input of its size may have."""
    return MalformedInput("too many lists and maps for the size")


def go_down(limits: Limits) -> None:
    """Take note that a list or map is gone into. Raises MalformedInput."""
    if limits.levels_left == 0:
        raise MalformedInput(f"nested deeper than {MAX_DEPTH}")
    if limits.containers_left == 0:
        raise too_many_containers()
    limits.levels_left -= 1
    limits.containers_left -= 1
