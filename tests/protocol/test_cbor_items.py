"""What hostile items may cost: memory and time. What they mean is in `test_cbor.py`."""

import time
import tracemalloc
from collections.abc import Callable

import pytest

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor_reader import Reader

KIB = 1024
HOSTILE: dict[str, Callable[[int], bytes]] = {
    "empty lists": lambda size: b"\x9f" + b"\x80" * size + b"\xff",
    "empty maps": lambda size: b"\x9f" + b"\xa0" * size + b"\xff",
    "nested lists": lambda size: b"\x81" * size,
    "numbers": lambda size: b"\x9f" + b"\x19\x01\x00" * (size // 3) + b"\xff",
    "short texts": lambda size: b"\x9f" + b"\x62ab" * (size // 3) + b"\xff",
    "small maps": lambda size: b"\x9f" + b"\xa1\x61a\xf6\x00\x00\x00\x00" * (size // 8) + b"\xff",
    "text keys": lambda size: (
        b"\xbf"
        + b"".join(b"\x63%c%c%c\xf6" % (n >> 14 & 127, n >> 7 & 127, n & 127) for n in range(size // 5))
        + b"\xff"
    ),
    "integer keys": lambda size: (
        b"\xbf" + b"".join(b"\x1b%b\xf6" % (n << 20).to_bytes(8) for n in range(size // 10)) + b"\xff"
    ),
    "chunks of text": lambda size: b"\x7f" + b"\x60" * size + b"\xff",
    "chunks of bytes": lambda size: b"\x5f" + b"\x41a" * (size // 2) + b"\xff",
    "a bignum": lambda size: b"\xc2\x5a" + size.to_bytes(4) + b"\xff" * size,
    "a bignum of zeros": lambda size: b"\xc2\x5a" + size.to_bytes(4) + b"\0" * size,
    "a time": lambda size: b"\xc0\x7a" + size.to_bytes(4) + b"0" * size,
    "tags": lambda size: b"\xc0" * size,
    "a count": lambda size: b"\x9a" + size.to_bytes(4) + b"\x9a" * size,
    "not quite text": lambda size: b"\x7a" + size.to_bytes(4) + b"a" * (size - 1) + b"\xff",
}


def read(data: bytes) -> None:
    try:
        Reader(data).item()
    except MalformedInput:
        return


@pytest.mark.parametrize("kind", HOSTILE)
def test_memory_stays_in_proportion_to_the_input(kind: str) -> None:
    data = HOSTILE[kind](256 * KIB)
    tracemalloc.start()
    try:
        read(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 48 * len(data)


def seconds_for(data: bytes) -> float:
    """The best of some runs, in CPU time of this process: what else the machine does hardly shows."""
    took = []
    for _ in range(3):
        start = time.process_time()
        read(data)
        took.append(time.process_time() - start)
    return min(took)


@pytest.mark.parametrize("kind", HOSTILE)
def test_time_stays_in_proportion_to_the_input(kind: str) -> None:
    small, large = HOSTILE[kind](16 * KIB), HOSTILE[kind](512 * KIB)
    # 32 times the input; quadratic would be 1024 times the time. The constant keeps the clock's grain out.
    assert seconds_for(large) < 160 * (seconds_for(small) + 0.0005)
