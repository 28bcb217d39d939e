"""The durable end of a log: handed over once, together, in order; what is recent stays at hand."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import pytest

from minirelay.protocol.gaps import GAP_STEP
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.protocol.push import decode_set, encode_set
from minirelay.protocol.signing import PrivateKey
from minirelay.protocol.sizes import MAX_SET_BYTES
from minirelay.relay import fan_out as module
from minirelay.relay.fan_out import LARGE_SET_BYTES
from minirelay.relay.feed import RECENT_BYTES, RECENT_SETS, Feed
from minirelay.relay.packing import Cursor, Push
from minirelay.relay.slices import SlicedWork
from minirelay.shop.access import Role
from minirelay.shop.visibility import View, view_of
from minirelay.store.messages import EMPTY_COUNTS, Leaf, StoredSet

KEY = PrivateKey.from_bytes(b"\x05" * 32)
EVERYTHING = view_of(Role.CLERK)
PUBLIC = view_of(Role.VISITOR)
BEGINNING = Cursor(0)


def guest(row: int) -> View:
    return view_of(Role.GUEST, row)


def own_orders(row: int) -> View:
    return view_of(Role.GUEST, row, types={ObjectType.ORDER})


def one_listing(number: int) -> View:
    return view_of(Role.VISITOR, types=(), objects={(ObjectType.LISTING, number.to_bytes(8))})


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
    followed: list[tuple[Sequence[Push], int, int]] = field(default_factory=list)
    fallen_back: list[tuple[int, int | None]] = field(default_factory=list)
    failed: int = 0
    on_follow: Callable[["Follower"], None] | None = None
    feed: Feed | None = None

    def follow(self, pushes: Sequence[Push], after_seq: int, upto_seq: int) -> None:
        if self.on_follow is not None:
            self.on_follow(self)
        self.followed.append((pushes, after_seq, upto_seq))
        self.cursor = Cursor(upto_seq)

    def fall_back(self, after_seq: int, unpushed_patches: int | None) -> None:
        self.fallen_back.append((after_seq, unpushed_patches))
        if self.feed is not None:
            self.feed.remove(self)

    def fail(self) -> None:
        self.failed += 1

    @property
    def seqs(self) -> list[int]:
        pushes = (push for handed, _, _ in self.followed for push in handed)
        return [decode_set(one).seq for push in pushes for one in push.sets]


def unsliced() -> SlicedWork:
    """Let everything be done in one turn, however slow the machine is."""
    return SlicedWork(clock=lambda: 0.0)


def new_feed(*followers: Follower, work: SlicedWork | None = None) -> Feed:
    feed = Feed(1, 0, EMPTY_COUNTS, work or unsliced())
    for follower in followers:
        follower.feed = feed
        feed.add(follower)
    return feed


async def turn() -> None:
    await asyncio.sleep(0)


async def test_what_one_turn_publishes_is_handed_over_at_once() -> None:
    follower = Follower()
    feed = new_feed(follower)
    for seq in (1, 2, 3):
        feed.publish([stored(seq)])
    assert follower.followed == []
    await turn()
    assert len(follower.followed) == 1
    assert (follower.seqs, follower.cursor) == ([1, 2, 3], Cursor(3))
    feed.publish([stored(4)])
    await turn()
    assert follower.seqs == [1, 2, 3, 4]


async def test_the_end_of_the_log_moves_with_what_is_published() -> None:
    feed = new_feed()
    one = stored(1)
    feed.publish([one])
    assert (feed.seq, feed.counts) == (1, one.counts)


async def test_who_sees_the_same_shares_the_same_pushes() -> None:
    followers = [Follower() for _ in range(3)]
    feed = new_feed(*followers)
    feed.publish([stored(1)])
    await turn()
    handed = [follower.followed[0][0] for follower in followers]
    assert handed[0] is handed[1] is handed[2]


async def test_guests_without_an_order_in_it_share_what_visitors_see() -> None:
    followers = [Follower(PUBLIC), Follower(guest(5)), Follower(guest(6)), Follower(guest(7))]
    feed = new_feed(*followers)
    feed.publish([stored(1, Leaf(ObjectType.LISTING, b"1" * 8), order(3, owner=7))])
    await turn()
    visitor, *guests = (follower.followed[0][0] for follower in followers)
    assert guests[0] is guests[1] is visitor
    assert [push.patch_count for push in visitor] == [1]
    assert [push.patch_count for push in guests[2]] == [2]


async def test_whoever_went_live_between_publishing_and_handing_over_gets_nothing_twice() -> None:
    early = Follower()
    feed = new_feed(early)
    feed.publish([stored(1)])
    late = Follower(cursor=Cursor(1))
    feed.add(late)
    feed.publish([stored(2)])
    latest = Follower(cursor=Cursor(2))
    feed.add(latest)
    await turn()
    assert [one.seqs for one in (early, late, latest)] == [[1, 2], [2], []]


async def test_whoever_leaves_and_comes_back_meanwhile_gets_nothing_twice() -> None:
    follower = Follower()
    feed = new_feed(follower)
    feed.publish([stored(1)])
    feed.remove(follower)
    follower.cursor = Cursor(1)
    feed.add(follower)
    await turn()
    feed.publish([stored(2)])
    await turn()
    assert follower.seqs == [2]


async def test_whoever_saw_nothing_of_what_came_between_is_handed_on_from_there() -> None:
    follower = Follower(PUBLIC)
    feed = new_feed(follower)
    feed.publish([stored(1)])
    await turn()
    for seq in (2, 3, 4):
        feed.publish([stored(seq, order(seq))])
        await turn()
    feed.publish([stored(5)])
    await turn()
    assert [(after, upto) for _, after, upto in follower.followed] == [(0, 1), (4, 5)]
    assert follower.seqs == [1, 5]


async def test_a_set_costs_nothing_for_those_who_see_none_of_it() -> None:
    asked: list[Follower] = []

    class Idle(Follower):
        @property
        def cursor(self) -> Cursor:
            asked.append(self)
            return BEGINNING

        @cursor.setter
        def cursor(self, cursor: Cursor) -> None: ...

    idle = [Idle(one_listing(number)) for number in range(1000, 11_000)]
    feed = new_feed(*idle, *(Idle(own_orders(row)) for row in range(2, 100)))
    one = Follower(one_listing(1))
    feed.add(one)
    feed.publish([stored(1), stored(2, order(7, owner=1), Leaf(ObjectType.TAG, b"sale"))])
    await turn()
    assert asked == []
    assert one.seqs == [1]
    feed.publish([stored(1000), stored(1001)])
    await turn()
    assert {id(each) for each in asked} == {id(each) for each in idle[:2]}


async def test_whoever_leaves_gets_nothing_more() -> None:
    follower = Follower()
    feed = new_feed(follower)
    assert feed.is_followed
    feed.publish([stored(1)])
    feed.remove(follower)
    feed.remove(follower)
    await turn()
    assert follower.followed == []
    assert not feed.is_followed


async def test_a_large_set_is_left_to_be_read_by_those_who_see_some_of_it() -> None:
    sees, blind = Follower(PUBLIC), Follower(view_of(Role.VISITOR, types={ObjectType.TAG}))
    feed = new_feed(sees, blind)
    feed.publish([stored(1)])
    leaves = [Leaf(ObjectType.LISTING, bytes(8)), order(1), Leaf(ObjectType.LISTING, bytes(8))]
    feed.publish([stored(2, *leaves, size=LARGE_SET_BYTES // 2)])
    await turn()
    assert (sees.followed, sees.fallen_back) == ([], [(0, 3)])
    assert (blind.followed, blind.fallen_back) == ([], [])


async def test_a_large_set_is_handed_to_those_who_see_all_of_it() -> None:
    everything, public = Follower(), Follower(PUBLIC)
    feed = new_feed(everything, public)
    feed.publish([stored(1, size=LARGE_SET_BYTES)])
    feed.publish([stored(2, order(1), order(2), size=LARGE_SET_BYTES // 2)])
    await turn()
    assert (everything.seqs, public.seqs) == ([1, 2], [1])


async def test_a_set_that_has_to_be_split_is_left_to_be_read() -> None:
    follower = Follower()
    feed = new_feed(follower)
    leaves = [Leaf(ObjectType.LISTING, bytes(8))] * 4
    feed.publish([stored(1, *leaves, size=MAX_SET_BYTES // 4)])
    await turn()
    assert (follower.followed, follower.fallen_back) == ([], [(0, 4)])


async def test_a_follower_that_fails_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Follower) -> None:
        raise ZeroDivisionError

    followers = [Follower(), Follower(on_follow=fail), Follower()]
    feed = new_feed(*followers)
    feed.publish([stored(1)])
    await turn()
    assert [follower.failed for follower in followers] == [0, 1, 0]
    assert [follower.seqs for follower in followers] == [[1], [], [1]]
    assert "ZeroDivisionError" in caplog.text


async def test_a_set_that_cannot_be_cut_fails_those_who_need_it_cut(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = view_of(Role.VISITOR, types={ObjectType.TAG})
    pack = module.pack_for

    def fail(view: View, sets: Sequence[StoredSet]) -> Iterator[Push]:
        if view == broken:
            raise ZeroDivisionError
        return pack(view, sets)

    monkeypatch.setattr(module, "pack_for", fail)
    followers = [Follower(broken), Follower()]
    feed = new_feed(*followers)
    feed.publish([stored(1, Leaf(ObjectType.TAG, b"sale"))])
    await turn()
    assert [follower.failed for follower in followers] == [1, 0]
    assert followers[1].seqs == [1]


async def test_recent_sets_are_at_hand_as_far_as_they_reach() -> None:
    feed = Feed(1, 10, EMPTY_COUNTS, unsliced())
    assert feed.since(10) == []
    assert feed.since(9) is None
    sets = [stored(seq) for seq in (11, 12, 13)]
    for one in sets:
        feed.publish([one])
    assert feed.since(10) == sets
    assert feed.since(12) == sets[2:]
    assert feed.since(13) == []
    assert feed.since(9) is None


async def test_recent_sets_reach_over_the_gap_of_a_restore() -> None:
    feed = Feed(1, 22, EMPTY_COUNTS, unsliced())
    sets = [stored(3 * GAP_STEP), stored(3 * GAP_STEP + 1)]
    for one in sets:
        feed.publish([one])
    assert feed.since(21) is None
    # Nothing lies in the gap: whoever is at its beginning, or anywhere in it, lacks just these.
    for seq in (22, 23, 3 * GAP_STEP - 1):
        assert feed.since(seq) == sets
    assert feed.since(3 * GAP_STEP) == sets[1:]


@pytest.mark.parametrize(("size", "count"), [(1, RECENT_SETS + 5), (60_000, RECENT_BYTES // 60_000 + 5)])
async def test_recent_sets_are_bounded(size: int, count: int) -> None:
    feed = new_feed()
    template = stored(1, size=size)
    for seq in range(1, count + 1):
        feed.publish([msgspec.structs.replace(template, seq=seq)])
    assert feed.since(0) is None
    kept = feed.since(count - 4)
    assert kept is not None
    assert [one.seq for one in kept] == list(range(count - 3, count + 1))
    recent = max((feed.since(seq) or [] for seq in range(count)), key=len)
    assert len(recent) <= RECENT_SETS
    assert sum(len(one.wire) for one in recent) == feed.recent_bytes <= RECENT_BYTES


async def test_a_set_larger_than_what_is_kept_is_not_kept() -> None:
    feed = new_feed()
    feed.publish([stored(1)])
    feed.publish([stored(2, *[Leaf(ObjectType.LISTING, bytes(8))] * 2, size=RECENT_BYTES // 2)])
    assert feed.since(0) is None
    assert feed.since(1) is None
    assert feed.since(2) == []
    feed.publish([stored(3)])
    assert feed.since(1) is None
    assert [one.seq for one in feed.since(2) or []] == [3]


async def test_recent_sets_can_be_forgotten() -> None:
    feed = new_feed()
    one = stored(1)
    feed.publish([one])
    assert feed.recent_bytes == len(one.wire)
    feed.forget_recent()
    assert feed.recent_bytes == 0
    assert feed.since(0) is None
    assert feed.since(1) == []
    feed.publish([stored(2)])
    assert [each.seq for each in feed.since(1) or []] == [2]


# -- slices, and writes that come meanwhile


class Ticks:
    """A clock that goes on by one whenever it is read."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


