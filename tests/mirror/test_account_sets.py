"""What is written on a head: what is not so yet, and nothing of what changed since the chain was asked."""

from minirelay.mirror.account_sets import AccountChanges, removed_wallets
from minirelay.protocol.objects import ObjectType
from minirelay.relay.own_write import OwnSets
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.work import Work
from tests.relay.requests import CLERK, NOW, open_head

WALLET, OTHER = b"\x0a" * 20, b"\x0b" * 20
"""The first is the clerk's of `open_head`."""


def decided(head: ShopHead, changes: AccountChanges) -> OwnSets | None:
    return changes.decide(head, Facts(int(NOW.timestamp())), Work())


def written(sets: OwnSets | None) -> list[tuple[str, object]]:
    groups = () if sets is None else sets.outcome.patches
    return [(patch.op, patch.path[1]) for group in groups for patch in group]


def test_who_has_an_account_gets_no_other() -> None:
    head = open_head()
    assert decided(head, AccountChanges(added=[WALLET])) is None
    assert written(decided(head, AccountChanges(added=[WALLET, OTHER]))) == [("add", OTHER)]


def test_an_account_is_removed_as_it_was_seen() -> None:
    head = open_head()
    account = head.state.get(ObjectType.ACCOUNT, WALLET)
    assert account is not None
    assert CLERK.public_key in account
    sets = decided(head, AccountChanges(removed={WALLET: account}))
    assert written(sets) == [("remove", WALLET)]
    assert removed_wallets(sets) == {WALLET}


def test_an_account_that_changed_since_stays() -> None:
    head = open_head()
    assert decided(head, AccountChanges(removed={WALLET: b"\xa0", OTHER: b"\xa0"})) is None
    assert removed_wallets(None) == set()
