"""The head of a shop: what entering a set changes, and that it comes back from the disk as it was."""

import threading
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.protocol.signing import PrivateKey
from minirelay.relay import shop_head as module
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.shop_head import Card, ShopHead, read_head
from minirelay.shop.access import Role
from minirelay.shop.ownership import RELAY_ITSELF, Author
from minirelay.store.database import Store
from minirelay.store.messages import KeyCard, ShopRow, StoredObject
from minirelay.store.writes import Commit
from tests.raw_client import Spec
from tests.relay.house import listing, order
from tests.relay.requests import judged

NOW = datetime(2025, 6, 1, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
CLERK, GUEST, RELAY = (PrivateKey.from_bytes(bytes([number]) * 32) for number in (1, 2, 3))
MANIFEST: Spec = (
    "replace",
    ("Manifest",),
    {
        "ShopID": 9,
        "Payees": {},
        "AcceptedCurrencies": {},
        "PricingCurrency": {"ChainID": 1, "Address": bytes(20)},
    },
)
ROLES = {CLERK: Role.CLERK, GUEST: Role.GUEST, RELAY: Role.RELAY}
ROW = ShopRow(1, 9, 0, 1_700_000_000)


def enter(head: ShopHead, key: PrivateKey, nonce: int, *patches: Spec) -> Commit:
    """Enter a set by one of the three."""
    sealed = seal_patch_set(
        [NewPatch(*patch) for patch in patches], shop_id=9, key_card_nonce=nonce, timestamp=NOW, key=key
    )
    card = head.cards.get(key.public_key)
    author = Author(ROLES[key], card.row_id if card else NOBODY)
    return head.append(judged(head, author, open_patch_set(sealed)))


def enrol(head: ShopHead, key: PrivateKey, row_id: int) -> Commit:
    """Enter the set and the card of an enrolment."""
    is_guest = ROLES[key] is Role.GUEST
    wallet = bytes(20) if is_guest else b"\x0a" * 20
    account: Spec = ("add", ("Accounts", wallet), {"KeyCards": [key.public_key], "Guest": is_guest})
    patches = [NewPatch(*account)] if head.seq else [NewPatch(*MANIFEST), NewPatch(*account)]
    pending = PendingSets(head)
    pending.apply_own(patches, RELAY, NOW)
    card = KeyCard(row_id, key.public_key, 1, wallet, is_guest, 0, False, NOW_S)
    return head.append(pending.accepted([card]))


def a_shop() -> tuple[ShopHead, list[Commit]]:
    """Return the head of a shop with some history, and the commits that led there."""
    head = ShopHead.start(0, ROW)
    commits = [
        enrol(head, CLERK, 4),
        enrol(head, GUEST, 6),
        enter(head, CLERK, 5, listing(1), listing(2), ("add", ("Inventory", 1), 3)),
        enter(head, GUEST, 2**63 + 1, order(7), order(8)),
        enter(head, CLERK, 6, order(9), ("remove", ("Listings", 2), None)),
        enter(head, GUEST, 2**63 + 2, ("remove", ("Orders", 8), None)),
    ]
    return head, commits


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path) as store:
        yield store


def id_of(number: int) -> bytes:
    return number.to_bytes(8)


def test_a_new_shop_has_an_empty_log() -> None:
    head = ShopHead.start(3, ROW)
    assert (head.epoch, head.seq, head.is_new, head.relay_nonce) == (3, 0, True, 0)
    assert head.counts.total == 0


def test_entering_moves_the_end_of_the_log() -> None:
    head, commits = a_shop()
    assert [one.seq for commit in commits for one in commit.sets] == [1, 2, 3, 4, 5, 6]
    assert head.seq == 6
    assert head.counts == commits[-1].sets[-1].counts
    assert (head.counts.listings, head.counts.orders, head.counts.inventory) == (3, 4, 1)
    assert head.counts.size_bytes == sum(len(one.wire) for commit in commits for one in commit.sets)


def test_nonces_are_the_cards_or_the_relays() -> None:
    head, commits = a_shop()
    assert [(commit.nonces, commit.relay_nonce) for commit in commits] == [
        ({}, 1),
        ({}, 2),
        ({4: 5}, None),
        ({6: 2**63 + 1}, None),
        ({4: 6}, None),
        ({6: 2**63 + 2}, None),
    ]
    assert head.relay_nonce == 2
    assert head.cards == {
        CLERK.public_key: Card(4, 6, False, False),
        GUEST.public_key: Card(6, 2**63 + 2, True, False),
    }
    assert head.guest_cards == 1


def test_whose_set_it_is_is_kept_with_it_and_so_is_the_relays_key() -> None:
    _, commits = a_shop()
    assert [one.author for commit in commits for one in commit.sets] == [0, 0, 4, 6, 4, 6]
    assert [commit.relay_signer for commit in commits] == [RELAY.public_key] * 2 + [None] * 4


