import pytest

from minirelay.client.completeness import Completeness, is_last_leaf
from minirelay.client.received import Position, ReceivedSet, open_received
from minirelay.protocol.gaps import number_after_restore
from minirelay.protocol.mmr import proofs
from minirelay.protocol.push import SequencedPartialPatchSet
from tests.client.logs import CLERK, SHOP_ID, Log, add_listing, changed, new_shop

AFTER_RESTORE = number_after_restore(3, 1_800_000_000)


@pytest.mark.parametrize("count", [*range(1, 34), 63, 64, 65, 127, 129])
def test_only_the_last_leaf_is_the_last(count: int) -> None:
    proved = proofs([b"patch %d" % number for number in range(count)])
    told = [leaf for leaf, proof in enumerate(proved) if is_last_leaf(proof, leaf)]
    assert told == [count - 1]


def test_the_last_leaf_of_the_largest_set_is_found() -> None:
    count = 16_384 // 2 + 1
    proved = proofs([b"%d" % number for number in range(count)])
    assert is_last_leaf(proved[-1], count - 1)
    assert not is_last_leaf(proved[-2], count - 2)


def log_of(*sizes: int) -> Log:
    """A log of three sets and then sets of so many listings."""
    log = new_shop()
    numbers = iter(range(1, 1000))
    for size in sizes:
        log.add(CLERK, [one for _ in range(size) for one in add_listing(next(numbers))])
    return log


def part(log: Log, seq: int, *leaves: int) -> ReceivedSet:
    return open_received(log.set(seq, leaves or None), SHOP_ID)


def fed(log: Log, *parts: ReceivedSet) -> Completeness:
    completeness = Completeness()
    for one in (part(log, 1), part(log, 2), part(log, 3), *parts):
        completeness.add(one)
    return completeness


def test_a_whole_log_has_no_gap() -> None:
    log = log_of(1, 5)
    seen = fed(log, part(log, 4), part(log, 5))
    assert seen.first_gap is None
    assert seen.is_whole
    assert seen.position == Position(5)


def test_a_set_in_parts_is_whole_with_its_last_part() -> None:
    log = log_of(5)
    seen = fed(log, part(log, 4, 0, 1))
    assert seen.first_gap is None
    assert not seen.is_whole
    assert seen.position == Position(4, 1)
    seen.add(part(log, 4, 2, 3, 4))
    assert seen.is_whole
    assert seen.position == Position(4)


def test_a_missing_set_is_a_gap() -> None:
    log = log_of(1, 1)
    seen = fed(log, part(log, 5))
    assert seen.first_gap == "patch set 4"
    assert not seen.is_whole


def behind_a_restore(pushed: SequencedPartialPatchSet) -> ReceivedSet:
    """Return a set with the number that the first one behind the gap of a restore has."""
    return open_received(changed(pushed, seq=AFTER_RESTORE), SHOP_ID)


def test_the_gap_of_a_restore_leaves_nothing_out() -> None:
    log = log_of(1, 1)
    seen = fed(log, behind_a_restore(log.set(4)))
    assert seen.first_gap is None
    assert seen.is_whole
    assert seen.position == Position(AFTER_RESTORE)
    seen.add(open_received(changed(log.set(5), seq=AFTER_RESTORE + 1), SHOP_ID))
    assert seen.first_gap is None


def test_any_other_jump_is_a_gap() -> None:
    log = log_of(1, 1)
    for seq in (AFTER_RESTORE - 1, AFTER_RESTORE + 1):
        seen = fed(log, open_received(changed(log.set(4), seq=seq), SHOP_ID))
        assert seen.first_gap == "patch set 4"


def test_the_gap_of_a_restore_does_not_cut_a_set_in_two() -> None:
    log = log_of(5, 1)
    seen = fed(log, part(log, 4, 0, 1), behind_a_restore(log.set(5)))
    assert seen.first_gap == "the end of patch set 4"


def test_a_missing_beginning_is_a_gap() -> None:
    log = log_of()
    seen = Completeness()
    seen.add(part(log, 2))
    assert seen.first_gap == "patch set 1"


@pytest.mark.parametrize(("leaves", "gap"), [((1, 2, 3, 4), 0), ((0, 1, 3, 4), 2), ((0, 1, 2, 4), 3)])
def test_a_missing_leaf_is_a_gap(leaves: tuple[int, ...], gap: int) -> None:
    log = log_of(5)
    assert fed(log, part(log, 4, *leaves)).first_gap == f"leaf {gap} of patch set 4"


def test_a_missing_end_of_a_set_is_a_gap_when_the_next_comes() -> None:
    log = log_of(5, 1)
    seen = fed(log, part(log, 4, 0, 1, 2, 3))
    assert seen.first_gap is None
    assert not seen.is_whole
    seen.add(part(log, 5))
    assert seen.first_gap == "the end of patch set 4"


def test_a_leaf_missing_between_parts_is_a_gap() -> None:
    log = log_of(5)
    assert fed(log, part(log, 4, 0, 1), part(log, 4, 3, 4)).first_gap == "leaf 2 of patch set 4"


def test_the_first_gap_is_remembered() -> None:
    log = log_of(1, 1, 5)
    seen = fed(log, part(log, 5), part(log, 6, 0, 4))
    assert seen.first_gap == "patch set 4"


def test_it_may_begin_anywhere() -> None:
    log = log_of(5, 1)
    seen = Completeness(Position(4, 1))
    seen.add(part(log, 4, 2, 3, 4))
    seen.add(part(log, 5))
    assert seen.is_whole
    seen = Completeness(Position(4))
    seen.add(part(log, 5))
    assert seen.is_whole


def test_what_was_missing_before_stays_missing() -> None:
    log = log_of(1)
    seen = Completeness(Position(3), is_complete=False)
    seen.add(part(log, 4))
    assert not seen.is_whole
    assert seen.first_gap == "something up to patch set 3"
