"""What is read again at each poll, and now and then."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from minirelay.chain import log_reading
from minirelay.chain.confirmations import Depths
from minirelay.chain.head_history import HeadHistory
from minirelay.chain.log_reading import OVERLAP, WIDE_INTERVAL_S, WIDE_S, first_read_again
from minirelay.chain.progress import Progress
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError
from tests.chain.chain_values import block
from tests.chain.polling import Polling


def range_of(request: Request) -> tuple[int, int] | None:
    if request.method != "eth_getLogs":
        return None
    (criteria,) = request.params
    assert isinstance(criteria, dict)
    return int(criteria["fromBlock"], 16), int(criteria["toBlock"], 16)


class MissingLogs:
    """A node that gives no logs of some blocks, as if it had not indexed them yet."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.ranges: list[tuple[int, int]] = []

    def __call__(self, request: Request) -> Answer | None:
        asked = range_of(request)
        if asked is None:
            return None
        self.ranges.append(asked)
        return Result([]) if asked[0] <= self.last and asked[1] >= self.first else None


async def test_what_an_endpoint_missed_is_found_when_it_is_read_again() -> None:
    polling = Polling()
    polling.mine(count=100)
    await polling.poll()
    polling.mine(7)
    polling.node.intercept = MissingLogs(101, 101)
    await polling.poll()
    assert polling.watch.seen == []
    polling.node.intercept = lambda request: None
    polling.mine(count=50)
    await polling.poll()
    assert polling.watch.deep == [7]


async def test_each_poll_reads_so_many_blocks_again() -> None:
    polling = Polling()
    polling.mine(count=500)
    await polling.poll()
    missing = MissingLogs(10**6, 10**6)
    polling.node.intercept = missing
    polling.mine(count=3)
    await polling.poll()
    assert missing.ranges == [(501 - OVERLAP, 503)]


async def test_now_and_then_ten_minutes_are_read_again() -> None:
    polling = Polling()
    for _ in range(200):
        polling.mine()
        await polling.poll(1)
    polling.node.intercept = MissingLogs(201, 201)
    polling.mine(7)
    await polling.poll(1)
    polling.node.intercept = lambda request: None
    polling.mine(count=40)
    await polling.poll(1)
    # Blocks of 12 s: what is beyond the overlap, but not ten minutes old.
    assert polling.watch.deep == [7]


async def test_the_wide_look_goes_on_at_the_next_poll_where_it_does_not_fit() -> None:
    polling = Polling()
    polling.node.intercept = lambda request: _at_most(request, 1)
    for _ in range(150):
        polling.mine()
        await polling.poll(1)
    await polling.poll(WIDE_INTERVAL_S)
    asked: list[tuple[int, int]] = []

    def note(request: Request) -> Answer | None:
        asked.extend([one for one in [range_of(request)] if one])
        return _at_most(request, 1)

    polling.node.intercept = note
    await polling.poll(WIDE_INTERVAL_S)
    assert len(asked) == len(set(asked))
    assert all(first <= 150 - OVERLAP for first, _ in asked)


def _at_most(request: Request, blocks: int) -> Answer | None:
    asked = range_of(request)
    too_large = RpcError(-32000, "block range is too large")
    return too_large if asked and asked[1] - asked[0] >= blocks else None


async def test_where_the_overlap_does_not_fit_what_is_new_comes_first() -> None:
    polling = Polling(requests=8)
    polling.mine(count=200)
    await polling.poll()

    async def refuse(requests: Sequence[Request]) -> list[Answer | None]:
        polling.node.requests += 1
        return [RpcError(-32600, "batch requests are not supported", is_for_all=True)] * len(requests)

    polling.node.intercept = lambda request: _at_most(request, 1)
    polling.node.ask_many = refuse  # type: ignore[method-assign]
    scanned = []
    for payment in range(1, 60):
        polling.mine(payment)
        for _ in range(4):
            await polling.poll()
        scanned.append(polling.marks[0] - polling.marks[1])
    assert scanned[-1] < 20
    assert polling.node.requests <= 8


def test_the_first_block_that_is_read_again_is_ten_minutes_old_or_the_overlaps() -> None:
    history = HeadHistory(tuple(map(block, range(1, 301))))
    slow = Progress(history, scanned=300, deep=298)
    assert first_read_again(slow) == 301 - OVERLAP
    assert first_read_again(Progress(history, scanned=30, deep=28)) == 0
    fast = HeadHistory(tuple(replace(block(one), timestamp=one) for one in range(1, 2001)))
    assert first_read_again(Progress(fast, scanned=2000, deep=1998)) == 2000 - WIDE_S
    assert first_read_again(Progress(HeadHistory((block(250), block(300))), 300, 298)) == 301 - OVERLAP


async def test_what_waits_to_be_deep_has_a_bound_and_all_of_it_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_reading, "MOST_SEEN", 20)
    polling = Polling(depths=Depths(5))
    polling.mine(*range(20))
    await polling.poll()
    for payment in range(20, 23):
        polling.mine(payment)
        await polling.poll()
        assert "eth_getLogs" not in polling.node.asked
        assert (len(polling.watch.seen), polling.marks[1]) == (20, 1)
    polling.mine(count=10)
    for _ in range(3):
        await polling.poll()
    assert polling.watch.deep == list(range(23))
    assert polling.marks == (14, 14, 10)
