"""When more is read from a client, and what its unanswered writes count for."""

import asyncio

from minirelay.relay.backpressure import REQUEST_BYTES, Backpressure
from minirelay.relay.memory_budget import MemoryBudget
from tests.relay.house import TIMEOUT_S


class Gate:
    """Backpressure with an outbox that the test fills."""

    def __init__(self, most_bytes: int = 100) -> None:
        self.is_full = False
        self.account = MemoryBudget(2**20).open(lambda _is_lingering: None)
        self.backpressure = Backpressure(most_bytes, self.account, lambda: self.is_full)


async def test_nothing_is_read_with_much_unanswered() -> None:
    backpressure = Gate(100).backpressure
    backpressure.took_write(60)
    assert (backpressure.may_receive, backpressure.has_much_unanswered) == (True, False)
    backpressure.took_write(40)
    assert (backpressure.may_receive, backpressure.has_much_unanswered) == (False, True)
    waiting = asyncio.create_task(backpressure.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    backpressure.settled_write(1)
    await asyncio.wait_for(waiting, TIMEOUT_S)
    assert backpressure.unanswered_bytes == 99


async def test_nothing_is_read_while_the_output_is_full() -> None:
    gate = Gate()
    gate.is_full = True
    waiting = asyncio.create_task(gate.backpressure.wait())
    await asyncio.sleep(0)
    # Something left, but not enough.
    gate.backpressure.note_change()
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not gate.backpressure.has_much_unanswered
    gate.is_full = False
    gate.backpressure.note_change()
    await asyncio.wait_for(waiting, TIMEOUT_S)


async def test_the_end_holds_nobody_up() -> None:
    gate = Gate()
    gate.is_full = True
    gate.backpressure.took_write(1000)
    waiting = asyncio.create_task(gate.backpressure.wait())
    await asyncio.sleep(0)
    gate.backpressure.end()
    await asyncio.wait_for(waiting, TIMEOUT_S)
    assert gate.backpressure.may_receive


def test_an_unanswered_write_counts_twice_and_is_given_back() -> None:
    gate = Gate(10**6)
    sizes = (0, 1, 5000)
    for size in sizes:
        gate.backpressure.took_write(size)
    assert gate.account.size_bytes == 2 * sum(sizes) + len(sizes) * REQUEST_BYTES
    for size in sizes:
        gate.backpressure.settled_write(size)
    assert gate.account.size_bytes == gate.backpressure.unanswered_bytes == 0
