"""What a node tells of blocks and transactions, read, and refused where it is something else."""

from collections.abc import Callable
from typing import Any

import pytest

from minirelay.dev.admin.transactions import (
    BlockHeader,
    LoggedEvent,
    Outcome,
    SentTransaction,
    read_header,
    read_outcome,
    read_sent,
)
from minirelay.errors import MalformedInput

HASH, ADDRESS = "0x" + "ab" * 32, "0x" + "cd" * 20
BLOCK: dict[str, Any] = {"number": "0x5", "hash": HASH, "timestamp": "0x10", "transactions": [HASH]}
SENT: dict[str, Any] = {"from": ADDRESS, "to": None, "value": "0x7", "input": "0x0102"}
LOG: dict[str, Any] = {"address": ADDRESS, "topics": [HASH], "data": "0x03"}
RECEIPT: dict[str, Any] = {"status": "0x0", "gasUsed": "0x9", "contractAddress": ADDRESS, "logs": [LOG]}


def test_what_is_there_is_read() -> None:
    digest, address = bytes.fromhex(HASH[2:]), bytes.fromhex(ADDRESS[2:])
    assert read_header(BLOCK) == BlockHeader(5, digest, 16, (digest,))
    assert read_sent(SENT) == SentTransaction(address, None, 7, b"\x01\x02")
    assert read_outcome(RECEIPT) == Outcome(False, 9, address, (LoggedEvent(address, (digest,), b"\x03"),))


@pytest.mark.parametrize("read", [read_header, read_sent, read_outcome])
def test_what_is_gone_is_none_and_what_is_something_else_is_refused(read: Callable[[object], object]) -> None:
    assert read(None) is None
    others: tuple[object, ...] = (5, [], {}, "0x")
    for wrong in others:
        with pytest.raises(MalformedInput):
            read(wrong)


@pytest.mark.parametrize(
    ("read", "wrong"),
    [
        (read_header, BLOCK | {"hash": "0x01"}),
        (read_header, BLOCK | {"transactions": [{"hash": HASH}]}),
        (read_sent, SENT | {"from": None}),
        (read_sent, SENT | {"to": HASH}),
        (read_outcome, RECEIPT | {"logs": [5]}),
        (read_outcome, RECEIPT | {"logs": [LOG | {"topics": [HASH] * 5}]}),
        (read_outcome, RECEIPT | {"status": None}),
    ],
)
def test_wrong_sizes_are_refused(read: Callable[[object], object], wrong: object) -> None:
    with pytest.raises(MalformedInput):
        read(wrong)
