"""The garbage collector pauses for one at a time, and goes on whatever happens."""

import gc
import threading

import pytest

from minirelay.relay.collection_pause import collection_paused


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
