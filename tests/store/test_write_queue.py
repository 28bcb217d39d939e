"""Whose turn is next: a commit waits for one step at most, and no step for ever."""

import asyncio

import msgspec

from minirelay.store.batch import Batch, Writable
from minirelay.store.write_queue import COMMITS_BETWEEN, SLICE_BYTES, STEP_BYTES, Waiting, WriteQueue

BLOCK_BYTES = 256 * 1024


class Part(msgspec.Struct, frozen=True):
    """Something to write; it has no rows, since nothing is written here."""

    weight: int
    epoch: None = None

    def add_to(self, batch: Batch) -> None:
        raise NotImplementedError


def waiting(weight: int, *, is_step: bool = False) -> Waiting:
    part: Writable = Part(weight)
    return Waiting(asyncio.get_running_loop().create_future(), part, weight, is_step=is_step)


def add(queue: WriteQueue, *weights: int, is_step: bool = False) -> list[Waiting]:
    added = [waiting(weight, is_step=is_step) for weight in weights]
    for one in added:
        queue.add(one)
    return added


def turns(queue: WriteQueue) -> list[str]:
    """Take and settle everything; tell what each transaction was."""
    found = []
    while queue:
        batch = queue.take(is_failing=False)
        found.append("move" if batch[0].moves else "step" if batch[0].is_step else "commits")
        queue.settle(batch, is_stored=True)
    return found


async def test_commits_go_before_the_blocks_that_came_before_them() -> None:
    queue = WriteQueue()
    add(queue, *[BLOCK_BYTES] * 16, is_step=True)
    commits = add(queue, 100, 100)
    assert queue.take(is_failing=False) == commits


async def test_a_commit_waits_for_one_step_whatever_is_uploaded() -> None:
    queue = WriteQueue()
    add(queue, *[BLOCK_BYTES] * 16, is_step=True)
    under_way = queue.take(is_failing=False)
    assert sum([one.weight for one in under_way]) <= STEP_BYTES
    commits = add(queue, 100)
    queue.settle(under_way, is_stored=True)
    assert queue.take(is_failing=False) == commits


async def test_no_transaction_holds_commits_and_steps() -> None:
    queue = WriteQueue()
    while_taking = []
    for _ in range(20):
        add(queue, 100, 200)
        add(queue, 100, 200, is_step=True)
        batch = queue.take(is_failing=False)
        while_taking.append({one.is_step for one in batch})
        queue.settle(batch, is_stored=True)
    assert {False} in while_taking
    assert {True} in while_taking
    assert {False, True} not in while_taking


async def test_a_step_has_its_turn_however_many_commits_come() -> None:
    queue = WriteQueue()
    step, *_ = add(queue, BLOCK_BYTES, is_step=True)
    for _ in range(COMMITS_BETWEEN):
        add(queue, 100)
        batch = queue.take(is_failing=False)
        assert not batch[0].is_step
        queue.settle(batch, is_stored=True)
    add(queue, 100)
    assert queue.take(is_failing=False) == [step]


async def test_small_steps_share_a_transaction_up_to_the_bound() -> None:
    queue = WriteQueue()
    steps = add(queue, STEP_BYTES // 2, STEP_BYTES // 2, 1, STEP_BYTES + 1, 1, is_step=True)
    taken = []
    while queue:
        taken.append(queue.take(is_failing=False))
    assert taken == [steps[:2], steps[2:3], steps[3:4], steps[4:]]


async def test_what_steps_wrote_is_moved_in_slices_with_commits_between() -> None:
    queue = WriteQueue()
    add(queue, *[BLOCK_BYTES] * 4, is_step=True)
    assert turns(queue) == ["step", "step", "move", "step", "step", "move"]
    add(queue, *[BLOCK_BYTES] * 2, is_step=True)
    for _ in range(2):
        queue.settle(queue.take(is_failing=False), is_stored=True)
    add(queue, 100)
    assert turns(queue) == ["commits", "move"]


async def test_an_upload_goes_on_when_what_it_made_due_is_moved() -> None:
    queue = WriteQueue()
    step, *_ = add(queue, SLICE_BYTES, is_step=True)
    assert queue.settle(queue.take(is_failing=False), is_stored=True) == []
    move = queue.take(is_failing=False)
    assert [one.done for one in queue.settle(move, is_stored=True)] == [step.done]


async def test_a_step_that_failed_is_told_at_once() -> None:
    queue = WriteQueue()
    steps = add(queue, SLICE_BYTES, is_step=True)
    assert queue.settle(queue.take(is_failing=False), is_stored=False) == steps
    assert not queue


async def test_a_move_that_failed_is_not_tried_before_more_was_written() -> None:
    queue = WriteQueue()
    add(queue, SLICE_BYTES, 1, is_step=True)
    queue.settle(queue.take(is_failing=False), is_stored=True)
    queue.settle(queue.take(is_failing=False), is_stored=False)
    assert turns(queue) == ["step"]


async def test_steps_keep_nobody_from_making_commits() -> None:
    queue = WriteQueue()
    add(queue, *[BLOCK_BYTES] * 100, is_step=True)
    assert queue.commit_bytes == 0
    add(queue, 100)
    assert queue.commit_bytes == 100


async def test_dropping_the_commits_leaves_the_steps() -> None:
    queue = WriteQueue()
    commits, steps = add(queue, 100, 100), add(queue, 100, is_step=True)
    assert queue.drop_commits() == commits
    assert queue.commit_bytes == 0
    assert queue.take(is_failing=False) == steps
