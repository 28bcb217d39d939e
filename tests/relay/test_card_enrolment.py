"""A key card's enrolment as the relay's own set: what it writes, what refuses it, what it costs."""

import sys

import pytest

from minirelay.errors import MinirelayError
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import (
    decode_header,
)
from minirelay.protocol.push import decode_set
from minirelay.protocol.signing import recover
from minirelay.relay.card_enrolment import CardEnrolment
from minirelay.relay.enrolment import CardAlreadyEnrolled, FirstCardIsGuest, GuestCeilingReached
from minirelay.relay.messages import Enrolment
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.canonical import load
from minirelay.shop.objects import Account
from minirelay.shop.work import Work, WorkExceeded
from minirelay.store.batch import rows_of
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import RELAY, ShopRow
from tests.relay.house import (
    RELAY_KEY,
    new_key,
)
from tests.relay.requests import CLERK, GUEST, NOW, SHOP_ID, STRANGER, crowded_head, enrolment, open_head


def test_an_enrolment_is_a_set_of_the_relay() -> None:
    head = ShopHead.start(0, ShopRow(1, SHOP_ID, 0))
    request = enrolment(CLERK)
    commit = head.append(request.judge(head))
    (stored,) = commit.sets
    pushed = decode_set(stored.wire)
    assert recover(pushed.header, pushed.signature) == RELAY_KEY.public_key
    header = decode_header(pushed.header)
    assert (header.shop_id, header.key_card_nonce, header.timestamp) == (SHOP_ID, 1, NOW)
    assert commit.relay_nonce == 1
    assert commit.relay_signer == RELAY_KEY.public_key
    assert stored.author == RELAY
    assert commit.new_shop == ShopRow(1, SHOP_ID, 0, created_at=int(NOW.timestamp()))
    (new_card,) = commit.new_cards
    assert new_card.public_key == CLERK.public_key
    assert new_card.enrolled_at == int(NOW.timestamp())
    second = enrolment(GUEST, is_guest=True)
    assert head.append(second.judge(head)).new_shop is None


def test_a_card_that_the_head_knows_is_not_enrolled_again() -> None:
    with pytest.raises(CardAlreadyEnrolled):
        enrolment(CLERK).judge(open_head())


def test_a_guest_is_not_the_first() -> None:
    with pytest.raises(FirstCardIsGuest):
        enrolment(GUEST, is_guest=True).judge(ShopHead.start(0, ShopRow(1, SHOP_ID, 0)))


def test_guests_have_a_ceiling() -> None:
    head = open_head()
    with pytest.raises(GuestCeilingReached):
        enrolment(STRANGER, is_guest=True, ceiling=1).judge(head)
    enrolment(STRANGER, is_guest=True, ceiling=2).judge(head)
    enrolment(STRANGER, ceiling=1).judge(head)


@pytest.mark.parametrize("guests", [1000, 100_000])
def test_an_enrolment_writes_little_however_many_guests_there_are(guests: int) -> None:
    head = crowded_head(guests)
    for number in range(50):
        request = enrolment(new_key(), is_guest=True, ceiling=10**6)
        commit = head.append(request.judge(head))
        assert rows_of([commit]).size_bytes <= 16 * 1024
        assert commit.weight <= 16 * 1024
        account = load(Account, head.state.get(ObjectType.ACCOUNT, bytes(20)) or b"")
        assert len(account.key_cards) == guests + number + 2
        assert account.key_cards[-1] == request.enrolment.key_card


def test_an_enrolment_takes_as_many_steps_however_many_guests_there_are() -> None:
    assert calls_of_an_enrolment(100_000) <= calls_of_an_enrolment(10) + 100


def calls_of_an_enrolment(guests: int) -> int:
    """Count the calls of functions, in Python and C, but for those that cut the account into pieces."""
    head = crowded_head(guests)
    _ = head.state.root_hash
    request = enrolment(new_key(), is_guest=True, ceiling=10**6)
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        head.append(request.judge(head))
    finally:
        sys.setprofile(None)
    return count


def test_an_enrolment_reports_success_and_errors() -> None:
    heard: list[MinirelayError | None] = []
    request = CardEnrolment(
        enrolment=Enrolment(SHOP_ID, bytes(20), CLERK.public_key, False),
        card_row=1,
        relay_key=RELAY_KEY,
        registry_chain=1,
        guest_card_ceiling=1,
        now=lambda: NOW,
        settle=heard.append,
    )
    error = StoreUnavailable("no")
    request.stored(bytes(32))
    request.refuse(error)
    assert heard == [None, error]
    assert request.size_bytes == 0


def test_the_relays_own_sets_make_as_much_work_as_they_need() -> None:
    head = open_head()
    request = enrolment(STRANGER)
    with pytest.raises(WorkExceeded):
        request.judge(head, Work(1))
    assert request.judge(head).entries
