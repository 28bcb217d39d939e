"""What a client may do to an order, asked when its set is accepted: the life of an order, no checkout yet."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from minirelay.errors import Code, Refusal
from minirelay.relay.client_policy import ClientPolicy
from minirelay.shop.ownership import Author
from minirelay.shop.patch_application import AppliedPatchSet, apply_patch_set
from minirelay.shop.state import ShopState
from tests.shop.authors import CLERK, GUEST, ITEM, OPEN_ORDER, SHOP, Spec, sealed, with_order


def write(
    author: Author,
    *patches: Spec,
    state: ShopState = SHOP,
    owners: Mapping[bytes, int] | None = None,
) -> AppliedPatchSet:
    return apply_patch_set(state, owners or {}, author, sealed(*patches), policy=ClientPolicy())


def refusal(
    author: Author,
    *patches: Spec,
    state: ShopState = SHOP,
    owners: Mapping[bytes, int] | None = None,
) -> Refusal:
    with pytest.raises(Refusal) as caught:
        write(author, *patches, state=state, owners=owners)
    return caught.value


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


def test_the_first_thing_wrong_is_said_be_it_the_policys_or_the_states() -> None:
    state, owners = with_order()
    details: Spec = ("add", ("Orders", 5, "TxDetails"), {"BlockHash": bytes(32), "TxHash": bytes(32)})
    absent: Spec = ("remove", ("Listings", 9), None)
    refused = refusal(CLERK, details, absent, state=state, owners=owners)
    assert "only the relay writes TxDetails" in refused.message
    refused = refusal(CLERK, absent, details, state=state, owners=owners)
    assert (refused.code, refused.object_id) == (Code.NOT_FOUND, 9)
