"""The garbage collector comes seldom, pauses for one at a time, and goes on whatever happens."""

import asyncio
import gc
import threading
import weakref

import pytest

from minirelay import garbage
from minirelay.garbage import FULL_AFTER, collection_paused, seldom_collected


class Node:
    """Something that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_is_there_at_the_start_is_never_gone_through_again() -> None:
    here = Node()
    async with seldom_collected():
        assert gc.get_freeze_count() > 10_000
        assert not any(one is here for one in gc.get_objects())
    assert gc.get_freeze_count() == 0
    assert any(one is here for one in gc.get_objects())


async def test_full_collections_never_come_in_the_middle_of_something() -> None:
    before = gc.get_threshold()
    async with seldom_collected():
        full = gc.get_stats()[2]["collections"]
        middle = gc.get_stats()[1]["collections"]
        nodes = [Node() for _ in range(400_000)]
        assert gc.get_stats()[1]["collections"] > middle
        assert gc.get_stats()[2]["collections"] == full
        del nodes
    assert gc.get_threshold() == before


async def test_what_got_old_before_it_became_garbage_is_collected_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(garbage, "CHECK_S", 0.001)
    async with seldom_collected(), asyncio.timeout(20):
        old = Node()
        gc.collect(1)
        is_there = weakref.ref(old)
        del old
        for _ in range(FULL_AFTER):
            gc.collect(1)
        while is_there() is not None:  # noqa: ASYNC110  (garbage gives no sign)
            await asyncio.sleep(0.001)


def test_it_goes_on_afterwards_whatever_happens() -> None:
    assert gc.isenabled()
    with collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collection_paused():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_pauses_that_overlap_do_not_make_one_long_one() -> None:
    is_second_in, may_leave = threading.Event(), threading.Event()

    def second() -> None:
        with collection_paused():
            is_second_in.set()
            assert may_leave.wait(20)

    thread = threading.Thread(target=second)
    with collection_paused():
        thread.start()
        assert is_second_in.wait(20)
    assert gc.isenabled()
    may_leave.set()
    thread.join()
    assert gc.isenabled()
    with collection_paused():
        assert not gc.isenabled()


def test_who_runs_without_a_collector_goes_on_without() -> None:
    gc.disable()
    try:
        with collection_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
