"""How long the answers of endpoints may be: no longer than what was asked can need.

They follow from the questions, so none of them is a setting. Whatever is longer is a failure of the endpoint,
found while it arrives and before anything of it is decoded.
"""

from typing import Final

WORD_BYTES: Final = 32
"""What every value without a length of its own takes in the ABI."""

FRAME_BYTES: Final = 16 * 2**10
"""Room for the JSON around a value, or for an error with its words and data."""

LONGEST_BYTES: Final = 16 * 2**20
"""No answer may be longer, whatever is asked."""

_LONGER: Final = {
    # The hashes of all its transactions: 30,000 of them.
    "eth_getBlockByNumber": 2 * 2**20,
    # 128 KiB of call data, the most that nodes pass on, and what stands around it.
    "eth_getTransactionByHash": 512 * 2**10,
    # The logs of a thousand payments or transfers that were made together.
    "eth_getTransactionReceipt": 2**20,
    "eth_getLogs": LONGEST_BYTES,
}

_BYTES_PER_CONTAINER: Final = 128
_MIN_CONTAINERS: Final = 512


def most_bytes(method: str, data_bytes: int = 0) -> int:
    """Return the length of the longest answer to a method. data_bytes: what a call may return."""
    return _LONGER.get(method, FRAME_BYTES + 2 * data_bytes)


def most_containers(answer_bytes: int) -> int:
    """Return how many lists and objects an answer of this length may hold; each costs more than its text."""
    return max(_MIN_CONTAINERS, answer_bytes // _BYTES_PER_CONTAINER)


def array_bytes(items: int) -> int:
    """Return how long an array of that many words is, or a text that fills them, as a function returns it."""
    return (2 + items) * WORD_BYTES
