"""How large patch sets and pushes may be (spec 01, 02)."""

from typing import Final

MAX_PATCHES_PER_PUSH: Final = 64
MAX_PUSH_BYTES: Final = 768 * 1024
MAX_SET_BYTES: Final = 900 * 1024
"""A larger set is pushed in parts, no larger than this either if its header isn't."""

MAX_FRAME_BYTES: Final = 1024 * 1024
"""What clients' libraries refuse a frame above."""

# Request id, subscription id, and the tags and lengths around them and around the one set of a push.
_MOST_PUSH_FRAMING_BYTES: Final = (2 + 1 + 10) + (1 + 4) + (2 + 2) + (1 + 4)

MAX_PART_BYTES: Final = MAX_FRAME_BYTES - 1 - _MOST_PUSH_FRAMING_BYTES
"""A part of a set with a large header, so that there are few which repeat it: its push is below 1 MiB."""

MAX_REPEATED_BYTES: Final = 2 * 1024
"""A larger header with its signature is a large one; there may be such in old logs."""

MAX_PATCHES_PER_SET: Final = 16384
MAX_HEADER_BYTES: Final = 1024

# What a log may hold is older than some limits of what is accepted, and is read all the same. These two are
# what fits into the 2 MiB of the largest set.
MOST_LOGGED_CONTAINERS: Final = 266_240
"""Lists and maps in one patch or header."""

MOST_LOGGED_LEVELS: Final = 17
"""Of a set's tree: it has at most 131,072 leaves."""

# Tag and number: the sequence number, the leaf index. Tag and length: header, signature, patch, proof.
_MOST_FRAMING_BYTES: Final = (1 + 10) + (1 + 5) + 4 * (1 + 5)


def most_patch_bytes(header_bytes: int, signature_bytes: int, proof_bytes: int) -> int:
    """Return how large one patch may be, so that a set of it alone is not larger than MAX_SET_BYTES."""
    return MAX_SET_BYTES - _MOST_FRAMING_BYTES - header_bytes - signature_bytes - proof_bytes