async def test_what_all_see_is_handed_over_in_slices_and_each_gets_what_is_there_by_then() -> None:
    followers = [Follower() for _ in range(100)]
    feed = new_feed(*followers, work=SlicedWork(10, Ticks()))
    feed.publish([stored(1)])
    turns = 0
    while not all(follower.followed for follower in followers):
        done = [follower.seqs for follower in followers if follower.followed]
        assert len(done) <= 10 * turns
        turns += 1
        feed.publish([stored(1 + turns)])
        await turn()
    assert turns >= 10
    while any(follower.cursor.seq < feed.seq for follower in followers):
        await turn()
    assert [follower.seqs for follower in followers] == [list(range(1, 2 + turns))] * 100
    # The last of them got many sets at once: the faster writes come, the fewer pushes they take.
    assert len(followers[-1].followed) <= 2


async def test_a_follower_whom_recent_sets_no_longer_reach_falls_back() -> None:
    followers = [Follower() for _ in range(30)]
    feed = new_feed(*followers, work=SlicedWork(10, Ticks()))
    feed.publish([stored(1)])
    await turn()
    handed = [follower for follower in followers if follower.followed]
    assert 0 < len(handed) < 30
    for seq in range(2, RECENT_SETS + 3):
        feed.publish([StoredSet(seq, stored(1).leaves, EMPTY_COUNTS, b"", None)])
    for _ in range(10):
        await turn()
    recent = feed.since(feed.seq - RECENT_SETS)
    assert recent is not None
    assert len(recent) == RECENT_SETS
    assert feed.since(feed.seq - RECENT_SETS - 1) is None
    assert [one.fallen_back for one in followers if one not in handed] == [[(0, None)]] * (30 - len(handed))