def test_the_relays_key_enrolled_as_a_card_is_not_taken_for_its_author() -> None:
    head, _ = a_shop()
    account: Spec = ("append", ("Accounts", bytes(20), "KeyCards"), RELAY.public_key)
    enter(head, RELAY, 3, account)
    head.cards[RELAY.public_key] = Card(9, 0, True, False)
    sealed = seal_patch_set(
        [NewPatch("append", ("Accounts", bytes(20), "KeyCards"), b"\x02" + bytes(31) + b"\x01")],
        shop_id=9,
        key_card_nonce=4,
        timestamp=NOW,
        key=RELAY,
    )
    commit = head.append(judged(head, RELAY_ITSELF, open_patch_set(sealed)))
    assert (commit.sets[0].author, commit.relay_nonce, commit.nonces) == (0, 4, {})


def test_the_shop_is_new_in_its_first_commit_only() -> None:
    _, commits = a_shop()
    born = msgspec.structs.replace(ROW, created_at=NOW_S)
    assert [commit.new_shop for commit in commits] == [born] + [None] * 5
    assert [len(commit.new_cards) for commit in commits] == [1, 1, 0, 0, 0, 0]


def test_owners_are_those_of_orders_that_guests_created_and_that_are_there() -> None:
    head, _ = a_shop()
    assert head.owners == {id_of(7): 6}


def test_a_removed_key_card_is_unlinked() -> None:
    head, _ = a_shop()
    commit = enter(head, CLERK, 7, ("remove", ("Accounts", bytes(20), "KeyCards", 0), None))
    assert commit.unlinked == (6,)
    assert head.cards[GUEST.public_key].is_unlinked
    assert not head.cards[CLERK.public_key].is_unlinked
    # It keeps its place below the ceiling: nothing is enrolled again in its stead.
    assert head.guest_cards == 1


async def test_a_head_comes_back_from_disk_as_it_was(store: Store) -> None:
    head, commits = a_shop()
    commits.append(enter(head, CLERK, 7, ("remove", ("Accounts", bytes(20), "KeyCards", 0), None)))
    for commit in commits:
        await store.writer.commit(commit)
    row = await store.reader.shop(9)
    assert row is not None
    again = await read_head(store.reader, 0, row, 0)
    assert again.state.root_hash == head.state.root_hash
    assert sorted(again.state.objects()) == sorted(head.state.objects())
    assert (again.seq, again.counts, again.relay_nonce) == (head.seq, head.counts, head.relay_nonce)
    assert (again.owners, again.cards, again.guest_cards) == (head.owners, head.cards, head.guest_cards)
    assert again.is_new is False
    assert again.objects_bytes == head.objects_bytes


def test_writing_the_same_again_and_again_takes_no_more_memory() -> None:
    head, _ = a_shop()
    enter(head, CLERK, 10, ("replace", ("Listings", 1, "Price"), 1))
    before = head.size_bytes
    for nonce in range(11, 20):
        enter(head, CLERK, nonce, ("replace", ("Listings", 1, "Price"), nonce))
        assert head.size_bytes == before
    enter(head, CLERK, 20, listing(3, Metadata={"Title": "t", "Description": "x" * 5000}))
    assert head.size_bytes > before + 5000
    enter(head, CLERK, 21, ("remove", ("Listings", 3), None))
    assert head.size_bytes == before


async def test_an_order_made_again_just_as_it_was_has_its_new_owner_on_disk(store: Store) -> None:
    head, commits = a_shop()
    commits += [
        enter(head, GUEST, 2**63 + 3, ("remove", ("Orders", 7), None)),
        enter(head, CLERK, 7, order(7)),
        enter(head, GUEST, 2**63 + 4, order(11), ("remove", ("Orders", 11), None), order(11)),
    ]
    for commit in commits:
        await store.writer.commit(commit)
    row = await store.reader.shop(9)
    assert row is not None
    again = await read_head(store.reader, 0, row, 0)
    assert again.owners == head.owners == {id_of(11): 6}


async def test_a_state_is_built_beside_the_loop_with_its_root(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, commits = a_shop()
    for commit in commits:
        await store.writer.commit(commit)
    threads: list[str] = []
    build = module.build_state

    def noted(objects: Sequence[StoredObject]) -> object:
        threads.append(threading.current_thread().name)
        return build(objects)

    monkeypatch.setattr(module, "build_state", noted)
    again = await read_head(store.reader, 0, ROW, 0)
    assert threads != [threading.main_thread().name]
    assert "root_hash" in vars(again.state)
    assert again.state.root_hash == head.state.root_hash


def test_what_the_store_gets_is_what_changed() -> None:
    head, _ = a_shop()
    commit = enter(head, CLERK, 7, ("replace", ("Listings", 1, "Price"), 5))
    (change,) = commit.changes
    assert (change.object_type, change.key) == (ObjectType.LISTING, id_of(1))
    assert change.value == head.state.get(ObjectType.LISTING, id_of(1))
    assert (commit.epoch, commit.shop) == (0, 1)
