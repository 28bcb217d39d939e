"""Shops are made as if clients had asked for it, and what is in memory is what the database holds."""

from pathlib import Path

from minirelay.bench.fixtures import (
    SHOP_ID,
    Cards,
    add_guests,
    enrol,
    guest_enrolment,
    new_keys,
    open_relay,
    patch_sets_of,
    prepare,
    read_shop,
)
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import open_patch_set
from minirelay.relay.audit import audit, read_signers
from minirelay.relay.shop_head import read_head
from minirelay.shop.canonical import load
from minirelay.shop.objects import Account
from minirelay.store.database import Store


async def test_cards_are_enrolled(tmp_path: Path) -> None:
    cards = Cards(new_keys(2), new_keys(3))
    await enrol(tmp_path, cards)
    async with await Store.open(tmp_path) as store:
        for keys, is_guest in ((cards.clerks, False), (cards.guests, True)):
            for key in keys:
                card = await store.reader.key_card(key.public_key)
                assert card is not None
                assert (card.is_guest, card.is_unlinked) == (is_guest, False)
        row = await store.reader.shop(SHOP_ID)
        assert row is not None
        assert (await store.reader.tail(row.row_id))[0] == 5


async def test_many_guests_are_in_the_log_and_in_the_shop(tmp_path: Path) -> None:
    await enrol(tmp_path, Cards(new_keys(1), new_keys(1)))
    await add_guests(tmp_path, 2500)
    async with await Store.open(tmp_path) as store:
        head = await read_shop(store)
        assert (head.guest_cards, head.seq) == (2501, 2 + 3)
        account = head.state.get(ObjectType.ACCOUNT, bytes(20))
        assert account is not None
        assert len(load(Account, account).key_cards) == 2501
        result = await audit(store.reader, head.row, await read_signers(store.reader), lambda _: None)
        assert result.root_hash == head.state.root_hash
    async with open_relay(tmp_path) as relay:
        await relay.admit(guest_enrolment(new_keys(1)[0].public_key))
        assert await relay.store.reader.count_guest_cards(head.row.row_id) == 2502


async def test_head_and_database_agree(tmp_path: Path) -> None:
    async with prepare(tmp_path, 60) as fixtures:
        requests = fixtures.price_changes(3)
        assert len({one.header.key_card_nonce for one in map(open_patch_set, patch_sets_of(requests))}) == 3
        for request in requests:
            await fixtures.store.writer.commit(fixtures.enter(request))
        stored = await read_head(fixtures.store.reader, fixtures.head.epoch, fixtures.head.row, 0)
        assert stored.seq == fixtures.head.seq
        assert stored.state.root_hash == fixtures.head.state.root_hash
        assert len(stored.state.listings) == 60
