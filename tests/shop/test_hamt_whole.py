"""What goes through a whole trie, and lets others go on meanwhile."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from minirelay.shop.hamt import Hamt
from minirelay.shop.hamt_node import NO_NODE
from minirelay.shop.hamt_trail import ROOT_SHIFT, SLOT_BITS, SLOT_MASK, trail_of
from minirelay.shop.hamt_whole import build, entries

ENTRIES = [(number.to_bytes(8), b"\x00") for number in range(20_000)]


def leaves_slots_empty(key: bytes) -> bool:
    """Say whether a key's trail avoids the last slot of the first three levels."""
    trail = trail_of(key)
    return all(trail >> ROOT_SHIFT - level * SLOT_BITS & SLOT_MASK != SLOT_MASK for level in range(3))


CHOSEN = [entry for entry in ENTRIES if leaves_slots_empty(entry[0])]
"""As somebody may choose keys: no node has as many bytes as hashlib needs to let others in by itself."""


def test_what_is_built_is_what_is_listed() -> None:
    root, size = build(ENTRIES)
    assert size == len(ENTRIES)
    assert dict(entries(root)) == dict(ENTRIES)
    assert build(entries(root))[0].hash() == root.hash()


def test_of_nothing_a_node_without_entries_is_built() -> None:
    root, size = build([])
    assert (size, list(entries(root)), root.hash()) == (0, [], NO_NODE.hash())


def test_of_entries_with_the_same_key_the_last_counts() -> None:
    assert Hamt.from_items([(b"k", b"\x01"), (b"l", b"\x02"), (b"k", b"\x03")]) == Hamt.from_items(
        [(b"l", b"\x02"), (b"k", b"\x03")]
    )


def test_entries_are_listed_by_their_slots_those_of_a_child_in_its_place() -> None:
    child = NO_NODE.with_leaf(4, (b"c", b"3")).with_leaf(8, (b"d", b"4"))
    node = NO_NODE.with_leaf(4, (b"b", b"2")).with_leaf(2, (b"e", b"5")).with_leaf(1, (b"a", b"1"))
    node = node.with_child(2, child)
    assert b"".join(key for key, _ in entries(node)) == b"acdb"


@contextmanager
def another_thread() -> Iterator[Callable[[], int]]:
    """Let another thread count for as long as the block runs; give what says how far it is."""
    count, is_over = 0, False

    def go_on() -> None:
        nonlocal count
        while not is_over:
            count += 1

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield lambda: count
    finally:
        is_over = True
        thread.join()
        sys.setswitchinterval(interval)


def _build(_trie: Hamt) -> None:
    build(CHOSEN)


def _list(trie: Hamt) -> None:
    dict(trie.items())


def _hash(trie: Hamt) -> None:
    _ = trie.root_hash


@pytest.mark.parametrize("go_through_all", [_build, _list, _hash])
def test_others_go_on_meanwhile(go_through_all: Callable[[Hamt], None]) -> None:
    # What is compiled lets nobody else in by itself, for as long as it takes.
    with another_thread() as count:
        for _ in range(1000):
            trie = Hamt.from_items(CHOSEN)
            before = count()
            go_through_all(trie)
            if count() > before:
                return
    pytest.fail("no other thread was let in")
