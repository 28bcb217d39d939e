"""Who sees which patch: the predicate against the sentences of spec 05, one by one."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.protocol.objects import ObjectType
from minirelay.shop.access import PUBLIC_TYPES, Role
from minirelay.shop.visibility import ALL_TYPES, ObjectKey, View, view_of

ME, OTHER = 4, 9
IDS = [bytes(7) + bytes([number]) for number in range(1, 4)]
ORDER, INVENTORY = ObjectType.ORDER, ObjectType.INVENTORY
PRIVATE = {ORDER, INVENTORY}


@dataclass(frozen=True)
class Patch:
    object_type: ObjectType
    object_id: bytes = IDS[0]
    owner: int = 0


types = st.sampled_from(list(ObjectType))
keys = st.tuples(types, st.sampled_from(IDS))
patches = st.one_of(
    st.builds(Patch, types, st.sampled_from(IDS)),
    st.builds(Patch, st.just(ORDER), st.sampled_from(IDS), st.sampled_from([0, ME, OTHER])),
)
roles = st.sampled_from([Role.VISITOR, Role.GUEST, Role.CLERK])


def is_allowed(role: Role, patch: Patch) -> bool:
    """Read spec 05, "Roles", plainly."""
    if role is Role.CLERK:
        return True
    if patch.object_type is ORDER:
        return role is Role.GUEST and patch.owner == ME
    return patch.object_type is not INVENTORY


def card_of(role: Role) -> int:
    return 0 if role is Role.VISITOR else ME


@given(role=roles, whole=st.frozensets(types), single=st.frozensets(keys), patch=patches)
def test_a_patch_is_seen_if_it_is_allowed_and_was_asked_for(
    role: Role, whole: frozenset[ObjectType], single: frozenset[ObjectKey], patch: Patch
) -> None:
    view = view_of(role, card_of(role), types=whole, objects=single)
    was_asked_for = patch.object_type in whole or (patch.object_type, patch.object_id) in single
    assert view.sees(patch) == (is_allowed(role, patch) and was_asked_for)


@given(role=roles, patch=patches)
def test_who_asks_for_nothing_in_particular_gets_all_that_is_allowed(role: Role, patch: Patch) -> None:
    assert view_of(role, card_of(role)).sees(patch) == is_allowed(role, patch)


@given(role=roles, whole=st.frozensets(types), single=st.frozensets(keys), patch=patches)
def test_without_its_own_it_sees_the_same_of_what_is_not_its_own(
    role: Role, whole: frozenset[ObjectType], single: frozenset[ObjectKey], patch: Patch
) -> None:
    view = view_of(role, card_of(role), types=whole, objects=single)
    others = view.without_own()
    assert others.owner == 0
    if patch.owner != ME or not view.owner:
        assert others.sees(patch) == view.sees(patch)
    else:
        assert not others.sees(patch)


@given(role=roles, whole=st.frozensets(types), sets=st.lists(patches, max_size=6), first=st.integers(0, 6))
def test_the_visible_patches_of_a_set_are_those_that_are_seen(
    role: Role, whole: frozenset[ObjectType], sets: list[Patch], first: int
) -> None:
    view = view_of(role, card_of(role), types=whole)
    seen = [index for index, patch in enumerate(sets) if view.sees(patch)]
    assert list(view.visible(sets)) == seen
    assert list(view.visible_from(sets, first)) == [index for index in seen if index >= first]


@given(whole=st.frozensets(types), single=st.frozensets(keys), patch=patches)
def test_only_a_clerk_who_wants_every_type_sees_everything(
    whole: frozenset[ObjectType], single: frozenset[ObjectKey], patch: Patch
) -> None:
    for role in (Role.VISITOR, Role.GUEST, Role.CLERK):
        view = view_of(role, card_of(role), types=whole, objects=single)
        assert view.sees_everything == (role is Role.CLERK and whole == ALL_TYPES)
        if view.sees_everything:
            assert view.sees(patch)


def test_a_set_need_not_be_looked_at_where_everything_is_seen() -> None:
    assert view_of(Role.CLERK).visible([Patch(INVENTORY)] * 3) == range(3)


def test_a_card_that_is_none_owns_nothing() -> None:
    assert not view_of(Role.GUEST).sees(Patch(ORDER))
    assert not view_of(Role.GUEST, ME).sees(Patch(ORDER))


def test_the_relay_itself_follows_nothing_private() -> None:
    assert not any(view_of(Role.RELAY, ME).sees(Patch(one, owner=ME)) for one in PRIVATE)


@pytest.mark.parametrize("role", [Role.VISITOR, Role.GUEST, Role.CLERK])
def test_views_that_see_the_same_are_equal(role: Role) -> None:
    public = view_of(role, ME, types=PUBLIC_TYPES)
    assert public == view_of(Role.VISITOR) == view_of(Role.GUEST, OTHER).without_own()
    named = view_of(role, ME, types={ObjectType.TAG}, objects={(ObjectType.TAG, b"sale")})
    assert named == view_of(role, ME, types={ObjectType.TAG})


def test_the_owner_is_named_only_where_it_matters() -> None:
    assert view_of(Role.GUEST, ME).owner == ME
    assert view_of(Role.GUEST, ME, types=(), objects={(ORDER, IDS[0])}).owner == ME
    assert view_of(Role.GUEST, ME, types={ObjectType.LISTING, INVENTORY}).owner == 0
    assert view_of(Role.CLERK, ME).owner == 0
    assert hash(view_of(Role.CLERK, ME)) == hash(view_of(Role.CLERK, OTHER))
    assert isinstance(view_of(Role.CLERK), View)
