"""What a patch set makes of a shop: access, ownership, leaves, unlinking, and what is not there yet."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.cbor import Value
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, Op, VerifiedPatchSet, open_patch_set, seal_patch_set
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.judgement import NOBODY, Author, Judgement, judge
from minirelay.shop.access import Role
from minirelay.shop.state import ShopState
from minirelay.store.messages import ObjectRow

KEY = PrivateKey.from_bytes(b"\x05" * 32)
RELAY, CLERK = Author(Role.RELAY, NOBODY), Author(Role.CLERK, 1)
GUEST, OTHER_GUEST = Author(Role.GUEST, 7), Author(Role.GUEST, 8)
WALLET = b"\x11" * 20
CARD = b"\x02" + bytes(31) + b"\x09"
ORDER = (5).to_bytes(8)
ITEM: Value = {"ListingID": 1, "Quantity": 2}
OPEN_ORDER: Value = {"ID": 5, "Items": [], "State": 1}
LISTING: Value = {
    "ID": 1,
    "Price": 100,
    "Metadata": {"Title": "Cup", "Description": "Holds coffee"},
    "ViewState": 1,
}
ADDRESS: Value = {
    "Name": "A",
    "Address1": "B",
    "City": "C",
    "PostalCode": "D",
    "Country": "E",
    "EmailAddress": "a@b.example",
}


def sealed(*patches: tuple[Op, tuple[str | int | bytes, ...], Value]) -> VerifiedPatchSet:
    return open_patch_set(
        seal_patch_set(
            [NewPatch(*patch) for patch in patches],
            shop_id=1,
            key_card_nonce=1,
            timestamp=datetime(2025, 6, 1, tzinfo=UTC),
            key=KEY,
        )
    )


def new_shop() -> ShopState:
    manifest: Value = {
        "ShopID": 1,
        "Payees": {},
        "AcceptedCurrencies": {},
        "PricingCurrency": {"ChainID": 1, "Address": bytes(20)},
    }
    made = judge(
        ShopState(),
        {},
        RELAY,
        sealed(
            ("replace", ("Manifest",), manifest),
            ("add", ("Accounts", WALLET), {"KeyCards": [CARD], "Guest": False}),
        ),
    )
    return judge(made.state, {}, CLERK, sealed(("add", ("Listings", 1), LISTING))).state


SHOP = new_shop()


def write(
    author: Author,
    *patches: tuple[Op, tuple[str | int | bytes, ...], Value],
    state: ShopState = SHOP,
    owners: Mapping[bytes, int] | None = None,
) -> Judgement:
    return judge(state, owners or {}, author, sealed(*patches))


def refusal(
    author: Author,
    *patches: tuple[Op, tuple[str | int | bytes, ...], Value],
    state: ShopState = SHOP,
    owners: Mapping[bytes, int] | None = None,
) -> Refusal:
    before = state.root_hash
    with pytest.raises(Refusal) as caught:
        write(author, *patches, state=state, owners=owners)
    assert state.root_hash == before
    return caught.value


def with_order(author: Author = GUEST) -> tuple[ShopState, dict[bytes, int]]:
    made = write(author, ("add", ("Orders", 5), OPEN_ORDER))
    return made.state, {key: owner for key, owner in made.owners.items() if owner}


def test_an_order_belongs_to_the_guest_that_creates_it() -> None:
    made = write(GUEST, ("add", ("Orders", 5), OPEN_ORDER), ("append", ("Orders", 5, "Items"), ITEM))
    assert made.owners == {ORDER: 7}
    assert [leaf.owner for leaf in made.leaves] == [7, 7]
    assert [(row.object_type, row.owner) for row in made.changes] == [(ObjectType.ORDER, 7)]


def test_a_clerks_order_belongs_to_nobody() -> None:
    made = write(CLERK, ("add", ("Orders", 5), OPEN_ORDER))
    assert made.owners == {ORDER: NOBODY}
    assert made.leaves[0].owner == NOBODY


def test_what_others_write_to_a_guests_order_is_marked_as_the_guests() -> None:
    state, owners = with_order()
    for author in (CLERK, GUEST):
        made = write(author, ("append", ("Orders", 5, "Items"), ITEM), state=state, owners=owners)
        assert made.leaves[0].owner == 7
        assert made.changes[0].owner == 7
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
    assert [leaf.owner for leaf in made.leaves] == [7, NOBODY, NOBODY]
    assert made.owners == {ORDER: NOBODY}


def test_an_order_made_again_just_as_it_was_still_changes_hands() -> None:
    state, owners = with_order()
    made = write(
        CLERK, ("remove", ("Orders", 5), None), ("add", ("Orders", 5), OPEN_ORDER), state=state, owners=owners
    )
    assert made.state.root_hash == state.root_hash
    value = state.get(ObjectType.ORDER, ORDER)
    assert made.changes == (ObjectRow(ObjectType.ORDER, ORDER, value, NOBODY),)


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
    twice = judge(
        SHOP,
        {},
        RELAY,
        sealed(
            ("append", ("Accounts", WALLET, "KeyCards"), other),
            ("append", ("Accounts", WALLET, "KeyCards"), CARD),
        ),
    ).state
    first: tuple[Op, tuple[str | int | bytes, ...], Value] = (
        "remove",
        ("Accounts", WALLET, "KeyCards", 0),
        None,
    )
    assert judge(twice, {}, CLERK, sealed(first)).unlinked == ()
    assert judge(twice, {}, CLERK, sealed(first, first)).unlinked == (other,)
    assert judge(twice, {}, CLERK, sealed(first, first, first)).unlinked == (other, CARD)
    whole = judge(twice, {}, RELAY, sealed(("remove", ("Accounts", WALLET), None)))
    assert set(whole.unlinked) == {other, CARD}
    with pytest.raises(Refusal):
        judge(twice, {}, CLERK, sealed(("remove", ("Accounts", WALLET, "KeyCards", 3), None)))


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


@pytest.mark.parametrize("author", [GUEST, CLERK])
def test_a_commit_is_not_available_yet(author: Author) -> None:
    refused = refusal(
        author,
        ("add", ("Orders", 5), OPEN_ORDER),
        ("append", ("Orders", 5, "Items"), ITEM),
        ("replace", ("Orders", 5, "State"), 3),
    )
    assert (refused.code, "not available yet" in refused.message) == (Code.INVALID, True)


def test_an_order_that_is_open_again_at_the_end_of_the_set_is_fine() -> None:
    made = write(
        CLERK,
        ("add", ("Orders", 5), OPEN_ORDER),
        ("append", ("Orders", 5, "Items"), ITEM),
        ("replace", ("Orders", 5, "State"), 3),
        ("replace", ("Orders", 5, "State"), 1),
    )
    assert len(made.changes) == 1


def test_cancelling_is_possible() -> None:
    state, owners = with_order()
    when = datetime(2025, 6, 1, tzinfo=UTC)
    canceled = write(
        GUEST,
        ("add", ("Orders", 5, "CanceledAt"), when),
        ("replace", ("Orders", 5, "State"), 2),
        state=state,
        owners=owners,
    )
    closed = refusal(CLERK, ("append", ("Orders", 5, "Items"), ITEM), state=canceled.state, owners=owners)
    assert closed.code == Code.INVALID


def test_clients_never_write_what_is_the_relays() -> None:
    state, owners = with_order()
    for field in ("PaymentDetails", "TxDetails"):
        refused = refusal(
            CLERK,
            ("add", ("Orders", 5, field), {"BlockHash": bytes(32), "TxHash": bytes(32)}),
            state=state,
            owners=owners,
        )
        assert refused.code == Code.INVALID


def test_leaves_name_the_objects_as_filters_do() -> None:
    made = write(
        CLERK,
        ("replace", ("Listings", 1, "Price"), 7),
        ("add", ("Tags", "sale\0"), {"Name": "sale", "ListingIDs": [1]}),
        ("add", ("Inventory", 1), 3),
        ("add", ("Orders", 5), OPEN_ORDER),
        ("add", ("Orders", 5, "InvoiceAddress"), ADDRESS),
    )
    assert [(leaf.object_type, leaf.object_id) for leaf in made.leaves] == [
        (ObjectType.LISTING, (1).to_bytes(8)),
        (ObjectType.TAG, b"sale\0"),
        (ObjectType.INVENTORY, (1).to_bytes(8)),
        (ObjectType.ORDER, ORDER),
        (ObjectType.ORDER, ORDER),
    ]


def test_any_error_refuses_the_whole_set() -> None:
    refused = refusal(CLERK, ("replace", ("Listings", 1, "Price"), 7), ("remove", ("Listings", 2), None))
    assert (refused.code, refused.object_id) == (Code.NOT_FOUND, 2)
