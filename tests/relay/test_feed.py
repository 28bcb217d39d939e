"""The durable end of a log: handed over once, together, in order; what is recent stays at hand."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.protocol.push import decode_set, encode_set
from minirelay.protocol.signing import PrivateKey
from minirelay.relay import feed as module
from minirelay.relay.feed import LARGE_SET_BYTES, RECENT_BYTES, RECENT_SETS, Feed, count_for, pack_for
from minirelay.relay.packing import Cursor, Push
from minirelay.relay.view import View
from minirelay.shop.access import PUBLIC_TYPES
from minirelay.store.messages import EMPTY_COUNTS, Leaf, StoredSet

KEY = PrivateKey.from_bytes(b"\x05" * 32)
EVERYTHING = View(everything=True)
PUBLIC = View(types=PUBLIC_TYPES)
BEGINNING = Cursor(0)


def guest(row: int) -> View:
    return View(types=PUBLIC_TYPES, owner=row, own_orders=True)


def stored(seq: int, *leaves: Leaf, size: int = 10) -> StoredSet:
    """Make a set of patches of that size, one for each leaf."""
    leaves = leaves or (Leaf(ObjectType.LISTING, seq.to_bytes(8)),)
    patches = [NewPatch("append", ("Listings", 1, "Metadata", "Images"), "x" * size) for _ in leaves]
    sealed = seal_patch_set(
        patches, shop_id=1, key_card_nonce=seq, timestamp=datetime(2025, 6, 1, tzinfo=UTC), key=KEY
    )
    wire = encode_set(seq, open_patch_set(sealed))
    return StoredSet(seq, leaves, EMPTY_COUNTS.plus(leaves, len(wire)), wire, 1)


def order(number: int, owner: int = 0) -> Leaf:
    return Leaf(ObjectType.ORDER, number.to_bytes(8), owner)


@dataclass(eq=False)
class Follower:
    """Notes what it is handed, and keeps its cursor like a subscription."""

    view: View = EVERYTHING
    cursor: Cursor = BEGINNING
    followed: list[tuple[Sequence[Push], int]] = field(default_factory=list)
    fallen_back: list[int] = field(default_factory=list)
    failed: int = 0
    on_follow: Callable[[], None] | None = None

    def follow(self, pushes: Sequence[Push], upto_seq: int) -> None:
        if self.on_follow is not None:
            self.on_follow()
        self.followed.append((pushes, upto_seq))
        self.cursor = Cursor(upto_seq)

    def fall_back(self, unpushed_patches: int) -> None:
        self.fallen_back.append(unpushed_patches)

    def fail(self) -> None:
        self.failed += 1

    @property
    def seqs(self) -> list[int]:
        pushes = (push for handed, _ in self.followed for push in handed)
        return [decode_set(one).seq for push in pushes for one in push.sets]


def new_feed(*followers: Follower) -> Feed:
    feed = Feed(1, 0, EMPTY_COUNTS)
    for follower in followers:
        feed.add(follower)
    return feed


async def turn() -> None:
    await asyncio.sleep(0)


async def test_what_one_turn_publishes_is_handed_over_at_once() -> None:
    follower = Follower()
    feed = new_feed(follower)
    for seq in (1, 2, 3):
        feed.publish(stored(seq))
    assert follower.followed == []
    await turn()
    assert len(follower.followed) == 1
    assert (follower.seqs, follower.cursor) == ([1, 2, 3], Cursor(3))
    feed.publish(stored(4))
    await turn()
    assert follower.seqs == [1, 2, 3, 4]


async def test_the_end_of_the_log_moves_with_what_is_published() -> None:
    feed = new_feed()
    one = stored(1)
    feed.publish(one)
    assert (feed.seq, feed.counts) == (1, one.counts)


async def test_who_sees_the_same_shares_the_same_pushes() -> None:
    followers = [Follower() for _ in range(3)]
    feed = new_feed(*followers)
    feed.publish(stored(1))
    await turn()
    handed = [follower.followed[0][0] for follower in followers]
    assert handed[0] is handed[1] is handed[2]


async def test_guests_without_an_order_in_it_share_what_visitors_see() -> None:
    followers = [Follower(PUBLIC), Follower(guest(5)), Follower(guest(6)), Follower(guest(7))]
    feed = new_feed(*followers)
    feed.publish(stored(1, Leaf(ObjectType.LISTING, b"1" * 8), order(3, owner=7)))
    await turn()
    visitor, *guests = (follower.followed[0][0] for follower in followers)
    assert guests[0] is guests[1] is visitor
    assert [push.patch_count for push in visitor] == [1]
    assert [push.patch_count for push in guests[2]] == [2]


async def test_whoever_sees_nothing_moves_on_all_the_same() -> None:
    follower = Follower(PUBLIC)
    feed = new_feed(follower)
    feed.publish(stored(1, order(1)))
    await turn()
    assert follower.followed == [([], 1)]


async def test_whoever_went_live_between_publishing_and_handing_over_gets_nothing_twice() -> None:
    feed = new_feed()
    feed.publish(stored(1))
    feed.publish(stored(2))
    late = Follower(cursor=Cursor(2))
    half = Follower(cursor=Cursor(1))
    feed.add(late)
    feed.add(half)
    await turn()
    assert late.seqs == []
    assert half.seqs == [2]


async def test_whoever_leaves_gets_nothing_more() -> None:
    follower = Follower()
    feed = new_feed(follower)
    assert feed.is_followed
    feed.publish(stored(1))
    feed.remove(follower)
    feed.remove(follower)
    await turn()
    assert follower.followed == []
    assert not feed.is_followed


async def test_a_large_set_is_left_to_be_read_by_those_who_see_some_of_it() -> None:
    sees, blind = Follower(PUBLIC), Follower(View(types=frozenset({ObjectType.TAG})))
    feed = new_feed(sees, blind)
    feed.publish(stored(1))
    leaves = [Leaf(ObjectType.LISTING, bytes(8)), order(1), Leaf(ObjectType.LISTING, bytes(8))]
    feed.publish(stored(2, *leaves, size=LARGE_SET_BYTES // 2))
    await turn()
    assert (sees.followed, sees.fallen_back) == ([], [3])
    assert (blind.followed, blind.fallen_back) == ([([], 2)], [])


async def test_a_follower_that_fails_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    followers = [Follower(), Follower(on_follow=fail), Follower()]
    feed = new_feed(*followers)
    feed.publish(stored(1))
    await turn()
    assert [follower.failed for follower in followers] == [0, 1, 0]
    assert [follower.seqs for follower in followers] == [[1], [], [1]]
    assert "ZeroDivisionError" in caplog.text


async def test_a_set_that_cannot_be_cut_fails_those_who_need_it_cut(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = View(types=frozenset({ObjectType.TAG}))
    pack = module.pack_for

    def fail(view: View, cursor: Cursor, sets: Sequence[StoredSet]) -> list[Push]:
        if view == broken:
            raise ZeroDivisionError
        return pack(view, cursor, sets)

    monkeypatch.setattr(module, "pack_for", fail)
    followers = [Follower(broken), Follower()]
    feed = new_feed(*followers)
    feed.publish(stored(1))
    await turn()
    assert [follower.failed for follower in followers] == [1, 0]
    assert followers[1].seqs == [1]


async def test_recent_sets_are_at_hand_as_far_as_they_reach() -> None:
    feed = Feed(1, 10, EMPTY_COUNTS)
    assert feed.since(10) == []
    assert feed.since(9) is None
    sets = [stored(seq) for seq in (11, 12, 13)]
    for one in sets:
        feed.publish(one)
    assert feed.since(10) == sets
    assert feed.since(12) == sets[2:]
    assert feed.since(13) == []
    assert feed.since(9) is None


@pytest.mark.parametrize(("size", "count"), [(1, RECENT_SETS + 5), (60_000, RECENT_BYTES // 60_000 + 5)])
async def test_recent_sets_are_bounded(size: int, count: int) -> None:
    feed = new_feed()
    template = stored(1, size=size)
    for seq in range(1, count + 1):
        feed.publish(msgspec.structs.replace(template, seq=seq))
    assert feed.since(0) is None
    kept = feed.since(count - 4)
    assert kept is not None
    assert [one.seq for one in kept] == list(range(count - 3, count + 1))
    assert len(feed._recent) <= RECENT_SETS
    assert sum(len(one.wire) for one in feed._recent) <= RECENT_BYTES


async def test_a_set_larger_than_what_is_kept_is_not_kept() -> None:
    feed = new_feed()
    feed.publish(stored(1))
    feed.publish(stored(2, size=RECENT_BYTES))
    assert feed.since(0) is None
    assert feed.since(1) is None
    assert feed.since(2) == []
    feed.publish(stored(3))
    assert feed.since(1) is None
    assert [one.seq for one in feed.since(2) or []] == [3]


async def test_recent_sets_can_be_forgotten() -> None:
    feed = new_feed()
    one = stored(1)
    feed.publish(one)
    assert feed.recent_bytes == len(one.wire)
    feed.forget_recent()
    assert feed.recent_bytes == 0
    assert feed.since(0) is None
    assert feed.since(1) == []
    feed.publish(stored(2))
    assert [each.seq for each in feed.since(1) or []] == [2]


def test_counting_and_packing_agree() -> None:
    sets = [stored(seq, Leaf(ObjectType.TAG, b"t"), order(seq, owner=seq % 3)) for seq in range(1, 20)]
    for view in (EVERYTHING, PUBLIC, guest(1), guest(2), View(types=frozenset({ObjectType.ORDER}))):
        for cursor in (Cursor(0), Cursor(7), Cursor(19)):
            pushes = pack_for(view, cursor, sets)
            assert count_for(view, cursor, sets) == sum(push.patch_count for push in pushes)
            assert all(decode_set(one).seq > cursor.seq for push in pushes for one in push.sets)
