"""What a patch set makes of a shop, whoever replays it: access, ownership, unlinking."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from minirelay.errors import Code, Refusal, invalid
from minirelay.protocol.cbor import Value
from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Op, Patch
from minirelay.shop.draft import Draft
from minirelay.shop.ownership import Author
from minirelay.shop.patch_application import AppliedPatchSet, PatchApplication, apply_patch_set
from minirelay.shop.state import ShopState
from tests.shop.authors import (
    CARD,
    CLERK,
    GUEST,
    ITEM,
    OPEN_ORDER,
    ORDER,
    OTHER_GUEST,
    RELAY,
    SHOP,
    WALLET,
    Spec,
    sealed,
    with_order,
)

WHEN = datetime(2025, 6, 1, tzinfo=UTC)


def write(
    author: Author,
    *patches: Spec,
    state: ShopState = SHOP,
    owners: Mapping[bytes, int] | None = None,
) -> AppliedPatchSet:
    return apply_patch_set(state, owners or {}, author, sealed(*patches))


def refusal(
    author: Author,
    *patches: Spec,
    state: ShopState = SHOP,
    owners: Mapping[bytes, int] | None = None,
) -> Refusal:
    before = state.root_hash
    with pytest.raises(Refusal) as caught:
        write(author, *patches, state=state, owners=owners)
    assert state.root_hash == before
    return caught.value


def test_an_order_belongs_to_the_guest_that_creates_it() -> None:
    made = write(GUEST, ("add", ("Orders", 5), OPEN_ORDER), ("append", ("Orders", 5, "Items"), ITEM))
    assert made.owners == {ORDER: 7}
    assert list(made.patch_owners) == [7, 7]
    assert [(one.object_type, one.key) for one in made.changes] == [(ObjectType.ORDER, ORDER)]


def test_a_clerks_order_belongs_to_nobody() -> None:
    made = write(CLERK, ("add", ("Orders", 5), OPEN_ORDER))
    assert made.owners == {ORDER: NOBODY}
    assert made.patch_owners[0] == NOBODY


def test_what_others_write_to_a_guests_order_is_marked_as_the_guests() -> None:
    state, owners = with_order()
    for author in (CLERK, GUEST):
        made = write(author, ("append", ("Orders", 5, "Items"), ITEM), state=state, owners=owners)
        assert made.patch_owners[0] == 7
        assert not made.owners


def test_ownership_lasts_until_the_removal_included_and_starts_anew() -> None:
    state, owners = with_order()
    made = write(
        CLERK,
        ("remove", ("Orders", 5), None),
        ("add", ("Orders", 5), OPEN_ORDER),
        ("append", ("Orders", 5, "Items"), ITEM),
        state=state,
        owners=owners,
    )
    assert list(made.patch_owners) == [7, NOBODY, NOBODY]
    assert made.owners == {ORDER: NOBODY}


@pytest.mark.parametrize(
    ("op", "path", "value"),
    [
        ("add", ("Orders", 5), OPEN_ORDER),
        ("append", ("Orders", 5, "Items"), ITEM),
        ("remove", ("Orders", 5), None),
        ("append", ("Orders", 6, "Items"), ITEM),
        ("remove", ("Orders", 6), None),
        ("add", ("Orders", 0), OPEN_ORDER),
    ],
)
def test_a_guest_may_not_write_what_is_not_its_own(
    op: Op, path: tuple[str | int | bytes, ...], value: Value
) -> None:
    state, owners = with_order()
    refused = refusal(OTHER_GUEST, (op, path, value), state=state, owners=owners)
    if path[1] == 0:
        assert refused.code == Code.INVALID
    else:
        assert (refused.code, refused.object_id) == (Code.NOT_FOUND, path[1])


@pytest.mark.parametrize(
    ("op", "path", "value"),
    [
        ("replace", ("Listings", 1, "Price"), 0),
        ("add", ("Tags", "mine"), {"Name": "mine", "ListingIDs": []}),
        ("add", ("Inventory", 1), 5),
        ("replace", ("Manifest", "PricingCurrency"), {"ChainID": 1, "Address": bytes(20)}),
        ("append", ("Accounts", WALLET, "KeyCards"), CARD),
    ],
)
def test_a_guest_writes_nothing_but_orders(op: Op, path: tuple[str | int | bytes, ...], value: Value) -> None:
    assert refusal(GUEST, (op, path, value)).code == Code.NOT_FOUND


def test_access_is_checked_just_before_each_patch() -> None:
    # the first patch creates what the second may then touch
    write(GUEST, ("add", ("Orders", 5), OPEN_ORDER), ("remove", ("Orders", 5), None))
    # after its removal the order is not this guest's any more
    refused = refusal(
        GUEST,
        ("add", ("Orders", 5), OPEN_ORDER),
        ("remove", ("Orders", 5), None),
        ("append", ("Orders", 5, "Items"), ITEM),
    )
    assert refused.code == Code.NOT_FOUND


def test_a_clerk_may_take_a_key_card_off_an_account() -> None:
    made = write(CLERK, ("remove", ("Accounts", WALLET, "KeyCards", 0), None))
    assert made.unlinked == (CARD,)


def test_a_key_card_is_unlinked_when_its_account_has_it_no_more() -> None:
    other = b"\x03" * 33
    twice = apply_patch_set(
        SHOP,
        {},
        RELAY,
        sealed(
            ("append", ("Accounts", WALLET, "KeyCards"), other),
            ("append", ("Accounts", WALLET, "KeyCards"), CARD),
        ),
    ).state
    first: Spec = (
        "remove",
        ("Accounts", WALLET, "KeyCards", 0),
        None,
    )
    assert apply_patch_set(twice, {}, CLERK, sealed(first)).unlinked == ()
    assert apply_patch_set(twice, {}, CLERK, sealed(first, first)).unlinked == (other,)
    assert apply_patch_set(twice, {}, CLERK, sealed(first, first, first)).unlinked == (other, CARD)
    whole = apply_patch_set(twice, {}, RELAY, sealed(("remove", ("Accounts", WALLET), None)))
    assert set(whole.unlinked) == {other, CARD}
    with pytest.raises(Refusal):
        apply_patch_set(twice, {}, CLERK, sealed(("remove", ("Accounts", WALLET, "KeyCards", 3), None)))


@pytest.mark.parametrize(
    ("op", "path", "value"),
    [
        ("add", ("Accounts", b"\x22" * 20), {"KeyCards": [], "Guest": False}),
        ("append", ("Accounts", WALLET, "KeyCards"), CARD),
        ("add", ("Accounts", WALLET, "KeyCards", 0), CARD),
        ("replace", ("Accounts", WALLET), {"KeyCards": [], "Guest": False}),
        ("remove", ("Accounts", WALLET), None),
    ],
)
def test_a_clerk_does_nothing_else_to_accounts(
    op: Op, path: tuple[str | int | bytes, ...], value: Value
) -> None:
    assert refusal(CLERK, (op, path, value)).code == Code.INVALID


def test_any_error_refuses_the_whole_set() -> None:
    refused = refusal(CLERK, ("replace", ("Listings", 1, "Price"), 7), ("remove", ("Listings", 2), None))
    assert (refused.code, refused.object_id) == (Code.NOT_FOUND, 2)


def test_sets_of_several_authors_may_share_an_application() -> None:
    application = PatchApplication(SHOP, {})
    state, owners, patch_owners = SHOP, dict[bytes, int](), list[int]()
    writes: list[tuple[Author, Spec]] = [
        (GUEST, ("add", ("Orders", 5), OPEN_ORDER)),
        (CLERK, ("append", ("Orders", 5, "Items"), ITEM)),
        (RELAY, ("add", ("Orders", 5, "CanceledAt"), WHEN)),
        (CLERK, ("remove", ("Accounts", WALLET, "KeyCards", 0), None)),
    ]
    for author, patch in writes:
        one = sealed(patch)
        application.apply(author, one.patches)
        alone = apply_patch_set(state, owners, author, one)
        state, owners = alone.state, {**owners, **alone.owners}
        patch_owners += alone.patch_owners
    made = application.finish()
    assert made.state.root_hash == state.root_hash
    assert (made.owners, list(made.patch_owners), made.unlinked) == (owners, patch_owners, (CARD,))


def test_the_rules_for_clients_orders_are_no_part_of_it() -> None:
    """A replay goes by what was accepted: the life of an order is asked about once."""
    cancel: Spec = ("replace", ("Orders", 5, "State"), 2)
    state, owners = with_order()
    canceled = write(GUEST, ("add", ("Orders", 5, "CanceledAt"), WHEN), cancel, state=state, owners=owners)
    write(CLERK, ("append", ("Orders", 5, "Items"), ITEM), state=canceled.state, owners=owners)


def test_a_policy_sees_each_patch_before_and_after_and_may_refuse() -> None:
    seen: list[tuple[str, bool]] = []

    class Noting:
        def before(self, draft: Draft, patch: Patch) -> None:
            seen.append(("before", draft.order(ORDER) is not None))

        def after(self, draft: Draft, patch: Patch) -> None:
            seen.append(("after", draft.order(ORDER) is not None))

        def end(self, draft: Draft) -> None:
            seen.append(("end", draft.order(ORDER) is not None))
            raise invalid("not this one")

    two = sealed(("add", ("Orders", 5), OPEN_ORDER), ("remove", ("Orders", 5), None))
    with pytest.raises(Refusal, match="not this one"):
        apply_patch_set(SHOP, {}, GUEST, two, policy=Noting())
    assert seen == [("before", False), ("after", True), ("before", True), ("after", False), ("end", False)]
    seen.clear()
    with pytest.raises(Refusal):
        # Who may not write a patch is refused before the policy is asked about it.
        apply_patch_set(SHOP, {}, GUEST, sealed(("remove", ("Listings", 1), None)), policy=Noting())
    assert seen == []