async def test_whoever_leaves_during_a_fan_out_gets_nothing_more() -> None:
    followers = [Follower() for _ in range(30)]

    def leave(_: Follower) -> None:
        for follower in followers[3:]:
            feed.remove(follower)

    followers[2].on_follow = leave
    feed = new_feed(*followers)
    feed.publish([stored(1)])
    await turn()
    assert [len(follower.followed) for follower in followers] == [1] * 3 + [0] * 27
    assert feed.is_followed


async def test_whoever_comes_during_a_fan_out_gets_what_follows() -> None:
    late = Follower(PUBLIC)

    def join(_: Follower) -> None:
        feed.publish([stored(2)])
        late.cursor = Cursor(feed.seq)
        feed.add(late)
        feed.publish([stored(3)])

    first = Follower()
    feed = new_feed(first, Follower(PUBLIC))
    first.on_follow = lambda follower: None if follower.followed else join(follower)
    feed.publish([stored(1)])
    for _ in range(3):
        await turn()
    assert late.seqs == [3]
    assert first.seqs == [1, 2, 3]


# -- the echo of a write


async def test_an_echo_is_one_push_of_a_commits_sets_behind_all_that_came_before() -> None:
    writer, other = Follower(), Follower()
    feed = new_feed(writer, other)
    feed.publish([stored(1)])
    feed.publish([stored(2)])
    feed.publish([stored(3), stored(4)])
    feed.echo(writer)
    assert [
        [decode_set(one).seq for push in pushes for one in push.sets] for pushes, _, _ in writer.followed
    ] == [
        [1, 2],
        [3, 4],
    ]
    assert other.followed == []
    await turn()
    assert len(writer.followed) == 2
    assert other.seqs == [1, 2, 3, 4]
    assert len(other.followed) == 1


