import sys
from collections.abc import Callable
from itertools import count
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from minirelay.client.key_cards import KeyCards
from minirelay.errors import Refusal
from minirelay.protocol.cbor import encode
from minirelay.protocol.patch_set import NewPatch, decode_patch
from minirelay.shop.access import Role
from tests.client.logs import CLERK, GUEST, GUESTS, OTHER_CLERK, OTHER_WALLET, STRANGER, WALLET, new_shop

if TYPE_CHECKING:
    from _typeshed import TraceFunction

A, B, C = (bytes([2, number]) * 16 + b"\0" for number in (1, 2, 3))


def apply(cards: KeyCards, *patches: NewPatch) -> None:
    for patch in patches:
        cards.apply(decode_patch(encode({"Op": patch.op, "Path": list(patch.path), "Value": patch.value})))


def with_cards(*cards: bytes, guest: bool = False) -> KeyCards:
    followed = KeyCards()
    apply(followed, NewPatch("add", ("Accounts", WALLET), {"KeyCards": list(cards), "Guest": guest}))
    return followed


def test_an_empty_shop_has_no_key_cards() -> None:
    assert KeyCards().role_of(A) is None


def test_an_account_makes_clerks_or_guests() -> None:
    assert with_cards(A).role_of(A) is Role.CLERK
    assert with_cards(A, guest=True).role_of(A) is Role.GUEST
    assert with_cards(A).role_of(B) is None


def test_cards_come_at_the_end_or_in_between() -> None:
    cards = with_cards(A)
    apply(cards, NewPatch("append", ("Accounts", WALLET, "KeyCards"), B))
    apply(cards, NewPatch("add", ("Accounts", WALLET, "KeyCards", 0), C))
    assert [cards.role_of(one) for one in (A, B, C)] == [Role.CLERK] * 3


def test_a_card_goes_by_its_place() -> None:
    cards = with_cards(A, B, C)
    apply(cards, NewPatch("remove", ("Accounts", WALLET, "KeyCards", 1)))
    assert [cards.role_of(one) for one in (A, B, C)] == [Role.CLERK, None, Role.CLERK]


def test_an_account_goes_with_all_its_cards() -> None:
    cards = with_cards(A, B)
    apply(cards, NewPatch("remove", ("Accounts", WALLET)))
    assert cards.role_of(A) is cards.role_of(B) is None


def test_an_account_may_be_replaced() -> None:
    cards = with_cards(A, B)
    apply(cards, NewPatch("replace", ("Accounts", WALLET), {"KeyCards": [C], "Guest": True}))
    assert [cards.role_of(one) for one in (A, B, C)] == [None, None, Role.GUEST]


def test_a_card_in_two_accounts_stays_until_the_last_is_gone() -> None:
    cards = with_cards(A)
    apply(cards, NewPatch("add", ("Accounts", OTHER_WALLET), {"KeyCards": [A, A], "Guest": False}))
    apply(cards, NewPatch("remove", ("Accounts", WALLET)))
    assert cards.role_of(A) is Role.CLERK
    apply(cards, NewPatch("remove", ("Accounts", OTHER_WALLET, "KeyCards", 0)))
    assert cards.role_of(A) is Role.CLERK
    apply(cards, NewPatch("remove", ("Accounts", OTHER_WALLET, "KeyCards", 0)))
    assert cards.role_of(A) is None


@pytest.mark.parametrize(
    "patch",
    [
        NewPatch("append", ("Accounts", OTHER_WALLET, "KeyCards"), B),
        NewPatch("add", ("Accounts", WALLET), {"KeyCards": [B], "Guest": False}),
        NewPatch("remove", ("Accounts", WALLET, "KeyCards", 9)),
        NewPatch("append", ("Accounts", WALLET, "KeyCards"), b"short"),
        NewPatch("replace", ("Accounts", WALLET, "Guest"), True),
    ],
)
def test_what_the_rules_refuse_is_refused(patch: NewPatch) -> None:
    with pytest.raises(Refusal):
        apply(with_cards(A), patch)


def test_other_objects_are_nobodys_cards() -> None:
    cards = with_cards(A)
    apply(cards, NewPatch("add", ("Listings", 1), "not even a listing"))
    assert cards.role_of(A) is Role.CLERK


def test_it_may_begin_with_a_state() -> None:
    cards = KeyCards(new_shop().state)
    assert cards.role_of(CLERK.public_key) is Role.CLERK
    assert cards.role_of(OTHER_CLERK.public_key) is Role.CLERK
    assert cards.role_of(GUEST.public_key) is Role.GUEST
    assert cards.role_of(STRANGER.public_key) is None
    apply(cards, NewPatch("append", ("Accounts", GUESTS, "KeyCards"), A))
    assert cards.role_of(A) is Role.GUEST


def test_a_new_guest_does_not_cost_a_step_for_every_earlier_one() -> None:
    """Count what is looked at, not time: a hundred thousand guests are legal (spec 05)."""
    cards = with_cards(guest=True)
    numbers = count(1)

    def enrol(guests: int) -> None:
        for _ in range(guests):
            card = next(numbers).to_bytes(33)
            apply(cards, NewPatch("append", ("Accounts", WALLET, "KeyCards"), card))

    enrol(3000)
    before = _steps(lambda: enrol(10))
    enrol(3000)
    assert _steps(lambda: enrol(10)) <= before * 1.5


def _steps(work: Callable[[], None]) -> int:
    steps = 0

    def step(_frame: FrameType, _event: str, _argument: object) -> "TraceFunction":
        nonlocal steps
        steps += 1
        return step

    sys.settrace(step)
    try:
        work()
    finally:
        sys.settrace(None)
    return steps
