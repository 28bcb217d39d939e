"""Random logs and selections, over few objects and owners, so that they meet often."""

import sqlite3
from itertools import count

from hypothesis import strategies as st

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.messages import Leaf, Selection, ShopRow, StoredSet
from minirelay.store.writes import Commit
from tests.store.examples import ShopLog

# Zero bytes, a prefix of another, a long one: an id is any bytes.
IDS = [b"\x00" * 8, b"\x00" * 7 + b"\x01", b"a", b"a\x00", b"", b"t" * 3000]
OWNERS = [1, 2, 3]

_ids = st.sampled_from(IDS)
_leaves = st.one_of(
    st.builds(Leaf, st.sampled_from(list(ObjectType)), _ids, st.just(NOBODY)),
    st.builds(Leaf, st.just(ObjectType.ORDER), _ids, st.sampled_from([NOBODY, *OWNERS])),
)
_sets = st.tuples(st.lists(_leaves, min_size=1, max_size=5), st.integers(0, 400))
logs = st.lists(_sets, max_size=40)
selections = st.lists(
    st.one_of(
        st.builds(Selection, st.sampled_from(list(ObjectType)), st.none() | _ids, st.just(NOBODY)),
        st.builds(Selection, st.just(ObjectType.ORDER), st.none() | _ids, st.sampled_from([NOBODY, *OWNERS])),
    ),
    max_size=8,
)

_shops = count(1)


def store_log(db: sqlite3.Connection, log: list[tuple[list[Leaf], int]]) -> tuple[int, list[StoredSet]]:
    """Store a log for a shop of its own; give the shop's row id and its sets."""
    shop = next(_shops)
    history = ShopLog(shop)
    commits = [Commit(epoch=0, shop=shop, new_shop=ShopRow(shop, shop, 0))]
    commits += [
        history.add(*leaves, size_bytes=size, author=number % 3) for number, (leaves, size) in enumerate(log)
    ]
    store(db, rows_of(commits).statements())
    return shop, history.sets
