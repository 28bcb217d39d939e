"""What each follower gets of some sets: cut to its view, counted, or left to be read."""

from collections.abc import Iterator

import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.sizes import MAX_SET_BYTES
from minirelay.relay import fan_out as module
from minirelay.relay.fan_out import LARGE_SET_BYTES, FanOut, count_for, must_read, pack_for
from minirelay.relay.packing import Push
from minirelay.shop.access import Role
from minirelay.shop.visibility import View, view_of
from minirelay.store.messages import Leaf, StoredSet

from .test_feed import EVERYTHING, PUBLIC, Follower, guest, order, stored


def test_counting_and_packing_agree() -> None:
    sets = [stored(seq, Leaf(ObjectType.TAG, b"t"), order(seq, owner=seq % 3)) for seq in range(1, 20)]
    for view in (EVERYTHING, PUBLIC, guest(1), guest(2), view_of(Role.CLERK, types={ObjectType.ORDER})):
        pushes = list(pack_for(view, sets))
        assert count_for(view, sets) == sum(push.patch_count for push in pushes)


def test_one_packing_serves_an_audience_and_only_those_concerned_get_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed: list[View] = []
    pack = module.pack_for

    def note(view: View, sets: list[StoredSet]) -> Iterator[Push]:
        packed.append(view)
        return pack(view, sets)

    monkeypatch.setattr(module, "pack_for", note)
    fan_out = FanOut(0, [stored(1, Leaf(ObjectType.TAG, b"t"), order(1, owner=7))])
    guests = [Follower(guest(row)) for row in range(1, 1001)]
    for one in guests:
        fan_out.serve(one, one.view.without_own())
    assert packed == [PUBLIC, guests[6].view]
    assert [sum(push.patch_count for push in one.followed[0][0]) for one in guests[5:8]] == [1, 2, 1]


def test_large_sets_are_read_by_those_for_whom_they_would_be_cut_or_split() -> None:
    listing = Leaf(ObjectType.LISTING, bytes(8))
    large = stored(1, listing, order(1), size=LARGE_SET_BYTES // 2)
    assert must_read(PUBLIC, [large])
    assert not must_read(EVERYTHING, [large])
    assert not must_read(view_of(Role.VISITOR, types={ObjectType.TAG}), [large])
    assert not must_read(PUBLIC, [stored(1, listing, order(1), size=LARGE_SET_BYTES // 3)])
    beyond = stored(1, listing, listing, size=MAX_SET_BYTES // 2)
    assert must_read(EVERYTHING, [stored(1), beyond])
    assert must_read(PUBLIC, [beyond])
