"""Whose turn it is, however many one shop has."""

from minirelay.mirror.pending_accounts import MOST_OF_A_SHOP, PendingAccounts
from minirelay.store.account_checks import AccountCheck


def check(shop: int, wallet: int, may_be_added: bool = True) -> AccountCheck:
    return AccountCheck(shop, wallet.to_bytes(20), may_be_added)


def test_every_shop_has_its_turn() -> None:
    pending = PendingAccounts([check(1, wallet) for wallet in range(50)], 0)
    pending.add(check(2, 7), 0)
    pending.add(check(3, 7), 0)
    assert pending.next(4, ()) == [check(1, 0), check(2, 7), check(3, 7), check(1, 1)]
    # What stays in goes behind the others of its shop.
    assert {one.wallet[-1] for one in pending.next(6, ()) if one.shop_id == 1} == {2, 3, 4, 5}


def test_a_shop_that_had_no_turn_is_the_first_the_next_time() -> None:
    pending = PendingAccounts([check(shop, 1) for shop in range(5)], 0)
    assert [[one.shop_id for one in pending.next(2, ())] for _ in range(3)] == [[0, 1], [2, 3], [4, 0]]


def test_what_is_to_wait_is_left_out_and_stays() -> None:
    pending = PendingAccounts([check(1, 1), check(1, 2)], 0)
    assert pending.next(9, {check(1, 1).key}) == [check(1, 2)]
    assert check(1, 1) in pending
    assert pending.next(9, {check(1, 1).key, check(1, 2).key}) == []


def test_what_is_done_is_gone() -> None:
    pending = PendingAccounts([check(1, 1)], 0)
    pending.done(check(1, 1))
    pending.done(check(1, 1))
    assert not pending
    assert pending.next(9, ()) == []


def test_who_may_be_added_may_also_be_removed() -> None:
    pending = PendingAccounts([check(1, 1, False)], 0)
    assert check(1, 1, False) in pending
    assert check(1, 1) not in pending
    pending.add(check(1, 1), 5)
    assert check(1, 1, False) in pending
    assert pending.next(9, ()) == [check(1, 1)]
    assert pending.age_s(check(1, 1), 7) == 2


def test_a_shop_has_room_for_so_many() -> None:
    pending = PendingAccounts((), 0)
    for wallet in range(MOST_OF_A_SHOP):
        assert pending.has_room(1)
        pending.add(check(1, wallet), 0)
    assert not pending.has_room(1)
    assert pending.has_room(2)
