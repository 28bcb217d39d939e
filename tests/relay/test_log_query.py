"""What the store is asked for a view: it finds all that the view sees, and counts it."""

from hypothesis import given
from hypothesis import strategies as st

from minirelay.protocol.objects import ObjectType
from minirelay.relay.log_query import query_of
from minirelay.shop.access import Role
from minirelay.shop.visibility import ObjectKey, View, view_of
from minirelay.store.messages import EMPTY_COUNTS, Leaf, StoredSet
from tests.store.second_reading import is_selected

ME, OTHER = 4, 9
IDS = [bytes(7) + bytes([number]) for number in range(1, 4)]
LISTING, TAG, ORDER = ObjectType.LISTING, ObjectType.TAG, ObjectType.ORDER

types = st.sampled_from(list(ObjectType))
ids = st.sampled_from(IDS)
leaves = st.one_of(
    st.builds(Leaf, types.filter(lambda one: one is not ORDER), ids),
    st.builds(Leaf, st.just(ORDER), ids, st.sampled_from([0, ME, OTHER])),
)
logs = st.lists(st.lists(leaves, min_size=1, max_size=4).map(tuple), max_size=12)
roles = st.sampled_from([Role.VISITOR, Role.GUEST, Role.CLERK])


def stored(log: list[tuple[Leaf, ...]]) -> list[StoredSet]:
    counts, sets = EMPTY_COUNTS, []
    for seq, one in enumerate(log, start=1):
        counts = counts.plus(one, 10)
        sets.append(StoredSet(seq, one, counts, b"", 1))
    return sets


@given(
    log=logs,
    role=roles,
    whole=st.frozensets(types),
    single=st.frozensets(st.tuples(types, ids)),
    start=st.integers(0, 12),
)
def test_it_finds_what_the_view_sees_and_nothing_else(
    log: list[tuple[Leaf, ...]],
    role: Role,
    whole: frozenset[ObjectType],
    single: frozenset[ObjectKey],
    start: int,
) -> None:
    view = view_of(role, ME, types=whole, objects=single)
    query = query_of(view)
    sets = stored(log)
    counts = [EMPTY_COUNTS, *(one.counts for one in sets)]
    rest = [leaf for one in sets[start:] for leaf in one.leaves]
    for leaf in rest:
        by_type, by_index = leaf.object_type in query.types, is_selected(leaf, query.selections)
        assert view.sees(leaf) == (by_type or by_index)
        assert not (by_type and by_index), "it would be counted twice"
        assert leaf.object_type in query.types | query.types_seen.others or not view.sees(leaf)
    assert query.types_seen.whole == query.types
    assert query.types.isdisjoint(query.types_seen.others)
    in_index = sum(is_selected(leaf, query.selections) for leaf in rest)
    in_types = query.count_types(counts[min(start, len(sets))], counts[-1])
    assert in_types + in_index == sum(map(view.sees, rest))


def test_single_objects_and_own_orders_are_rows_of_the_index() -> None:
    def needs_scan(view: View) -> bool:
        return query_of(view).needs_scan

    assert needs_scan(view_of(Role.VISITOR))
    assert needs_scan(view_of(Role.CLERK, types={TAG}))
    assert not needs_scan(view_of(Role.GUEST, ME, types={ORDER}))
    assert not needs_scan(view_of(Role.CLERK, types=(), objects={(ORDER, IDS[0]), (LISTING, IDS[1])}))
