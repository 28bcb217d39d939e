"""Large sets: one push at a time, few in memory, and read no more often than needed (spec 01)."""

import asyncio
import threading
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from minirelay.errors import StoreError
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.push import decode_set, encode_push
from minirelay.protocol.sizes import MAX_FRAME_BYTES
from minirelay.relay import large_sets as module
from minirelay.relay.large_sets import AT_ONCE, LargeSet, LargeSets, Step
from minirelay.relay.packing import Cursor
from minirelay.shop.access import Role
from minirelay.shop.visibility import View, view_of
from minirelay.store.database import Store
from minirelay.store.messages import EMPTY_COUNTS, Leaf, ShopRow, StoredSet
from minirelay.store.reader import Reader
from minirelay.store.writes import Commit
from tests.relay.house import SHOP
from tests.relay.legacy_sets import LISTINGS, leaves_of, legacy_set

EVERYTHING = view_of(Role.CLERK)
LISTING = view_of(Role.VISITOR, types={ObjectType.LISTING})
ROW = 1
HEADER = 900_000


def one_listing(number: int) -> View:
    return view_of(Role.VISITOR, types=(), objects={(ObjectType.LISTING, number.to_bytes(8))})


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the row ids of the shops of which a page was read, as it is read."""
    read: list[int] = []
    page = Reader.page

    async def counting(self: Reader, shop: int, *args: Any, **kwargs: Any) -> list[StoredSet]:
        read.append(shop)
        return await page(self, shop, *args, **kwargs)

    monkeypatch.setattr(Reader, "page", counting)
    return read


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    """Yield a log: 1 and 3 to 8 with large headers, 2 as new sets are."""
    async with await Store.open(tmp_path) as store:
        counts = EMPTY_COUNTS
        for seq in range(1, 9):
            header, patches = (10, 1200) if seq == 2 else (HEADER, 3000)
            stored, _ = legacy_set(seq, counts, header, patches)
            counts = stored.counts
            commit = Commit(
                epoch=store.writer.epoch,
                shop=ROW,
                sets=(stored,),
                new_shop=ShopRow(ROW, SHOP, 0) if seq == 1 else None,
            )
            await store.writer.commit(commit)
        yield store.reader


async def all_steps(large_sets: LargeSets, view: View, seq: int) -> list[Step]:
    """Take all pushes of one set, as a reader does who has time."""
    steps = [await large_sets.step(ROW, view, Cursor(seq - 1), 8)]
    while steps[-1].cursor.leaf:
        assert steps[-1].cursor.seq == seq - 1
        steps.append(await large_sets.step(ROW, view, steps[-1].cursor, 8))
    assert steps[-1].cursor == Cursor(seq)
    return steps


async def test_the_parts_of_a_set_are_what_the_view_sees_of_it(reader: Reader) -> None:
    stored, root_hash = legacy_set(1, EMPTY_COUNTS, HEADER, 3000)
    large_sets = LargeSets(reader)
    for view in (EVERYTHING, LISTING, one_listing(7)):
        pushes = [step.push for step in await all_steps(large_sets, view, 1)]
        parts = [decode_set(push.sets[0]) for push in pushes if push is not None]
        assert leaves_of(parts, root_hash) == list(view.visible(stored.leaves))
        assert [len(part.patches) for part in parts] == [push.patch_count for push in pushes if push]
        assert all(
            push and len(encode_push(-(2**62), b"\0\1", push.sets)) < MAX_FRAME_BYTES for push in pushes
        )


async def test_the_next_part_and_another_view_cost_no_reading(reader: Reader, pages: list[int]) -> None:
    large_sets = LargeSets(reader)
    for view in (EVERYTHING, LISTING, *(one_listing(number) for number in range(LISTINGS))):
        assert await all_steps(large_sets, view, 1)
    assert pages == [ROW]


async def test_no_leaf_is_looked_at_twice_for_the_parts_of_a_set(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[Leaf] = []
    sees = View.sees

    def note(self: View, leaf: Leaf) -> bool:
        looked_at.append(leaf)
        return sees(self, leaf)

    monkeypatch.setattr(View, "sees", note)
    steps = await all_steps(LargeSets(reader), LISTING, 1)
    assert len(steps) > 5
    assert len(looked_at) <= 3000 + len(steps)


async def test_a_whole_set_that_fits_into_a_push_is_pushed_as_it_is_stored(reader: Reader) -> None:
    (step,) = await all_steps(LargeSets(reader), EVERYTHING, 2)
    assert step.push is not None
    (stored,) = await reader.page(ROW, after_seq=1, upto_seq=2, max_patches=1, max_bytes=1)
    assert (step.push.sets, step.push.patch_count) == ((stored.wire,), 1200)


async def test_a_set_of_which_nothing_is_visible_moves_the_cursor(reader: Reader) -> None:
    view = view_of(Role.VISITOR, types={ObjectType.TAG})
    assert await LargeSets(reader).step(ROW, view, Cursor(0), 8) == Step(None, Cursor(1))


async def test_a_log_that_ends_too_early_is_an_error(reader: Reader) -> None:
    with pytest.raises(StoreError):
        await LargeSets(reader).step(ROW, EVERYTHING, Cursor(8), 9)


async def test_what_is_kept_has_a_budget(reader: Reader, pages: list[int]) -> None:
    stored, _ = legacy_set(1, EMPTY_COUNTS, HEADER, 3000)
    size = LargeSet(stored).size_bytes
    large_sets = LargeSets(reader, kept_bytes=3 * size)
    for seq in (1, 3, 4, 1, 5, 1, 3):
        await large_sets.step(ROW, LISTING, Cursor(seq - 1), 8)
        assert large_sets.held_bytes <= 3 * size
    # 1 was used again and again; 3 had to go for 5.
    assert pages == [ROW] * 5
    nothing = LargeSets(reader, kept_bytes=0)
    for _ in range(2):
        assert await all_steps(nothing, one_listing(1), 1)
    assert not nothing.held_bytes


async def test_many_views_of_many_sets_take_the_memory_of_a_few(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []
    working = 0
    lock = threading.Lock()
    step = LargeSet.step

    def note(self: LargeSet, view: View, leaf: int) -> Step:
        nonlocal working
        with lock:
            working += 1
            at_once.append(working)
        try:
            return step(self, view, leaf)
        finally:
            with lock:
                working -= 1

    monkeypatch.setattr(LargeSet, "step", note)
    large_sets = LargeSets(reader, kept_bytes=0)
    stored, _ = legacy_set(1, EMPTY_COUNTS, HEADER, 3000)
    size = LargeSet(stored).size_bytes

    async def take(view: View, seq: int) -> None:
        await large_sets.step(ROW, view, Cursor(seq - 1), 8)

    takers = [take(one_listing(number), seq) for number in range(1, 20) for seq in (1, 3, 4, 5, 6, 7, 8)]
    tracemalloc.start()
    try:
        await asyncio.gather(*takers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert max(at_once) <= AT_ONCE
    # Each of those under way: its row as it was read, the set, one part.
    assert peak < (AT_ONCE + 1) * (3 * size + MAX_FRAME_BYTES)
    assert len(takers) * size > 4 * peak


def test_the_largest_set_and_a_few_fit_into_what_is_kept() -> None:
    # Patches of a frame of 2 MiB, 16,384 proofs of 494 bytes, and the log's record of each patch.
    largest = 2 * 1024 * 1024 + 16_384 * (494 + 8 + module.LEAF_BYTES)
    assert 2 * largest < module.KEPT_BYTES