async def test_an_echo_is_only_for_those_who_see_some_of_it() -> None:
    writer, tags = Follower(guest(5)), Follower(view_of(Role.VISITOR, types={ObjectType.TAG}))
    feed = new_feed(writer, tags)
    feed.publish([stored(1, Leaf(ObjectType.TAG, b"sale"))])
    feed.publish([stored(2, order(1, owner=5))])
    for follower in (tags, writer, Follower()):
        feed.echo(follower)
    assert tags.followed == []
    assert writer.seqs == [1, 2]
    await turn()
    assert tags.seqs == [1]


async def test_an_echo_that_has_to_be_read_comes_in_its_turn() -> None:
    follower = Follower(PUBLIC)
    feed = new_feed(follower)
    leaves = [Leaf(ObjectType.LISTING, bytes(8)), order(1)]
    feed.publish([stored(1, *leaves, size=LARGE_SET_BYTES // 2)])
    feed.echo(follower)
    feed.publish([stored(2)])
    feed.forget_recent()
    feed.echo(follower)
    assert (follower.followed, follower.fallen_back) == ([], [])
    await turn()
    assert follower.fallen_back == [(0, None)]


async def test_an_echo_goes_once_whatever_is_under_way() -> None:
    followers = [Follower() for _ in range(40)]
    feed = new_feed(*followers, work=SlicedWork(10, Ticks()))
    for seq in range(1, 30):
        feed.publish([stored(seq)])
        feed.echo(followers[seq % 40])
        await turn()
    while any(follower.cursor.seq < feed.seq for follower in followers):
        await turn()
    assert [follower.seqs for follower in followers] == [list(range(1, 30))] * 40
