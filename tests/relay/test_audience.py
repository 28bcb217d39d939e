"""Followers are found by what a set touches: all who see some of it, and nobody who sees none."""

import random
from dataclasses import dataclass

from minirelay.protocol.objects import ObjectType
from minirelay.relay.audience import Audiences, Touched
from minirelay.shop.access import Role
from minirelay.shop.visibility import View, view_of
from minirelay.store.messages import EMPTY_COUNTS, Leaf, StoredSet

EVERYTHING = view_of(Role.CLERK)


@dataclass(eq=False)
class Follower:
    view: View


def stored(*leaves: Leaf) -> StoredSet:
    return StoredSet(1, leaves, EMPTY_COUNTS, b"", None)


def draw_view(draw: random.Random) -> View:
    if draw.random() < 0.1:
        return EVERYTHING
    role = draw.choice([Role.VISITOR, Role.GUEST, Role.GUEST, Role.CLERK])
    types = draw.sample(list(ObjectType), draw.choice([0, 0, 1, 2]))
    objects = [
        (draw.choice(list(ObjectType)), bytes([draw.randrange(4)])) for _ in range(draw.choice([0, 1, 1, 3]))
    ]
    return view_of(role, draw.choice([1, 2]), types=types, objects=objects)


def draw_set(draw: random.Random) -> StoredSet:
    types = [draw.choice(list(ObjectType)) for _ in range(draw.choice([1, 1, 2, 5]))]
    return stored(
        *(
            Leaf(one, bytes([draw.randrange(4)]), draw.randrange(4) if one is ObjectType.ORDER else 0)
            for one in types
        )
    )


def test_found_are_those_who_see_some_of_it_while_followers_come_and_go() -> None:
    draw = random.Random(4)
    audiences: Audiences[Follower] = Audiences()
    followers: list[Follower] = []
    for _ in range(3000):
        if followers and draw.random() < 0.45:
            gone = followers.pop(draw.randrange(len(followers)))
            audiences.remove(gone)
            audiences.remove(gone)
            assert gone not in audiences
        else:
            followers.append(Follower(draw_view(draw)))
            audiences.add(followers[-1])
        assert bool(audiences) is bool(followers)
        one = draw_set(draw)
        touched = audiences.followed(Touched.by([one]))
        found = {follower for _, follower in audiences.seeing(touched)}
        expected = {follower for follower in followers if follower.view.visible(one.leaves)}
        assert expected <= found
        assert found == {follower for follower in followers if touched.meets(follower.view)}
        # Of a guest's single orders only the guest is looked up, and there is one session for a card.
        assert all(follower.view.own_objects for follower in found - expected)
    for follower in followers:
        audiences.remove(follower)
    assert not audiences
    assert audiences.entry_count == 0


def test_guests_with_nothing_of_theirs_in_it_are_one_audience() -> None:
    audiences: Audiences[Follower] = Audiences()
    guests = [Follower(view_of(Role.GUEST, row)) for row in range(1, 6)]
    for guest in guests:
        audiences.add(guest)
    found = list(audiences.seeing(audiences.followed(Touched.by([stored(Leaf(ObjectType.TAG, b"t"))]))))
    assert found == [(view_of(Role.VISITOR), guest) for guest in guests]


def test_what_nobody_follows_is_not_kept() -> None:
    audiences: Audiences[Follower] = Audiences()
    leaves = [Leaf(ObjectType.LISTING, bytes([number])) for number in range(100)]
    touched = Touched.by([stored(*leaves, Leaf(ObjectType.ORDER, b"o", 7))])
    assert not audiences.followed(touched)
    audiences.add(Follower(view_of(Role.VISITOR, types=(), objects={(ObjectType.LISTING, b"\7")})))
    assert audiences.followed(touched) == Touched(set(), {(ObjectType.LISTING, b"\7")}, set())
    audiences.add(Follower(EVERYTHING))
    assert audiences.followed(touched).types == {ObjectType.LISTING, ObjectType.ORDER}


def test_followers_may_leave_and_come_while_they_are_gone_through() -> None:
    audiences: Audiences[Follower] = Audiences()
    followers = [Follower(view_of(Role.VISITOR, types={ObjectType.TAG})) for _ in range(10)]
    followers += [Follower(view_of(Role.GUEST, 1, types={ObjectType.ORDER})) for _ in range(3)]
    for follower in followers:
        audiences.add(follower)
    seen = []
    touched = Touched.by([stored(Leaf(ObjectType.TAG, b"t"), Leaf(ObjectType.ORDER, b"o", 1))])
    for _, follower in audiences.seeing(touched):
        seen.append(follower)
        for other in followers:
            audiences.remove(other)
        audiences.add(Follower(EVERYTHING))
    assert seen[0] is followers[0]
    assert set(seen) <= set(followers)
