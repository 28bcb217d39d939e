"""How many balances go into one call."""

import pytest

from minirelay.chain.balance_chunks import GROW_AFTER, MOST_REMEMBERED, MOST_TOGETHER, Chunk, ChunkSizes
from minirelay.protocol.addresses import NATIVE_COIN

TOKEN = b"\x22" * 20


def holders(count: int, first: int = 0) -> list[bytes]:
    return [number.to_bytes(20) for number in range(first, first + count)]


def sizes_of(chunks: list[Chunk]) -> list[int]:
    return [len(chunk.holders) for chunk in chunks]


def test_each_token_has_chunks_of_its_own_and_the_order_is_kept() -> None:
    pairs = [(TOKEN, b"a"), (NATIVE_COIN, b"b"), (TOKEN, b"c"), *((NATIVE_COIN, one) for one in holders(700))]
    chunks = ChunkSizes().chunks("one", pairs)
    assert [(chunk.token, len(chunk.holders)) for chunk in chunks] == [
        (TOKEN, 2),
        (NATIVE_COIN, MOST_TOGETHER),
        (NATIVE_COIN, 201),
    ]
    assert {(chunk.token, holder) for chunk in chunks for holder in chunk.holders} == set(pairs)


def test_a_size_that_fails_is_remembered_for_that_endpoint_and_token() -> None:
    sizes = ChunkSizes()
    chunk = Chunk(TOKEN, holders(500))
    sizes.refuse("one", chunk)
    assert sizes_of(sizes.cut("one", chunk)) == [100] * 5
    assert sizes_of(sizes.cut("two", chunk)) == [500]
    assert sizes_of(sizes.cut("one", Chunk(NATIVE_COIN, holders(500)))) == [500]


@pytest.mark.parametrize(("failed", "next_size"), [(500, 100), (100, 20), (20, 4), (4, 1), (3, 1), (2, 1)])
def test_chunks_get_smaller_down_to_one(failed: int, next_size: int) -> None:
    sizes = ChunkSizes()
    sizes.refuse("one", Chunk(TOKEN, holders(failed)))
    assert len(sizes.cut("one", Chunk(TOKEN, holders(500)))[0].holders) == next_size


def test_they_grow_again_slowly_and_slower_each_time() -> None:
    sizes, full = ChunkSizes(), Chunk(TOKEN, holders(500))
    needed = []
    for _ in range(3):
        sizes.refuse("one", full)
        given = 0
        while len(sizes.cut("one", full)) > 1:
            sizes.give("one", Chunk(TOKEN, holders(100)))
            given += 1
        needed.append(given)
    assert needed == [2 * GROW_AFTER, 4 * GROW_AFTER, 8 * GROW_AFTER]


def test_small_chunks_say_nothing_of_larger_ones() -> None:
    sizes = ChunkSizes()
    sizes.refuse("one", Chunk(TOKEN, holders(500)))
    for _ in range(100 * GROW_AFTER):
        sizes.give("one", Chunk(TOKEN, holders(99)))
    assert len(sizes.cut("one", Chunk(TOKEN, holders(500)))) == 5


def test_strangers_cannot_make_it_remember_more_and_more() -> None:
    sizes = ChunkSizes()
    first = Chunk(b"first", holders(2))
    sizes.refuse("one", first)
    for number in range(MOST_REMEMBERED):
        sizes.refuse("one", Chunk(number.to_bytes(20), holders(2)))
    # What failed longest ago is forgotten.
    assert sizes_of(sizes.cut("one", first)) == [2]
