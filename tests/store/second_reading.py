"""What reading the log should give, by going through all of it in the plainest way."""

from collections.abc import Callable, Sequence
from functools import partial

from minirelay.store.messages import Leaf, Selection, StoredSet


def is_selected(leaf: Leaf, selections: Sequence[Selection]) -> bool:
    return any(
        leaf.object_type == one.object_type
        and one.object_id in (None, leaf.object_id)
        and one.owner in (0, leaf.owner)
        for one in selections
    )


def sees(selections: Sequence[Selection]) -> Callable[[Leaf], bool]:
    """Return the predicate of a reader who sees all that is selected."""
    return partial(is_selected, selections=selections)


def selected_sets(
    sets: Sequence[StoredSet], selections: Sequence[Selection], after_seq: int, upto_seq: int
) -> list[tuple[int, tuple[int, ...], bytes]]:
    """List sequence number, selected leaves and bytes of each set of which something is selected."""
    found = []
    for one in sets:
        if after_seq < one.seq <= upto_seq:
            leaves = tuple(index for index, leaf in enumerate(one.leaves) if is_selected(leaf, selections))
            if leaves:
                found.append((one.seq, leaves, one.wire))
    return found


def page(
    sets: Sequence[StoredSet], after_seq: int, upto_seq: int, max_patches: int, max_bytes: int
) -> list[StoredSet]:
    """Take whole sets while they fit, but at least one."""
    taken: list[StoredSet] = []
    patches = size = 0
    for one in sets:
        if not after_seq < one.seq <= upto_seq:
            continue
        patches += len(one.leaves)
        size += len(one.wire)
        if taken and (patches > max_patches or size > max_bytes):
            break
        taken.append(one)
    return taken
